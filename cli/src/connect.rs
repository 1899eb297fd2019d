//! Where the gateway is and what opens its door.

use std::fs;
use std::path::{Path, PathBuf};

use api::Addresses;
use config::Config;

use crate::exit::{Exit, Failure, Result};

/// Read when nothing else says where the gateway is.
const CONFIG_DEFAULT: &str = "/etc/causeway/causeway.toml";

/// An admin API that we can speak to. The token is not shown by `Debug`.
#[derive(Clone)]
pub(crate) struct Target {
    /// `ADDRESS:PORT`.
    pub(crate) address: String,
    pub(crate) token: String,
}

impl std::fmt::Debug for Target {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Target({})", self.address)
    }
}

/// What the environment says; read once, in `main`.
#[derive(Clone, Debug, Default)]
pub(crate) struct Environment {
    /// `CAUSEWAY_ADMIN`.
    pub(crate) admin: Option<String>,
    /// `CAUSEWAY_TOKEN`.
    pub(crate) token: Option<String>,
}

impl Environment {
    pub(crate) fn read() -> Self {
        let set = |name| std::env::var(name).ok().filter(|it| !it.is_empty());
        Self { admin: set("CAUSEWAY_ADMIN"), token: set("CAUSEWAY_TOKEN") }
    }
}

/// The environment wins over the configuration, piece by piece.
pub(crate) fn target(config: Option<&Path>, environment: &Environment) -> Result<Target> {
    let (admin, token) = (environment.admin.clone(), environment.token.clone());
    if let (Some(address), Some(token)) = (&admin, &token) {
        return Ok(Target { address: bare(address), token: token.clone() });
    }
    let config = read_config(&config_path(config)?)?;
    let address = match admin {
        Some(address) => bare(&address),
        None => admin_address(&config)?,
    };
    let token = match token {
        Some(token) => token,
        None => read_token(&config)?,
    };
    Ok(Target { address, token })
}

/// The file that `--config` or `CAUSEWAY_CONFIG` names, or the usual one.
pub(crate) fn config_path(given: Option<&Path>) -> Result<PathBuf> {
    if let Some(path) = given {
        return Ok(path.to_owned());
    }
    let usual = Path::new(CONFIG_DEFAULT);
    if usual.exists() {
        return Ok(usual.to_owned());
    }
    let message = format!("no configuration: there is no {CONFIG_DEFAULT}");
    Err(Failure::usage(message)
        .hint("give --config FILE, or set CAUSEWAY_CONFIG, or CAUSEWAY_ADMIN and CAUSEWAY_TOKEN"))
}

/// Without a look at the files that it names: an operator need not be able to read TLS keys.
fn read_config(path: &Path) -> Result<Config> {
    let bytes = fs::read(path).map_err(|error| {
        Failure::usage(format!("cannot read {}: {error}", path.display()))
            .hint("give --config FILE, or set CAUSEWAY_ADMIN and CAUSEWAY_TOKEN")
    })?;
    Config::parse_bytes(&bytes, &path.display().to_string()).map_err(|mistakes| {
        let mut failure = Failure::usage(format!("{} has mistakes", path.display()));
        failure.details = mistakes.to_string().lines().map(str::to_owned).collect();
        failure
    })
}

/// The address of the configuration, or with port 0 the one that the gateway wrote down.
fn admin_address(config: &Config) -> Result<String> {
    if config.admin.bind.port() != 0 {
        return Ok(reachable(config.admin.bind).to_string());
    }
    let path = config.server.data_dir.join(Addresses::FILE);
    let not_running = |why: String| {
        Failure::new(Exit::Unreachable, format!("cannot read {}: {why}", path.display()))
            .hint("the gateway writes it once it is ready: is it running?")
    };
    let text = fs::read_to_string(&path).map_err(|error| not_running(error.to_string()))?;
    let addresses = Addresses::from_json(&text).map_err(|error| not_running(error.to_string()))?;
    Ok(addresses.admin)
}

/// A wildcard is no address to connect to: the loopback of its family is.
fn reachable(mut bind: std::net::SocketAddr) -> std::net::SocketAddr {
    if bind.ip().is_unspecified() {
        bind.set_ip(match bind {
            std::net::SocketAddr::V4(_) => std::net::Ipv4Addr::LOCALHOST.into(),
            std::net::SocketAddr::V6(_) => std::net::Ipv6Addr::LOCALHOST.into(),
        });
    }
    bind
}

fn read_token(config: &Config) -> Result<String> {
    let usual = || config.server.data_dir.join("admin.token");
    let path = config.admin.token_file.clone().unwrap_or_else(usual);
    let text = fs::read_to_string(&path).map_err(|error| {
        Failure::new(Exit::Unauthorised, format!("cannot read {}: {error}", path.display()))
            .hint("run this as the gateway's user, or set CAUSEWAY_TOKEN")
    })?;
    let line = text.lines().map(str::trim).find(|it| !it.is_empty() && !it.starts_with('#'));
    line.map(str::to_owned).ok_or_else(|| {
        Failure::new(Exit::Unauthorised, format!("there is no token in {}", path.display()))
    })
}

/// `http://host:port/` as well as `host:port`.
fn bare(address: &str) -> String {
    address.trim_start_matches("http://").trim_end_matches('/').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONFIG: &str = r#"
        [server]
        hostname = "gw.example"
        data_dir = "data"
        [[listener]]
        name = "mx"
        bind = "127.0.0.1:0"
        role = "mx"
        [site.cloud]
        hosts = ["127.0.0.1:25"]
        [[relay_domain]]
        name = "contoso.example"
        unlisted = "reject"
        [admin]
        bind = "ADMIN"
    "#;

    fn folder(admin: &str) -> (tempfile::TempDir, PathBuf) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("causeway.toml");
        fs::create_dir(dir.path().join("data")).unwrap();
        fs::write(&path, CONFIG.replace("ADMIN", admin)).unwrap();
        fs::write(dir.path().join("data/admin.token"), "secret-token-secret\n").unwrap();
        (dir, path)
    }

    #[test]
    fn the_configuration_tells_address_and_token() {
        let (_dir, path) = folder("0.0.0.0:8025");
        let target = target(Some(&path), &Environment::default()).unwrap();
        assert_eq!((&*target.address, &*target.token), ("127.0.0.1:8025", "secret-token-secret"));
        assert!(!format!("{target:?}").contains("secret"));
    }

    #[test]
    fn port_zero_is_looked_up_where_the_gateway_wrote_it() {
        let (dir, path) = folder("127.0.0.1:0");
        let failure = target(Some(&path), &Environment::default()).unwrap_err();
        assert_eq!(failure.exit, Exit::Unreachable);
        let text = r#"{"admin":"127.0.0.1:4711","listeners":{"mx":"127.0.0.1:4712"}}"#;
        fs::write(dir.path().join("data/addresses.json"), text).unwrap();
        let target = target(Some(&path), &Environment::default()).unwrap();
        assert_eq!(target.address, "127.0.0.1:4711");
    }

    #[test]
    fn the_environment_wins_and_needs_no_file() {
        let set = |it: &str| Some(it.to_owned());
        let environment =
            Environment { admin: set("http://10.0.0.1:8025/"), token: set("from-env-token-00") };
        let target = target(Some(Path::new("/nothing")), &environment).unwrap();
        assert_eq!((&*target.address, &*target.token), ("10.0.0.1:8025", "from-env-token-00"));
    }

    #[test]
    fn a_missing_file_is_wrong_usage_with_a_way_out() {
        let failure = target(Some(Path::new("/nothing")), &Environment::default()).unwrap_err();
        assert_eq!(failure.exit, Exit::Usage);
        assert!(failure.hint.unwrap().contains("CAUSEWAY_ADMIN"));
    }
}
