//! `cargo xtask bench`: the relay benchmark kit, which lives beside the checkout.

use std::path::{Path, PathBuf};

use anyhow::{Result, bail, ensure};

use crate::process::{self, cargo, command, root, target_dir};

/// What is measured without further arguments, and how often.
const ALL: &[&str] = &[
    "--peer",
    "postfix",
    "--peer",
    "causeway",
    "--workload",
    "W1a,W1b,W2a,W2b,W3,W4,W5,W6a,W6b,W7,W8,W9,W10",
    "--rounds",
    "3",
    "--backlog",
    "20000",
];

/// `--kit DIR` names the kit; everything else goes to its `bench.py`.
///
/// Without further arguments: all workloads, the gateway beside Postfix, three rounds.
fn run_kit(kit: &Path, args: &[String]) -> Result<()> {
    let script = kit.join("bench.py");
    ensure!(
        script.is_file(),
        "no benchmark kit at {}: say where it is with --kit DIR",
        kit.display()
    );
    process::run(&mut cargo(&["build", "--release", "-p", "cli"]))?;
    let kit_target = target_dir().join("kit");
    process::run(
        cargo(&["build", "--release"])
            .current_dir(kit.join("loadgen"))
            .env("CARGO_TARGET_DIR", &kit_target),
    )?;
    let script = script.to_string_lossy();
    let mut bench = command("python3", &[&script]);
    match args {
        [] => bench.args(ALL),
        _ => bench.args(args),
    };
    process::run(
        bench
            .env("CAUSEWAY", target_dir().join("release/causeway"))
            .env("SMTPKIT", kit_target.join("release/smtpkit"))
            .env("KIT_ROOTS", target_dir().join("peers")),
    )
}

pub(crate) fn run(args: &[String]) -> Result<()> {
    match args {
        [flag, kit, rest @ ..] if flag == "--kit" => run_kit(&PathBuf::from(kit), rest),
        [flag] if flag == "--kit" => bail!("--kit wants a folder"),
        _ => run_kit(&root().join("../shared/bench"), args),
    }
}
