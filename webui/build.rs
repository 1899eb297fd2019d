//! Builds the console with npm and esbuild, and lists its files for `include_bytes!`.
//!
//! A machine without Node.js still builds the gateway: it gets a page that says what to install.
//! `CAUSEWAY_WEBUI=stub` asks for that page without trying.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use std::{env, fs, io};

/// What the files are made from, and what makes them.
const SOURCES: &[&str] = &["app", "package.json", "package-lock.json", ".npmrc", "build.mjs"];

/// For one program; a registry that does not answer must not stop a build for good.
const PATIENCE: Duration = Duration::from_secs(180);

fn main() -> io::Result<()> {
    for source in SOURCES {
        println!("cargo::rerun-if-changed={source}");
    }
    println!("cargo::rerun-if-env-changed=CAUSEWAY_WEBUI");
    let here = PathBuf::from(variable("CARGO_MANIFEST_DIR")?);
    let out = PathBuf::from(variable("OUT_DIR")?);
    let dist = out.join("dist");
    match fs::remove_dir_all(&dist) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => fs::create_dir_all(&dist)?,
    }
    let stub = env::var("CAUSEWAY_WEBUI").is_ok_and(|it| it == "stub");
    let built = if stub { Err("CAUSEWAY_WEBUI=stub".to_owned()) } else { build(&here, &dist) };
    if let Err(why) = built {
        if !stub {
            println!("cargo::warning=The console is not in this build: {why}");
            println!("cargo::warning=Install Node.js 20 or later with npm, then build again.");
        }
        write_stub(&dist, &why)?;
    }
    fs::write(out.join("assets.rs"), listing(&dist)?)
}

fn variable(name: &str) -> io::Result<String> {
    env::var(name).map_err(|error| io::Error::other(format!("{name}: {error}")))
}

fn build(here: &Path, dist: &Path) -> Result<(), String> {
    if !installed(here) {
        let args = ["ci", "--omit=dev", "--prefer-offline", "--fetch-retries=1"];
        run(Command::new("npm").args(args).arg("--fetch-timeout=20000").current_dir(here))?;
    }
    run(Command::new("node").arg("build.mjs").arg(dist).current_dir(here))
}

/// npm writes the inner file last, so it is newer than the lock file that it followed.
fn installed(here: &Path) -> bool {
    let time = |path: &str| fs::metadata(here.join(path)).and_then(|it| it.modified());
    match (time("node_modules/.package-lock.json"), time("package-lock.json")) {
        (Ok(done), Ok(wanted)) => done >= wanted,
        _ => false,
    }
}

fn run(command: &mut Command) -> Result<(), String> {
    let name = command.get_program().to_string_lossy().into_owned();
    let command = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
    let child = command.spawn().map_err(|error| format!("cannot run {name}: {error}"))?;
    let output = finished(child).map_err(|error| format!("{name}: {error}"))?;
    output.map_or_else(|| Ok(()), |said| Err(format!("{name} failed: {said}")))
}

/// The line that says what failed in a program, or `None` if it succeeded.
fn finished(mut child: Child) -> io::Result<Option<String>> {
    let said = child.stderr.take();
    let reader = std::thread::spawn(move || said.map_or(Ok(String::new()), io::read_to_string));
    let begun = Instant::now();
    let status = loop {
        if let Some(status) = child.try_wait()? {
            break status;
        }
        if begun.elapsed() > PATIENCE {
            child.kill()?;
            child.wait()?;
            return Ok(Some(format!("no end after {} s", PATIENCE.as_secs())));
        }
        std::thread::sleep(Duration::from_millis(20));
    };
    let said = reader.join().map_err(|_| io::Error::other("cannot read what it said"))??;
    let named = |it: &&str| it.contains("rror");
    let last = || said.lines().rfind(|it| !it.trim().is_empty());
    let line = said.lines().find(named).or_else(last).unwrap_or("it said nothing").trim();
    Ok((!status.success()).then(|| line.to_owned()))
}

fn write_stub(dist: &Path, why: &str) -> io::Result<()> {
    let why = why.replace('&', "&amp;").replace('<', "&lt;");
    let page = format!(
        "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width\">\n\
         <title>Causeway</title>\n<h1>The console is not in this build</h1>\n\
         <p>It is made with Node.js 20 or later and npm, which the build did not find or could not \
         use: <code>{why}</code></p>\n<p>Install them and build again. Until then the command \
         <code>causeway</code> does all that the console does.</p>\n</html>\n"
    );
    fs::write(dist.join("index.html"), page)
}

/// A table of Rust: name, and the bytes as they are, with gzip, with brotli.
fn listing(dist: &Path) -> io::Result<String> {
    let mut names = Vec::new();
    for entry in fs::read_dir(dist)? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        if !name.ends_with(".gz") && !name.ends_with(".br") {
            names.push(name);
        }
    }
    names.sort();
    let mut text = String::from("const FILES: &[File] = &[\n");
    for name in names {
        let include = |suffix: &str| {
            let path = dist.join(format!("{name}{suffix}"));
            path.exists().then(|| format!("include_bytes!({path:?})"))
        };
        let packed = |suffix| match include(suffix) {
            Some(bytes) => format!("Some({bytes})"),
            None => "None".to_owned(),
        };
        let bytes = include("").unwrap_or_default();
        let row = writeln!(
            text,
            "File {{ name: {name:?}, bytes: {bytes}, gzip: {}, brotli: {} }},",
            packed(".gz"),
            packed(".br")
        );
        row.map_err(io::Error::other)?;
    }
    text.push_str("];\n");
    Ok(text)
}
