//! `cargo xtask fuzz`: one target of `fuzz/` under libFuzzer with its committed corpus.
//!
//! The stable compiler instruments for coverage. `--sanitize` adds the address sanitizer, which is
//! behind an unstable switch that `RUSTC_BOOTSTRAP` opens for this build alone; it is several
//! times slower, and our own code has no `unsafe` for it to find anything in.

use anyhow::{Result, ensure};

use crate::process::{self, cargo, command, root};

/// What `cargo fuzz` would pass: edge coverage with comparisons traced, and
/// overflow checks but not the dependencies' own debug assertions.
const FLAGS: &str = "--cfg fuzzing -Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters \
    -Cllvm-args=-sanitizer-coverage-pc-table -Cllvm-args=-sanitizer-coverage-trace-compares \
    -Cdebug-assertions=no -Coverflow-checks=yes";

/// The host is named so that build scripts are not instrumented.
const HOST: &str = "x86_64-unknown-linux-gnu";

/// `TARGET [--runs N] [--sanitize]`
struct Options<'a> {
    target: &'a str,
    runs: &'a str,
    sanitize: bool,
}

fn options(args: &[String]) -> Result<Options<'_>> {
    let usage = || anyhow::anyhow!("want TARGET [--runs N] [--sanitize]");
    let (target, mut rest) = args.split_first().ok_or_else(usage)?;
    let mut options = Options { target, runs: "1000000", sanitize: false };
    while let Some((flag, after)) = rest.split_first() {
        match (flag.as_str(), after) {
            ("--sanitize", _) => (options.sanitize, rest) = (true, after),
            ("--runs", [runs, after @ ..]) => (options.runs, rest) = (runs, after),
            _ => return Err(usage()),
        }
    }
    Ok(options)
}

pub(crate) fn run(args: &[String]) -> Result<()> {
    let Options { target, runs, sanitize } = options(args)?;
    let names = targets()?;
    ensure!(names.iter().any(|name| name == target), "there are: {}", names.join(" "));
    let fuzz = root().join("fuzz");
    let arguments =
        ["build", "--release", "--features", "libfuzzer", "--target", HOST, "--bin", target];
    let mut build = cargo(&arguments);
    build.current_dir(&fuzz).env("CARGO_TARGET_DIR", fuzz.join("target"));
    if sanitize {
        build.env("RUSTC_BOOTSTRAP", "1").env("RUSTFLAGS", format!("{FLAGS} -Zsanitizer=address"));
    } else {
        build.env("RUSTFLAGS", FLAGS);
    }
    process::run(&mut build)?;
    let program = fuzz.join("target").join(HOST).join("release").join(target);
    let found = fuzz.join("artifacts").join(target);
    // New inputs go to a scratch folder; the committed corpus is only read.
    let scratch = fuzz.join("target/corpus").join(target);
    std::fs::create_dir_all(&found)?;
    std::fs::create_dir_all(&scratch)?;
    let limits = [
        format!("-runs={runs}"),
        format!("-artifact_prefix={}/", found.display()),
        "-timeout=10".into(),
        "-rss_limit_mb=2048".into(),
        "-max_len=65536".into(),
        "-print_final_stats=1".into(),
    ];
    process::run(
        command(&program.to_string_lossy(), &[])
            .args(limits)
            .arg(scratch)
            .arg(fuzz.join("corpus").join(target)),
    )
}

/// Each file of `fuzz/targets` is a target.
fn targets() -> Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in std::fs::read_dir(root().join("fuzz/targets"))? {
        let path = entry?.path();
        names.extend(path.file_stem().map(|stem| stem.to_string_lossy().into_owned()));
    }
    names.sort();
    Ok(names)
}
