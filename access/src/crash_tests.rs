//! Kills a process in the middle of its work, again and again. Accounts, tokens and records that it has
//! acknowledged must be there, and the chain of records must be whole.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use api::{AuditAnchor, NewToken, NewUser, Role};
use mail::Timestamp;

use crate::{Access, Event};

const KILLS: usize = 30;
const CHILD_DIR: &str = "CAUSEWAY_TEST_ACCESS";
const LINE: &str = "0123456789abcdef0123456789abcdef";

fn now() -> Timestamp {
    Timestamp::from_system(std::time::SystemTime::now())
}

/// Not a test of its own: the process that is killed.
#[test]
fn child() {
    let Some(path) = std::env::var_os(CHILD_DIR) else { return };
    let access = Access::in_folder(Path::new(&path), LINE);
    let mut out = std::io::stdout();
    let mut say = |what: String| {
        writeln!(out, "acknowledged {what}").unwrap();
        out.flush().unwrap();
    };
    for n in access.users().users.len().. {
        let user = NewUser {
            name: format!("user{n}"),
            role: Role::Viewer,
            domains: Vec::new(),
            batches: Vec::new(),
            password: "correct horse battery".into(),
        };
        say(format!("user {}", access.add_user(user, "admin", now()).unwrap().name));
        let token = NewToken {
            name: format!("token{n}"),
            role: Role::Viewer,
            domains: Vec::new(),
            batches: Vec::new(),
            expires_in_seconds: None,
        };
        // After a kill there may be the token of an account that was not acknowledged.
        if let Ok(made) = access.make_token(&token, "admin", now()) {
            say(format!("token {}", made.secret));
        }
        for action in ["PUT /x", "PUT /y"] {
            let seq = access.record(Event::new(action, "", "::1"), now()).unwrap();
            say(format!("record {seq}"));
        }
    }
}

fn spawn(path: &Path) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["crash_tests::child", "--exact", "--nocapture"])
        .env(CHILD_DIR, path)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

/// Lets the child do some of it, kills it, and returns all that it acknowledged.
fn run_and_kill(path: &Path, round: usize) -> Vec<String> {
    let mut child = spawn(path);
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let what =
        |line: std::io::Result<String>| Some(line.ok()?.rsplit_once("acknowledged ")?.1.to_owned());
    let wanted = 3 + round % 7;
    let mut said: Vec<String> = lines.by_ref().filter_map(what).take(wanted).collect();
    std::thread::sleep(Duration::from_micros(317 * round as u64));
    child.kill().unwrap();
    child.wait().unwrap();
    said.extend(lines.filter_map(what));
    said
}

#[test]
fn a_kill_costs_nothing_that_was_acknowledged() {
    let folder = tempfile::tempdir().unwrap();
    let mut acknowledged = BTreeSet::new();
    for round in 0..KILLS {
        acknowledged.extend(run_and_kill(folder.path(), round));
        let access = Access::in_folder(folder.path(), LINE);
        let head = access.audit_head().unwrap();
        for it in &acknowledged {
            let (kind, what) = it.split_once(' ').unwrap();
            let is_there = match kind {
                "user" => access.user(what).is_ok(),
                "token" => access.by_token(what, now()).is_some(),
                _ => what.parse::<u64>().unwrap() <= head,
            };
            assert!(is_there, "round {round}: {kind} is gone: {what}");
        }
        let found = access.verify_audit(&AuditAnchor::default()).unwrap();
        assert!(found.intact, "round {round}: {found:?}");
        assert_eq!(found.records, head);
    }
    assert!(acknowledged.len() >= 3 * KILLS);
}
