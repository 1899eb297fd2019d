//! Running other programs: loudly, from the top of the checkout, with tests counted.

use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Mutex;

use anyhow::{Context, Result, ensure};

/// The top of the checkout.
pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("xtask lies in the workspace")
}

/// Where cargo puts what it builds.
pub(crate) fn target_dir() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from)
}

/// A command that runs at the top of the checkout.
pub(crate) fn command(program: &str, args: &[&str]) -> Command {
    let mut command = Command::new(program);
    command.args(args).current_dir(root());
    command
}

/// The cargo that started us, at the top of the checkout.
pub(crate) fn cargo(args: &[&str]) -> Command {
    command(&std::env::var("CARGO").unwrap_or_else(|_| "cargo".into()), args)
}

/// Runs it to its end with our own output; an error unless it succeeds.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    eprintln!("$ {}", line_of(command));
    let status = command.status().with_context(|| format!("cannot start {}", line_of(command)))?;
    ensure!(status.success(), "{} ended with {status}", line_of(command));
    Ok(())
}

/// What it printed on standard output; an error unless it succeeds.
pub(crate) fn output(command: &mut Command) -> Result<String> {
    let out = command
        .stderr(Stdio::inherit())
        .output()
        .with_context(|| format!("cannot start {}", line_of(command)))?;
    ensure!(out.status.success(), "{} ended with {}", line_of(command), out.status);
    String::from_utf8(out.stdout).context("output is not UTF-8")
}

/// Whether a program of this name is on the search path.
pub(crate) fn on_path(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| folder.join(program).is_file())
}

/// How many tests a runner reported.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    pub(crate) passed: u64,
    pub(crate) failed: u64,
}

impl Tally {
    pub(crate) fn add(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
    }

    /// Adds what a line of output says, if it is a runner's summary: libtest's
    /// `test result: ok. 3 passed; 1 failed; ...` or nextest's
    /// `Summary [ 0.1s] 4 tests run: 3 passed, 1 failed, 0 skipped`, or node's `# pass 3`.
    fn read(&mut self, line: &str) {
        let line = line.trim_start();
        let number = |prefix| line.strip_prefix(prefix).and_then(|it| it.trim().parse().ok());
        self.passed += number("# pass ").unwrap_or(0);
        self.failed += number("# fail ").unwrap_or(0);
        if !line.starts_with("test result:") && !line.starts_with("Summary [") {
            return;
        }
        let words: Vec<&str> =
            line.split([' ', ',', ';']).filter(|word| !word.is_empty()).collect();
        for pair in words.windows(2) {
            let [number, what] = pair else { continue };
            let Ok(number) = number.parse::<u64>() else { continue };
            match *what {
                "passed" => self.passed += number,
                "failed" | "timed" => self.failed += number,
                _ => (),
            }
        }
    }
}

/// Runs a test runner, passes its output on and counts what it reports.
///
/// A runner that fails without a failed test (a build error, say) counts as one failure.
pub(crate) fn run_counted(command: &mut Command) -> (Result<()>, Tally) {
    eprintln!("$ {}", line_of(command));
    let tally = Mutex::new(Tally::default());
    let status = (|| {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
        let (out, err) = (child.stdout.take(), child.stderr.take());
        std::thread::scope(|scope| {
            scope.spawn(|| out.map(|out| pass_on(out, &tally)));
            scope.spawn(|| err.map(|err| pass_on(err, &tally)));
        });
        child.wait()
    })();
    let mut tally = tally.into_inner().unwrap_or_default();
    let result = match status {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(anyhow::anyhow!("{} ended with {status}", line_of(command))),
        Err(error) => Err(error).with_context(|| format!("cannot start {}", line_of(command))),
    };
    if result.is_err() && tally.failed == 0 {
        tally.failed = 1;
    }
    (result, tally)
}

fn pass_on(from: impl Read, tally: &Mutex<Tally>) {
    for line in BufReader::new(from).split(b'\n').map_while(Result::ok) {
        let line = String::from_utf8_lossy(&line);
        eprintln!("{line}");
        if let Ok(mut tally) = tally.lock() {
            tally.read(&line);
        }
    }
}

fn line_of(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::Tally;

    #[test]
    fn summaries_of_all_runners_are_counted() {
        let mut tally = Tally::default();
        tally.read("test result: FAILED. 3 passed; 1 failed; 0 ignored; finished in 0.1s");
        tally.read("     Summary [   0.1s] 7 tests run: 5 passed (1 slow), 1 failed, 1 timed out, 0 skipped");
        tally.read("3 passed by the window");
        tally.read("# pass 4");
        tally.read("# fail 1");
        assert_eq!(tally, Tally { passed: 12, failed: 4 });
    }
}
