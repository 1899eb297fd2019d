//! `cargo xtask api-fuzz`: schemathesis against a running gateway, by the gateway's own OpenAPI
//! document. No server error, no answer that the document does not have.
//!
//! Takes Python 3 with venv, and the network once, for the package.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
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
[admin]
bind = "127.0.0.1:0"
[log]
level = "warn"
"#;

/// Ends the gateway whatever happens.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

pub(crate) fn api_fuzz(args: &[String]) -> Result<()> {
    let examples = args.first().map_or("30", String::as_str);
    let tool = schemathesis()?;
    run(&mut cargo(&["build", "-p", "cli"]))?;
    let folder = target_dir().join("api-fuzz");
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder)?;
    fs::write(folder.join("causeway.toml"), CONFIG)?;
    let program = target_dir().join("debug/causeway");
    let child = Command::new(program)
        .args(["serve", "--config", "causeway.toml"])
        .current_dir(&folder)
        .stderr(fs::File::create(folder.join("gateway.log"))?)
        .spawn()
        .context("cannot start the gateway")?;
    let mut running = Running(child);
    let address = address(&folder.join("data/addresses.json"))?;
    let token = fs::read_to_string(folder.join("data/admin.token"))?;
    let token = token.lines().find(|it| !it.starts_with('#')).unwrap_or_default().trim();
    let url = format!("http://{address}");
    let header = format!("Authorization: Bearer {token}");
    let done = run(Command::new(tool)
        .arg("run")
        .arg(format!("{url}/api/v1/openapi.json"))
        .args(["--url", &url, "--header", &header, "--checks", CHECKS])
        // It does not end, and has tests of its own.
        .args(["--exclude-path", "/api/v1/stream"])
        .args(["--phases", "examples,coverage,fuzzing", "--max-examples", examples])
        .args(["--request-timeout", "60", "--no-color"])
        .current_dir(&folder));
    if let Some(ended) = running.0.try_wait()? {
        bail!("the gateway ended: {ended}");
    }
    done
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

/// Where the admin API is, once it is there.
fn address(file: &Path) -> Result<String> {
    let end = Instant::now() + Duration::from_secs(30);
    while Instant::now() < end {
        if let Ok(text) = fs::read_to_string(file) {
            let addresses: Value = serde_json::from_str(&text)?;
            return Ok(addresses["admin"].as_str().unwrap_or_default().to_owned());
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    bail!("the gateway did not start; see gateway.log beside its configuration")
}
