//! `cargo xtask api-fuzz`: schemathesis against a running gateway, by the gateway's own OpenAPI
//! document. No server error, no answer that the document does not have, and of each operation some
//! that succeed: the gateway has mail, people, plans and moves, and the tool knows their names.
//!
//! Takes Python 3 with venv, and the network once, for the package.

mod report;
mod seed;
mod words;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;

use crate::process::{cargo, command, run, target_dir};

const VERSION: &str = "schemathesis==4.32.5";

const CHECKS: &str = "not_a_server_error,status_code_conformance,content_type_conformance,\
response_schema_conformance,response_headers_conformance";

const CONFIG: &str = r#"[server]
hostname = "gw.example"
data_dir = "data"
[[listener]]
name = "mx"
bind = "127.0.0.1:0"
role = "mx"
[site.on_prem]
hosts = ["127.0.0.1:9"]
[site.cloud]
hosts = ["127.0.0.1:9"]
[[relay_domain]]
name = "contoso.example"
unlisted = "on_prem"
[directory.people]
kind = "csv"
[directory.kept]
kind = "csv"
file = "people.csv"
refresh = "1d"
removals_max = 1000
[rails]
recipient_check = "off"
site_not_healthy = "off"
[routing]
cutover_max = "1d"
[admin]
bind = "127.0.0.1:0"
[log]
level = "warn"
"#;

/// What others take away, in a run of its own before them; and what takes away from others, after.
const FIRST: &str = "/api/v1/moves/{name}/resolve";
const LAST: &str = "/api/v1/queue/actions";

/// Live events do not end, and there is no identity provider: they have tests of their own.
const NOT_HERE: [&str; 3] =
    ["/api/v1/stream", "/api/v1/session/oidc", "/api/v1/session/oidc/callback"];

/// Ends the gateway whatever happens.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        // It cannot be helped if it is gone.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A gateway, and how to speak to it.
pub(crate) struct Gateway {
    running: Running,
    pub(crate) folder: PathBuf,
    pub(crate) program: PathBuf,
    pub(crate) admin: String,
    pub(crate) mx: String,
}

pub(crate) fn api_fuzz(args: &[String]) -> Result<()> {
    let examples = args.first().map_or("30", String::as_str);
    let tool = schemathesis()?;
    // With the features that the whole workspace is built with.
    run(&mut cargo(&["build", "--workspace", "--bin", "causeway"]))?;
    let folder = target_dir().join("api-fuzz");
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder)?;
    fs::write(folder.join("causeway.toml"), CONFIG)?;
    let gateway = Gateway::start(&folder)?;
    let seeds = seed::seed(&gateway)?;
    // After a kill everything that waits is in doubt, and then a doubt can be resolved.
    drop(gateway);
    let mut gateway = Gateway::start(&folder)?;
    fs::write(folder.join("schemathesis.toml"), words::configuration(&seeds, &gateway)?)?;
    let mut done = Ok(());
    // A plan is approved by somebody who has a name, and `admin.token` has none.
    let token = gateway.make_token("fuzz", "administrator")?;
    for only in [Some(FIRST), None, Some(LAST)] {
        let ran = fuzz(&tool, &gateway, examples, (&token, only));
        done = done.and(ran);
    }
    if let Some(ended) = gateway.running.0.try_wait()? {
        bail!("the gateway ended: {ended}");
    }
    let never = report::report(&gateway)?;
    done?;
    ensure!(never.is_empty(), "operations that never succeeded: {}", never.join(", "));
    Ok(())
}

fn fuzz(
    tool: &Path,
    gateway: &Gateway,
    examples: &str,
    (token, only): (&str, Option<&str>),
) -> Result<()> {
    let url = format!("http://{}", gateway.admin);
    let header = format!("Authorization: Bearer {token}");
    let mut command = Command::new(tool);
    command
        .args(["--config-file", "schemathesis.toml", "run"])
        .arg(format!("{url}/api/v1/openapi.json"))
        .args(["--url", &url, "--header", &header, "--checks", CHECKS])
        .args(["--phases", "examples,coverage,fuzzing", "--max-examples", examples])
        .args(["--request-timeout", "60", "--no-color", "--continue-on-failure"])
        .current_dir(&gateway.folder);
    match only {
        Some(path) => drop(command.args(["--include-path", path])),
        None => {
            for path in [FIRST, LAST].into_iter().chain(NOT_HERE) {
                command.args(["--exclude-path", path]);
            }
        }
    }
    run(&mut command)
}

impl Gateway {
    fn start(folder: &Path) -> Result<Self> {
        let program = target_dir().join("debug/causeway");
        let addresses = folder.join("data/addresses.json");
        let _ = fs::remove_file(&addresses);
        let log = folder.join("gateway.log");
        let log = fs::OpenOptions::new().create(true).append(true).open(log)?;
        let child = Command::new(&program)
            .args(["serve", "--config", "causeway.toml"])
            .current_dir(folder)
            .stderr(log)
            .spawn()
            .context("cannot start the gateway")?;
        let running = Running(child);
        let found = until_there(&addresses)?;
        let text = |it: &Value| it.as_str().unwrap_or_default().to_owned();
        let (admin, mx) = (text(&found["admin"]), text(&found["listeners"]["mx"]));
        Ok(Self { running, folder: folder.to_owned(), program, admin, mx })
    }

    pub(crate) fn token(&self) -> Result<String> {
        let text = fs::read_to_string(self.folder.join("data/admin.token"))?;
        let line = text.lines().find(|it| !it.starts_with('#')).unwrap_or_default();
        Ok(line.trim().to_owned())
    }
}

/// The program, in an environment of its own below the target folder.
fn schemathesis() -> Result<PathBuf> {
    let folder = target_dir().join("schemathesis");
    let program = folder.join("bin/schemathesis");
    if !program.is_file() {
        let path = folder.to_string_lossy().into_owned();
        run(&mut command("python3", &["-m", "venv", &path]))?;
        let pip = folder.join("bin/pip");
        run(Command::new(pip).args(["install", "--quiet", VERSION]))?;
    }
    Ok(program)
}

/// Where the gateway listens, once it does.
fn until_there(file: &Path) -> Result<Value> {
    let end = Instant::now() + Duration::from_secs(60);
    while Instant::now() < end {
        if let Ok(text) = fs::read_to_string(file)
            && let Ok(addresses) = serde_json::from_str(&text)
        {
            return Ok(addresses);
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    bail!("the gateway did not start; see gateway.log beside its configuration")
}
