//! The real binary, in a sandbox, with a generated configuration.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::api::Api;
use crate::peers::{START_BOUND, Server, Sites, await_greeting, target_dir};
use crate::sandbox::Sandbox;
use crate::wait;

/// How many users the table lists.
pub const N_USERS: usize = 1000;

/// How long SIGTERM may take.
const STOP_BOUND: Duration = Duration::from_secs(40);

/// What differs between scenarios with two sites. Texts are lines of `causeway.toml`.
#[derive(Clone)]
pub struct Settings {
    /// More lines for both listeners.
    pub listener: String,
    /// More lines for both sites.
    pub site: String,
    /// More sections, such as `[limits]`.
    pub sections: String,
}

impl Default for Settings {
    fn default() -> Self {
        // Retries fast enough for a test.
        let sections = "[delivery]\nretry = [\"1s\"]\n".to_string();
        Self { listener: String::new(), site: "tls = \"none\"\n".into(), sections }
    }
}

impl Settings {
    /// The configuration of a gateway with the sites `odd` and `even`; users without an
    /// entry are at `even`.
    pub fn config(&self, data: &Path, sites: Sites) -> String {
        let site = |name: &str, at: SocketAddr| {
            format!("[site.{name}]\nhosts = [\"{at}\"]\n{}\n", self.site)
        };
        let (odd, even) = (site("odd", sites.odd), site("even", sites.even));
        let (data, listener, sections) = (data.display(), &self.listener, &self.sections);
        format!(
            "[server]\nhostname = \"gw.e2e.example\"\ndata_dir = \"{data}\"\n\
             [[listener]]\nname = \"mx\"\nbind = \"127.0.0.1:0\"\nrole = \"mx\"\n{listener}\n\
             [[listener]]\nname = \"relay\"\nbind = \"127.0.0.1:0\"\nrole = \"relay\"\n\
             relay_from = [\"127.0.0.0/8\"]\n{listener}\n{odd}{even}\
             [[relay_domain]]\nname = \"example.test\"\nunlisted = \"even\"\n\
             [admin]\nbind = \"127.0.0.1:0\"\n{sections}\n"
        )
    }
}

/// A gateway.
pub struct Gateway {
    sandbox: Sandbox,
    folder: PathBuf,
    data: PathBuf,
    /// What to start it through, such as `prlimit --nofile=64`.
    pub launcher: Vec<String>,
    child: Option<Child>,
    addresses: Option<Value>,
}

/// The binary: `CAUSEWAY`, or the release build beside this test.
pub fn binary() -> PathBuf {
    std::env::var_os("CAUSEWAY")
        .map_or_else(|| target_dir().join("release/causeway"), PathBuf::from)
}

impl Gateway {
    /// `data` is its data folder, perhaps on a volume of the sandbox; `config` the
    /// text of its configuration. Call [`Server::start`] next.
    pub fn new(sandbox: Sandbox, folder: &Path, data: &Path, config: &str) -> Result<Self> {
        let binary = binary();
        ensure!(
            binary.is_file(),
            "no {}: run `cargo build --release -p cli` first",
            binary.display()
        );
        let gateway = Self {
            sandbox,
            folder: folder.to_path_buf(),
            data: data.to_path_buf(),
            launcher: Vec::new(),
            child: None,
            addresses: None,
        };
        gateway.configure(config)?;
        Ok(gateway)
    }

    /// Writes the configuration; a running gateway reads it on [`Gateway::hang_up`].
    pub fn configure(&self, config: &str) -> Result<()> {
        Ok(fs::write(self.config_path(), config)?)
    }

    /// Puts users with odd numbers below [`N_USERS`] at the site `odd`. The gateway must run.
    pub fn import_table(&self) -> Result<()> {
        let rows = (1..N_USERS).step_by(2).map(|n| format!("user{n}@example.test,odd\n"));
        let file = self.folder.join("table.csv");
        fs::write(&file, format!("address,home\n{}", rows.collect::<String>()))?;
        self.import_whole(&file)
    }

    /// Reads a file into the table that moves as many mailboxes as it likes.
    pub fn import_whole(&self, file: &Path) -> Result<()> {
        let file = file.to_string_lossy();
        let mut command = vec!["route", "import", &file, "--reason", "a scenario"];
        command.extend(["--override", "large_change", "--override", "domain_row"]);
        self.command(&command).map(drop)
    }

    pub fn config_path(&self) -> PathBuf {
        self.folder.join("causeway.toml")
    }

    /// The log so far.
    pub fn log(&self) -> String {
        fs::read_to_string(self.folder.join("log")).unwrap_or_default()
    }

    /// Process id of the gateway itself, outside.
    pub fn pid(&self) -> Result<u32> {
        let pids = self.sandbox.processes()?;
        let is_ours = |pid: &&u32| {
            fs::read_to_string(format!("/proc/{pid}/comm"))
                .is_ok_and(|name| name.trim() == "causeway")
        };
        pids.iter().find(is_ours).copied().context("the gateway does not run")
    }

    /// Runs an operator's command against it, whatever comes of it.
    pub fn cli(&self, args: &[&str]) -> Result<Output> {
        let (admin, token) = self.admin()?;
        let mut command = Command::new(binary());
        command.args(args).env("CAUSEWAY_ADMIN", admin.to_string());
        Ok(command.env("CAUSEWAY_TOKEN", token.trim()).output()?)
    }

    /// Its admin API, for many questions.
    pub fn api(&self) -> Result<Api> {
        let (admin, token) = self.admin()?;
        Api::connect(admin, &token)
    }

    fn admin(&self) -> Result<(SocketAddr, String)> {
        let addresses = self.addresses.as_ref().context("the gateway was not started")?;
        let token = fs::read_to_string(self.sandbox.path(&self.data.join("admin.token")))?;
        Ok((parse_address(&addresses["admin"])?, token))
    }

    /// As [`Gateway::cli`]; its standard output, or an error unless it exits 0.
    pub fn command(&self, args: &[&str]) -> Result<String> {
        let out = self.cli(args)?;
        let (said, wrong) =
            (String::from_utf8_lossy(&out.stdout), String::from_utf8_lossy(&out.stderr));
        ensure!(out.status.success(), "causeway {}: {}: {said}{wrong}", args.join(" "), out.status);
        Ok(said.into_owned())
    }

    /// As [`Gateway::command`] with `--json`.
    pub fn json(&self, args: &[&str]) -> Result<Value> {
        let text = self.command(&[args, &["--json"]].concat())?;
        serde_json::from_str(&text).with_context(|| format!("causeway {}: {text}", args.join(" ")))
    }

    /// Where a listener has its port since the last start.
    pub fn listener(&self, name: &str) -> Result<SocketAddr> {
        let addresses = self.addresses.as_ref().context("the gateway was not started")?;
        parse_address(&addresses["listeners"][name])
    }

    /// SIGTERM; returns when it has drained and ended, with its exit status.
    pub fn terminate(&mut self) -> Result<i32> {
        let pid = self.pid()?.to_string();
        ensure!(Command::new("kill").args(["-TERM", &pid]).status()?.success(), "cannot signal it");
        let child = self.child.as_mut().context("not started")?;
        let mut status = None;
        wait::until("the gateway to end", STOP_BOUND, || {
            status = child.try_wait().ok().flatten();
            status.is_some()
        })?;
        Ok(status.and_then(|status| status.code()).unwrap_or(-1))
    }

    /// SIGHUP: read the configuration again.
    pub fn hang_up(&self) -> Result<()> {
        let pid = self.pid()?.to_string();
        ensure!(Command::new("kill").args(["-HUP", &pid]).status()?.success(), "cannot signal it");
        Ok(())
    }

    /// The ledger must account for every accepted recipient.
    pub fn verify_ledger(&self) -> Result<()> {
        self.command(&["ledger", "verify"]).map(drop)
    }

    fn read_addresses(&self) -> Option<Value> {
        serde_json::from_str(&fs::read_to_string(self.addresses_path()).ok()?).ok()
    }

    fn addresses_path(&self) -> PathBuf {
        self.sandbox.path(&self.data.join("addresses.json"))
    }
}

impl Server for Gateway {
    fn name(&self) -> &'static str {
        "causeway"
    }

    fn start(&mut self) -> Result<()> {
        // Left by the run before, it would name ports that are gone.
        fs::remove_file(self.addresses_path()).ok();
        let log = fs::File::options().create(true).append(true).open(self.folder.join("log"))?;
        let binary = binary().to_string_lossy().into_owned();
        let mut words = self.launcher.clone();
        words.push(binary);
        let (program, rest) = words.split_first().context("a program to start")?;
        let mut command = self.sandbox.command(program);
        command.args(rest).arg("serve").arg("--config").arg(self.config_path());
        let mut child = command.stdout(log.try_clone()?).stderr(log).spawn()?;
        let mut found = None;
        let ready = wait::until("addresses.json", START_BOUND, || {
            found = self.read_addresses();
            found.is_some() || child.try_wait().is_ok_and(|status| status.is_some())
        });
        let addresses = ready.ok().and(found).with_context(|| {
            let log = self.log();
            format!("the gateway did not start: {}", &log[log.len().saturating_sub(2000)..])
        })?;
        self.addresses = Some(addresses);
        await_greeting(&mut child, self.listener("mx")?)?;
        self.child = Some(child);
        Ok(())
    }

    fn address(&self) -> SocketAddr {
        self.listener("mx").expect("start() comes first")
    }

    fn sandbox(&self) -> &Sandbox {
        &self.sandbox
    }

    fn flush(&self) -> Result<()> {
        self.command(&["queue", "retry", "--yes"]).map(drop)
    }
}

fn parse_address(value: &Value) -> Result<SocketAddr> {
    let text = value.as_str().with_context(|| format!("no address: {value}"))?;
    Ok(text.parse()?)
}
