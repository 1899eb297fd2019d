//! `cargo xtask soak`: the crash scenarios of `tests/`, as many rounds as asked for.

use anyhow::{Context, Result, bail};

use crate::process::{self, cargo, target_dir};

/// How often the server is killed and the power is cut; the defaults are what
/// the first release was accepted with.
struct Rounds {
    kills: u32,
    cuts: u32,
}

fn rounds(args: &[String]) -> Result<Rounds> {
    let mut rounds = Rounds { kills: 500, cuts: 200 };
    for pair in args.chunks(2) {
        let [flag, number] = pair else { bail!("{} wants a number", pair.join(" ")) };
        let number = number.parse().with_context(|| format!("{flag} wants a number"))?;
        match flag.as_str() {
            "--kills" => rounds.kills = number,
            "--cuts" => rounds.cuts = number,
            _ => bail!("unknown option {flag}; there are --kills and --cuts"),
        }
    }
    Ok(rounds)
}

pub(crate) fn run(args: &[String]) -> Result<()> {
    let rounds = rounds(args)?;
    process::run(&mut cargo(&["build", "--release", "-p", "cli"]))?;
    process::run(
        cargo(&[
            "test",
            "-p",
            "e2e",
            "--test",
            "crash",
            "--",
            "--nocapture",
            "--test-threads",
            "1",
        ])
        .env("CAUSEWAY", target_dir().join("release/causeway"))
        .env("E2E_KILLS", rounds.kills.to_string())
        .env("E2E_CUTS", rounds.cuts.to_string()),
    )
}
