//! The real gateway, as a process of its own: started, killed without warning, started again.

use std::fs::{self, File};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use api::Addresses;
use tokio::process::{Child, Command};
use tokio::sync::watch;
use tokio::time::{Instant, sleep};

use super::mailbox::{CLOUD, CLOUD_DOMAIN, DOMAIN, ON_PREM};
use super::site::Site;
use crate::client::Client;
use crate::connect::{Environment, target};

/// From the start of the process to its addresses.
const READY_FOR: Duration = Duration::from_secs(10);
/// From SIGTERM to the end.
const STOP_FOR: Duration = Duration::from_secs(8);
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// A gateway in a folder of its own.
pub(crate) struct Gateway {
    dir: PathBuf,
    child: Child,
    /// Where it takes mail now; it changes when the process is started again.
    address: watch::Sender<SocketAddr>,
}

impl Gateway {
    /// Writes the configuration and starts `causeway serve`; returns once it is ready.
    pub(crate) async fn start(dir: &Path, on_prem: &Site, cloud: &Site) -> Result<Self> {
        fs::create_dir_all(dir.join("data"))?;
        fs::write(config_path(dir), configuration(on_prem.address, cloud.address))?;
        let (child, address) = spawn(dir).await?;
        Ok(Self { dir: dir.to_owned(), child, address: watch::Sender::new(address) })
    }

    /// Follows the gateway from process to process.
    pub(crate) fn address(&self) -> watch::Receiver<SocketAddr> {
        self.address.subscribe()
    }

    pub(crate) fn config(&self) -> PathBuf {
        config_path(&self.dir)
    }

    /// To the admin API of the present process.
    pub(crate) fn client(&self) -> Result<Client> {
        let target = target(Some(&self.config()), &Environment::default());
        let target = target.map_err(|failure| anyhow::anyhow!(failure.message))?;
        Ok(Client::new(target, "demo".to_owned()))
    }

    /// SIGKILL: no time to write anything down.
    pub(crate) async fn kill(&mut self) -> Result<()> {
        self.child.kill().await.context("cannot kill the gateway")
    }

    pub(crate) async fn restart(&mut self) -> Result<()> {
        let (child, address) = spawn(&self.dir).await?;
        self.child = child;
        self.address.send_replace(address);
        Ok(())
    }

    /// SIGTERM: it drains and ends.
    pub(crate) async fn stop(&mut self) -> Result<ExitStatus> {
        if let Some(pid) = self.child.id() {
            // There is no safe signal call in std; every POSIX system has this program.
            Command::new("kill").arg(pid.to_string()).status().await?;
        }
        let ended = tokio::time::timeout(STOP_FOR, self.child.wait()).await;
        Ok(ended.context("the gateway did not end after SIGTERM")??)
    }
}

fn config_path(dir: &Path) -> PathBuf {
    dir.join("causeway.toml")
}

/// Retries come fast, so that a few seconds show what takes minutes elsewhere.
fn configuration(on_prem: SocketAddr, cloud: SocketAddr) -> String {
    format!(
        r#"[server]
hostname = "gw.demo.example"
data_dir = "data"
data_threads = 1
shutdown_grace = "5s"

[[listener]]
name = "mx"
bind = "127.0.0.1:0"
role = "mx"

[site.{ON_PREM}]
hosts = ["{on_prem}"]
tls = "none"

[site.{CLOUD}]
hosts = ["{cloud}"]
tls = "none"
recipient = "{{local}}@{CLOUD_DOMAIN}"

[[relay_domain]]
name = "{DOMAIN}"
unlisted = "reject"

[delivery]
retry = ["1s", "1s", "2s"]

[admin]
bind = "127.0.0.1:0"
"#
    )
}

async fn spawn(dir: &Path) -> Result<(Child, SocketAddr)> {
    let addresses = dir.join("data").join(Addresses::FILE);
    // What the last process wrote is not where this one listens.
    let _ = fs::remove_file(&addresses);
    let log = File::options().create(true).append(true).open(log_path(dir))?;
    let program = std::env::current_exe().context("cannot find this program's file")?;
    let mut child = Command::new(program)
        .arg("serve")
        .arg("--config")
        .arg(config_path(dir))
        .stdin(Stdio::null())
        .stdout(log.try_clone()?)
        .stderr(log)
        .kill_on_drop(true)
        .spawn()
        .context("cannot start the gateway")?;
    let deadline = Instant::now() + READY_FOR;
    loop {
        if let Some(address) = read_address(&addresses) {
            return Ok((child, address));
        }
        if let Some(status) = child.try_wait()? {
            bail!("the gateway ended at once ({status}); see {}", log_path(dir).display());
        }
        if Instant::now() > deadline {
            bail!("the gateway is not ready after {READY_FOR:?}; see {}", log_path(dir).display());
        }
        sleep(LOOK_EVERY).await;
    }
}

/// Where the gateway's own words go.
pub(crate) fn log_path(dir: &Path) -> PathBuf {
    dir.join("gateway.log")
}

fn read_address(file: &Path) -> Option<SocketAddr> {
    let addresses = Addresses::from_json(&fs::read_to_string(file).ok()?).ok()?;
    addresses.listeners.get("mx")?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_demo_s_configuration_has_no_mistakes() {
        let text = configuration(([127, 0, 0, 1], 2525).into(), ([127, 0, 0, 1], 2526).into());
        let config = config::Config::parse(&text, "causeway.toml").unwrap();
        assert_eq!(config.sites.len(), 2);
    }
}
