//! A whole gateway on loopback, without a process, and what its admin side says and does.

use std::path::Path;
use std::sync::Arc;

use admin::{Author, Backend as _};
use api::{OverrideRequest, OverrideTo, SiteState};
use config::Config;
use tokio::runtime::{Builder, Runtime};

use super::Control;
use crate::Shards;
use crate::run::{Started, start};

/// Two sites at which nobody listens; port 9 is discard.
const CONFIG: &str = r#"
[server]
hostname = "gw.example"
data_dir = "DIR"
data_threads = 1

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

[spool]
free_bytes_min = "0B"
free_inodes_min = 0
segment_bytes = "4MiB"
"#;

struct Gateway {
    started: Option<Started>,
    shards: Option<Shards>,
    runtime: Runtime,
}

impl Gateway {
    fn start(dir: &Path) -> Self {
        let path = dir.join("causeway.toml");
        let text = CONFIG.replace("DIR", &dir.display().to_string());
        std::fs::write(&path, text).unwrap();
        let config = Config::load(&path).unwrap_or_else(|it| panic!("{it}"));
        let runtime = Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let shards = Shards::start(1, deliver::enter_shard).unwrap();
        let started = start(config, &path, &runtime, &shards).unwrap();
        Self { started: Some(started), shards: Some(shards), runtime }
    }

    fn control(&self) -> Arc<Control> {
        Arc::clone(&self.started.as_ref().unwrap().control)
    }

    fn ask<T>(&self, question: impl Future<Output = T>) -> T {
        self.runtime.block_on(question)
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        let Some(started) = self.started.take() else { return };
        started.stop.cancel();
        started.tracker.close();
        self.runtime.block_on(started.tracker.wait());
        self.shards.take().map(Shards::finish);
        started.spool.close();
    }
}

fn author() -> Author {
    Author("maria".into())
}

#[test]
fn an_override_outlives_a_restart_and_auto_ends_it() {
    let dir = tempfile::tempdir().unwrap();
    let order = |to| OverrideRequest { to, reason: "change 77".into(), for_seconds: Some(3600) };
    let gateway = Gateway::start(dir.path());
    let control = gateway.control();
    gateway.ask(control.force("cloud".into(), order(OverrideTo::Down), author())).unwrap();
    drop((control, gateway));

    let gateway = Gateway::start(dir.path());
    let control = gateway.control();
    let sites = gateway.ask(control.sites()).unwrap().sites;
    let cloud = sites.iter().find(|it| it.name == "cloud").unwrap();
    let forced = cloud.forced.as_ref().unwrap();
    assert_eq!((cloud.state, forced.to), (SiteState::Held, OverrideTo::Down));
    assert_eq!((forced.by.as_str(), forced.reason.as_str()), ("maria", "change 77"));
    assert!(forced.until.is_some());
    gateway.ask(control.force("cloud".into(), order(OverrideTo::Auto), author())).unwrap();
    drop((control, gateway));

    let gateway = Gateway::start(dir.path());
    let sites = gateway.ask(gateway.control().sites()).unwrap().sites;
    assert!(sites.iter().all(|it| it.forced.is_none()));
}
