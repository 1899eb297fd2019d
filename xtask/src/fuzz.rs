//! `cargo xtask fuzz`: one target of `fuzz/` under libFuzzer with its committed corpus.
//!
//! The stable compiler instruments for coverage; only the address sanitizer is
//! behind its unstable switch, which `RUSTC_BOOTSTRAP` opens for this build alone.

use anyhow::{Result, bail, ensure};

use crate::process::{self, cargo, command, root};

/// What `cargo fuzz` would pass: edge coverage with comparisons traced, the
/// address sanitizer, and overflow checks but not the dependencies' own
/// debug assertions.
const FLAGS: &str = "--cfg fuzzing -Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters \
    -Cllvm-args=-sanitizer-coverage-pc-table -Cllvm-args=-sanitizer-coverage-trace-compares \
    -Cdebug-assertions=no -Coverflow-checks=yes -Zsanitizer=address";

/// The host is named so that build scripts are not instrumented.
const HOST: &str = "x86_64-unknown-linux-gnu";

pub(crate) fn run(args: &[String]) -> Result<()> {
    let (target, runs) = match args {
        [target] => (target, "1000000"),
        [target, flag, runs] if flag == "--runs" => (target, runs.as_str()),
        _ => bail!("want TARGET [--runs N], with one of: {}", targets()?.join(" ")),
    };
    ensure!(targets()?.contains(target), "no target {target}; there are: {}", targets()?.join(" "));
    let fuzz = root().join("fuzz");
    process::run(
        cargo(&["build", "--release", "--target", HOST, "--bin", target])
            .current_dir(&fuzz)
            .env("CARGO_TARGET_DIR", fuzz.join("target"))
            .env("RUSTC_BOOTSTRAP", "1")
            .env("RUSTFLAGS", FLAGS),
    )?;
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
