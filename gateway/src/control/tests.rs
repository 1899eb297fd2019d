//! A whole gateway on loopback, without a process, and what its admin side says and does.

mod plans;
mod site;
mod steps;

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::sync::Arc;

use admin::{Author, Backend as _, BackendError};
use api::{
    Action, ActionRequest, HistoryQuery, ImportOptions, ListQuery, OverrideRequest, OverrideTo,
    Selector, SiteState,
};
use tokio::runtime::{Builder, Runtime};

use mail::SiteName;

use super::Control;
use crate::Shards;
use crate::run::{Started, start};

/// Two sites at which nobody listens; port 9 is discard.
pub(crate) const CONFIG: &str = r#"
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

pub(crate) struct Gateway {
    started: Option<Started>,
    shards: Option<Shards>,
    runtime: Runtime,
}

impl Gateway {
    pub(super) fn start(dir: &Path) -> Self {
        Self::start_with(dir, CONFIG)
    }

    pub(crate) fn start_with(dir: &Path, config: &str) -> Self {
        let path = dir.join("causeway.toml");
        let text = config.replace("DIR", &dir.display().to_string());
        std::fs::write(&path, text).unwrap();
        let config = crate::load_config(&path).unwrap_or_else(|it| panic!("{it}"));
        let runtime = Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let shards = Shards::start(1, deliver::enter_shard).unwrap();
        let started = start(config, &path, &runtime, &shards).unwrap();
        Self { started: Some(started), shards: Some(shards), runtime }
    }

    pub(crate) fn control(&self) -> Arc<Control> {
        Arc::clone(&self.started.as_ref().unwrap().control)
    }

    pub(crate) fn ask<T>(&self, question: impl Future<Output = T>) -> T {
        self.runtime.block_on(question)
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        let Some(started) = self.started.take() else { return };
        started.stop.cancel();
        started.tracker.close();
        self.runtime.block_on(started.tracker.wait());
        if let Some(shards) = self.shards.take() {
            shards.finish();
        }
        started.spool.close();
    }
}

/// One message, as a stranger sends it.
pub(super) fn send(gateway: &Gateway, recipient: &str) {
    let addresses = gateway.control().reloader.serving.addresses();
    let (_, address) = addresses.first().unwrap();
    let mut stream = TcpStream::connect(address).unwrap();
    let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
    let mut until = |code: &str| {
        assert!(lines.any(|it| it.unwrap().starts_with(code)), "no {code} came");
    };
    until("220 ");
    stream.write_all(b"EHLO client.example\r\n").unwrap();
    until("250 ");
    let envelope = format!("MAIL FROM:<>\r\nRCPT TO:<{recipient}>\r\nDATA\r\n");
    stream.write_all(envelope.as_bytes()).unwrap();
    until("354 ");
    stream.write_all(b"Subject: hi\r\n\r\nhi\r\n.\r\n").unwrap();
    until("250 ");
}

pub(super) fn author() -> Author {
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
    let readiness = gateway.ask(control.readiness()).unwrap();
    assert!(readiness.ready, "mail for a closed site is taken");
    let states: Vec<_> = readiness.sites.iter().map(|it| (it.name.as_str(), it.state)).collect();
    assert_eq!(states, [("on_prem", SiteState::Up), ("cloud", SiteState::Held)]);
    gateway.ask(control.force("cloud".into(), order(OverrideTo::Auto), author())).unwrap();
    drop((control, gateway));

    let gateway = Gateway::start(dir.path());
    let sites = gateway.ask(gateway.control().sites()).unwrap().sites;
    assert!(sites.iter().all(|it| it.forced.is_none()));
}

#[test]
fn mail_that_a_cutover_holds_is_not_released_by_hand() {
    let dir = tempfile::tempdir().unwrap();
    let gateway = Gateway::start(dir.path());
    let control = gateway.control();
    let edit = |state| {
        let text = format!(
            r#"{{"edits":[{{"op":"set","address":"anna@contoso.example","entry":{{"home":"cloud","state":"{state}"}}}}]}}"#
        );
        let edits = serde_json::from_str(&text).unwrap();
        gateway.ask(control.edit(edits, author())).unwrap();
    };
    let release = |dry_run| {
        let request = ActionRequest {
            action: Action::Release,
            selector: Selector { all: true, ..Selector::default() },
            reason: None,
            dry_run,
        };
        gateway.ask(control.act(request, author()))
    };
    edit("cutover");
    send(&gateway, "anna@contoso.example");
    for dry_run in [true, false] {
        let refused = release(dry_run).unwrap_err().to_string();
        assert!(refused.starts_with("1 held by a cutover"), "{refused}");
    }
    send(&gateway, "bert@contoso.example");
    let hold = ActionRequest {
        action: Action::Hold,
        selector: Selector {
            recipient: Some("bert@contoso.example".into()),
            ..Selector::default()
        },
        reason: None,
        dry_run: false,
    };
    assert_eq!(gateway.ask(control.act(hold, author())).unwrap().recipients, 1);
    let acted = release(false).unwrap();
    assert_eq!((acted.recipients, acted.table_held_recipients), (1, 1));
}

#[test]
fn the_history_has_every_edit_with_its_author_and_reason() {
    let dir = tempfile::tempdir().unwrap();
    let gateway = Gateway::start(dir.path());
    let control = gateway.control();
    let csv = "address,home\nanna@contoso.example,cloud\nbert@contoso.example,cloud\n";
    let options = ImportOptions { reason: Some("first wave".into()), ..ImportOptions::default() };
    gateway.ask(control.import(csv.into(), options, author())).unwrap();
    let history = gateway.ask(control.history(HistoryQuery::default())).unwrap();
    let last = history.generations.first().unwrap();
    assert_eq!((last.author.as_str(), last.reason.as_deref()), ("maria", Some("first wave")));
    assert_eq!((last.added, last.changed, last.removed), (2, 0, 0));
    let info = gateway.ask(control.table()).unwrap();
    assert_eq!((info.generation, info.changed_at.as_ref()), (last.generation, Some(&last.at)));
}

#[test]
fn a_list_can_be_that_of_an_older_table() {
    let dir = tempfile::tempdir().unwrap();
    let gateway = Gateway::start(dir.path());
    let control = gateway.control();
    let csv = "address,home\nanna@contoso.example,cloud\nbert@contoso.example,cloud\n";
    gateway.ask(control.import(csv.into(), ImportOptions::default(), author())).unwrap();
    let csv = "address,home\nanna@contoso.example,on_prem\n";
    let options = ImportOptions { replace: true, ..ImportOptions::default() };
    gateway.ask(control.import(csv.into(), options, author())).unwrap();
    for offset in [None, Some(0)] {
        let homes = |generation| {
            let query = ListQuery { generation, offset, ..ListQuery::default() };
            let list = gateway.ask(control.entries(query))?;
            let homes: Vec<String> = list.entries.into_iter().map(|it| it.home).collect();
            Ok::<_, BackendError>((list.generation, homes))
        };
        assert_eq!(homes(Some(1)).unwrap(), (1, vec!["cloud".to_owned(); 2]));
        assert_eq!(homes(None).unwrap(), (2, vec!["on_prem".to_owned()]));
        assert_eq!(homes(Some(1)).unwrap().0, 1, "again, beside the present one");
        assert!(homes(Some(3)).is_err(), "there is none yet");
    }
}

#[test]
fn a_spool_that_takes_no_mail_is_not_ready() {
    let dir = tempfile::tempdir().unwrap();
    let gateway = Gateway::start_with(dir.path(), &CONFIG.replace("\"0B\"", "\"8TiB\""));
    let readiness = gateway.ask(gateway.control().readiness()).unwrap();
    let failing: Vec<_> = readiness.checks.iter().filter(|it| !it.ok).collect();
    assert_eq!(failing.len(), 1);
    assert_eq!(failing[0].name, "spool");
    assert_eq!(failing[0].reason.as_deref(), Some("too little free disk space"));
}
