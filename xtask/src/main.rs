//! The project's own tasks: `cargo xtask ci` and its parts.
//!
//! Everything a checkout needs is here and in Debian packages; there are no
//! scripts in other languages to install first.

use std::process::ExitCode;

mod api_fuzz;
mod bench;
mod ci;
mod console;
mod docs;
mod fuzz;
mod monitoring;
mod packages;
mod process;
mod soak;
mod tidy;

const USAGE: &str = "\
usage: cargo xtask TASK

  ci                      everything that must hold before a merge; as root it installs
                          the Debian packages that it misses
  packages                only the step that installs those packages
  tidy                    the checks that no compiler makes (layers, words, licences, ...)
  docs                    write the generated pages of docs/reference, and the console's types
  console                 the console's checks and its tests in a browser, on the release build
  bench [--kit DIR] ARGS  the benchmark kit (default ../shared/bench) on the release build
  soak --kills N --cuts N the crash scenarios, as long as you like
  api-fuzz [EXAMPLES]     schemathesis on a gateway of its own; EXAMPLES for each operation (30)
  fuzz TARGET [--runs N]  one fuzz target with its committed corpus
";

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let Some((task, rest)) = args.split_first() else {
        eprint!("{USAGE}");
        return ExitCode::from(2);
    };
    let done = match task.as_str() {
        "ci" => ci::run(),
        "packages" => packages::install(),
        "tidy" => tidy::run(),
        "docs" => docs::write(),
        "console" => console::check().and_then(|()| console::test().0),
        "bench" => bench::run(rest),
        "soak" => soak::run(rest),
        "api-fuzz" => api_fuzz::api_fuzz(rest),
        "fuzz" => fuzz::run(rest),
        _ => {
            eprint!("{USAGE}");
            return ExitCode::from(2);
        }
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("xtask {task}: {error:#}");
            ExitCode::FAILURE
        }
    }
}
