//! Behaviour of the whole, over a folder.

use std::net::IpAddr;
use std::time::Duration;

use api::{
    AuditAnchor, Login, NewToken, NewUser, PasswordChange, Role, TotpRequest, UserPatch, Via,
};
use mail::Timestamp;

use crate::{Access, Answered, Claim, Event, LoginError, Question, totp};

const LINE: &str = "0123456789abcdef0123456789abcdef";
const PASSWORD: &str = "correct horse battery";

fn at(seconds: u64) -> Timestamp {
    Timestamp::from_micros(seconds * 1_000_000)
}

fn home() -> IpAddr {
    "192.0.2.7".parse().unwrap()
}

struct Desk {
    folder: tempfile::TempDir,
    access: Access,
}

impl Desk {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let access = Access::in_folder(folder.path(), LINE);
        Self { folder, access }
    }

    fn restart(self) -> Self {
        drop(self.access);
        let access = Access::in_folder(self.folder.path(), LINE);
        Self { folder: self.folder, access }
    }

    fn add(&self, name: &str, role: Role) {
        let new = NewUser {
            name: name.into(),
            role,
            domains: vec![],
            batches: vec![],
            password: PASSWORD.into(),
        };
        self.access.add_user(new, "admin", at(1)).unwrap();
    }

    fn login(
        &self,
        user: &str,
        password: &str,
        code: Option<&str>,
        now: u64,
    ) -> Result<String, LoginError> {
        let login = Login {
            user: Some(user.into()),
            password: Some(password.into()),
            code: code.map(str::to_owned),
            token: None,
        };
        self.access.login(&login, home(), at(now)).map(|it| it.cookie)
    }

    fn record(&self, n: u64) {
        for seq in 0..n {
            let event = Event::new("PUT /x", format!("row {seq}"), "192.0.2.7").claimed("anna");
            self.access.record(event.alone("shown", 200, ""), at(seq)).unwrap();
        }
    }

    fn broken(&self) -> Option<(u64, String)> {
        let found = self.access.verify_audit(&AuditAnchor::default()).unwrap();
        assert_eq!(found.intact, found.broken.is_none());
        found.broken_seq.zip(found.broken)
    }

    fn sql(&self, text: &str) {
        self.access
            .with_store(|store, _| {
                store.connection().execute_batch(text).unwrap();
                Ok(())
            })
            .unwrap();
    }
}

#[test]
fn a_login_opens_a_session_that_outlives_a_restart_and_ends_in_time() {
    let desk = Desk::new();
    desk.add("anna", Role::Operator);
    let cookie = desk.login("anna", PASSWORD, None, 100).unwrap();
    let desk = desk.restart();
    let who = desk.access.by_cookie(&cookie, at(200)).unwrap();
    assert_eq!((who.name(), who.role(), who.via()), ("anna", Role::Operator, Via::Session));
    assert!(desk.access.by_cookie(&format!("{cookie}0"), at(200)).is_none());
    assert!(desk.access.by_cookie(&cookie, at(200 + 8 * 3600)).is_none(), "idle");
    for hours in 0..4 {
        assert!(desk.access.by_cookie(&cookie, at(200 + hours * 7 * 3600)).is_some() || hours > 3);
    }
    assert!(desk.access.by_cookie(&cookie, at(100 + 24 * 3600)).is_none(), "at the latest");
    desk.access.upkeep(at(100 + 24 * 3600)).unwrap();
    assert!(desk.access.memory().sessions.is_empty());
}

#[test]
fn a_wrong_password_a_wrong_name_and_a_disabled_account_are_told_the_same() {
    let desk = Desk::new();
    desk.add("anna", Role::Viewer);
    let one = desk.login("anna", "wrong horse battery", None, 1).unwrap_err().to_string();
    let two = desk.login("nobody", PASSWORD, None, 1).unwrap_err().to_string();
    let patch = UserPatch { disabled: Some(true), ..UserPatch::default() };
    desk.access.change_user("anna", &patch, at(2)).unwrap();
    let three = desk.login("anna", PASSWORD, None, 3).unwrap_err().to_string();
    assert_eq!((&one, &one), (&two, &three));
}

#[test]
fn five_failures_cost_a_wait_and_the_right_password_then_opens() {
    let desk = Desk::new();
    desk.add("anna", Role::Viewer);
    for _ in 0..5 {
        assert!(matches!(desk.login("anna", "wrong", None, 10), Err(LoginError::Wrong)));
    }
    assert!(matches!(desk.login("anna", PASSWORD, None, 10), Err(LoginError::Throttled(_))));
    assert!(desk.login("anna", PASSWORD, None, 11).is_ok());
}

#[test]
fn a_change_of_role_ends_sessions_and_so_does_removal() {
    let desk = Desk::new();
    desk.add("anna", Role::Operator);
    let cookie = desk.login("anna", PASSWORD, None, 100).unwrap();
    let patch = UserPatch { role: Some(Role::Viewer), ..UserPatch::default() };
    desk.access.change_user("anna", &patch, at(101)).unwrap();
    assert!(desk.access.by_cookie(&cookie, at(102)).is_none());
    let cookie = desk.login("anna", PASSWORD, None, 103).unwrap();
    assert_eq!(desk.access.remove_user("anna").unwrap().sessions_ended, 1);
    assert!(desk.access.by_cookie(&cookie, at(104)).is_none());
    assert!(desk.restart().access.by_cookie(&cookie, at(105)).is_none());
}

#[test]
fn ones_own_password_wants_the_present_one_and_ends_the_other_sessions() {
    let desk = Desk::new();
    desk.add("anna", Role::Operator);
    let other = desk.login("anna", PASSWORD, None, 100).unwrap();
    let mine = desk.login("anna", PASSWORD, None, 101).unwrap();
    let me = desk.access.by_cookie(&mine, at(102)).unwrap();
    let change = |current: Option<&str>| {
        let change = PasswordChange {
            password: "another long one".into(),
            current: current.map(Into::into),
        };
        desk.access.set_password("anna", &change, &me, at(103))
    };
    assert!(change(None).is_err() && change(Some("wrong")).is_err());
    assert_eq!(change(Some(PASSWORD)).unwrap().sessions_ended, 1);
    assert!(desk.access.by_cookie(&other, at(104)).is_none());
    assert!(desk.access.by_cookie(&mine, at(104)).is_some());
    desk.add("ben", Role::Operator);
    let theirs = PasswordChange { password: "another long one".into(), current: None };
    assert!(desk.access.set_password("ben", &theirs, &me, at(105)).is_err(), "not anna's");
}

#[test]
fn an_authenticator_counts_after_its_first_code_and_a_code_counts_once() {
    let desk = Desk::new();
    desk.add("anna", Role::Operator);
    let admin = desk.access.by_token(LINE, at(1)).unwrap();
    let ask = |code: Option<String>, now| {
        let request = TotpRequest { code, remove: false };
        desk.access.totp("anna", &request, &admin, "gw", at(now))
    };
    let begun = ask(None, 1000).unwrap();
    assert!(begun.uri.unwrap().starts_with("otpauth://totp/gw:anna?secret="));
    assert!(desk.login("anna", PASSWORD, None, 1000).is_ok(), "not yet confirmed");
    assert!(ask(Some("000000".into()), 1000).is_err());
    let key = desk.access.memory().accounts["anna"].totp_pending.clone();
    let key = key.expect("a wrong code leaves it");
    let code = |now: u64| totp::digits(&key, now / 30);
    let done = ask(Some(code(1000)), 1000).unwrap();
    assert_eq!(done.recovery_codes.len(), 10);

    assert!(matches!(desk.login("anna", PASSWORD, None, 1001), Err(LoginError::SecondFactor)));
    let again = desk.login("anna", PASSWORD, Some(&code(1000)), 1001);
    assert!(matches!(again, Err(LoginError::WrongCode)), "used to confirm");
    assert!(desk.login("anna", PASSWORD, Some(&code(1060)), 1060).is_ok());
    let again = desk.login("anna", PASSWORD, Some(&code(1060)), 1061);
    assert!(matches!(again, Err(LoginError::WrongCode)), "replayed");
    let recovery = done.recovery_codes[3].to_uppercase().replace('-', " ");
    assert!(desk.login("anna", PASSWORD, Some(&recovery), 1062).is_ok());
    assert!(desk.login("anna", PASSWORD, Some(&recovery), 1063).is_err(), "used up");
    assert_eq!(desk.access.user("anna").unwrap().recovery_codes_left, 9);
    let request = TotpRequest { code: None, remove: true };
    desk.access.totp("anna", &request, &admin, "gw", at(1100)).unwrap();
    assert!(desk.login("anna", PASSWORD, None, 1100).is_ok());
}

#[test]
fn asking_without_a_code_buys_no_more_guesses_at_it() {
    let desk = Desk::new();
    desk.add("anna", Role::Operator);
    let admin = desk.access.by_token(LINE, at(1)).unwrap();
    let ask = |code: Option<String>| {
        let request = TotpRequest { code, remove: false };
        desk.access.totp("anna", &request, &admin, "gw", at(1000)).unwrap()
    };
    ask(None);
    let key = desk.access.memory().accounts["anna"].totp_pending.clone().unwrap();
    ask(Some(totp::digits(&key, 1000 / 30)));
    let mut guesses = 0;
    while guesses < 20 {
        let _ = desk.login("anna", PASSWORD, None, 1001);
        match desk.login("anna", PASSWORD, Some("123456"), 1001) {
            Err(LoginError::WrongCode) => guesses += 1,
            Err(LoginError::Throttled(_)) => break,
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(guesses, 5);
}

#[test]
fn a_token_has_a_role_an_end_and_a_mark_and_is_not_kept_as_it_is() {
    let desk = Desk::new();
    let new = NewToken {
        name: "sidecar".into(),
        role: Role::Operator,
        domains: vec!["Contoso.Example".into()],
        batches: vec![],
        expires_in_seconds: Some(100),
    };
    let made = desk.access.make_token(&new, "admin", at(1000)).unwrap();
    assert!(made.secret.starts_with(&format!("causeway_{}_", made.token.id)));
    let desk = desk.restart();
    let who = desk.access.by_token(&made.secret, at(1050)).unwrap();
    assert_eq!((who.name(), who.limit().domains[0].as_str()), ("token:sidecar", "contoso.example"));
    assert!(desk.access.by_token(&made.secret, at(1100)).is_none(), "expired");
    for file in ["access.db", "access.db-wal"] {
        let bytes = std::fs::read(desk.folder.path().join(file)).unwrap_or_default();
        let secret = made.secret.rsplit('_').next().unwrap().as_bytes();
        assert!(!bytes.windows(secret.len()).any(|it| it == secret), "{file}");
    }
    let login = Login { token: Some(made.secret.clone()), ..Login::default() };
    let session = desk.access.login(&login, home(), at(1060)).unwrap();
    assert_eq!(desk.access.revoke_token(&made.token.id).unwrap().sessions_ended, 1);
    assert!(desk.access.by_token(&made.secret, at(1061)).is_none());
    assert!(desk.access.by_cookie(&session.cookie, at(1061)).is_none());
}

#[test]
fn who_is_limited_changes_rows_inside_only() {
    let desk = Desk::new();
    let new = NewToken {
        name: "wave".into(),
        role: Role::Operator,
        domains: vec!["contoso.example".into()],
        batches: vec!["one".into(), "two".into()],
        expires_in_seconds: None,
    };
    let made = desk.access.make_token(&new, "admin", at(1)).unwrap();
    let who = desk.access.by_token(&made.secret, at(2)).unwrap();
    let may = |address: &str, before, after| {
        who.may_change(&address.parse().unwrap(), before, after).is_ok()
    };
    assert!(may("anna@contoso.example", Some("one"), Some("two")));
    assert!(!may("anna@elsewhere.example", Some("one"), Some("one")));
    assert!(!may("anna@contoso.example", None, Some("one")), "taken in");
    assert!(!may("anna@contoso.example", Some("one"), None), "let out");
    assert!(!may("anna@contoso.example", Some("one"), Some("three")));
    let words = who.may_change(&"a@x.example".parse().unwrap(), None, None).unwrap_err();
    assert!(words.contains("domains contoso.example; batches one, two"), "{words}");
    let boss = NewToken { role: Role::Administrator, ..new };
    assert!(desk.access.make_token(&boss, "admin", at(1)).is_err(), "no limited administrator");
}

#[test]
fn the_audit_log_is_whole_until_somebody_touches_it() {
    let desk = Desk::new();
    desk.record(50);
    assert_eq!(desk.broken(), None);
    let desk = desk.restart();
    assert_eq!(desk.broken(), None);
    desk.sql("UPDATE audit SET actor = 'ben' WHERE seq = 20");
    let (seq, why) = desk.broken().unwrap();
    assert!(seq == 20 && why.contains("changed"), "{seq}: {why}");
    desk.sql("UPDATE audit SET actor = 'anna' WHERE seq = 20");
    assert_eq!(desk.broken(), None);
    desk.sql("DELETE FROM audit WHERE seq = 30");
    assert_eq!(desk.broken().unwrap().0, 31);
}

#[test]
fn a_log_that_lost_its_end_is_found_out_running_and_after_a_restart() {
    let desk = Desk::new();
    desk.record(10);
    let head = desk.access.audit(&Default::default()).unwrap().records[0].clone();
    desk.sql("DELETE FROM audit WHERE seq > 8");
    assert!(desk.broken().unwrap().1.contains("up to 10 are missing"));
    let desk = desk.restart();
    let (seq, why) = desk.broken().unwrap();
    assert!(seq == 9 && why.contains("record 10"), "{seq}: {why}");
    let anchor = AuditAnchor { seq: Some(10), hash: Some(head.hash) };
    assert!(!desk.access.verify_audit(&anchor).unwrap().intact);
}

#[test]
fn a_log_that_lost_its_beginning_is_found_out_unless_it_was_let_go() {
    let desk = Desk::new();
    desk.record(10);
    desk.sql("DELETE FROM audit WHERE seq < 4");
    assert!(desk.broken().unwrap().1.contains("before it"));

    let desk = Desk::new();
    desk.record(10);
    assert_eq!(desk.access.forget_audit(Duration::from_secs(3), at(8)).unwrap(), 5);
    assert_eq!(desk.broken(), None);
    let page = desk.access.audit(&Default::default()).unwrap();
    assert_eq!(page.records[0].kind, "kept");
    assert_eq!(page.records.last().unwrap().seq, 6);
    desk.sql("DELETE FROM audit WHERE seq < 8");
    assert!(desk.broken().unwrap().1.contains("before it"));
}

#[test]
fn an_earlier_head_must_still_be_there() {
    let desk = Desk::new();
    desk.record(5);
    let head = desk.access.audit(&Default::default()).unwrap().records[0].clone();
    desk.record(5);
    let verify = |seq, hash: &str| {
        let anchor = AuditAnchor { seq: Some(seq), hash: Some(hash.into()) };
        desk.access.verify_audit(&anchor).unwrap()
    };
    assert!(verify(head.seq, &head.hash).intact);
    assert_eq!(verify(head.seq, "00").broken_seq, Some(5));
    assert_eq!(verify(99, &head.hash).broken_seq, Some(99));
}

#[test]
fn the_log_is_read_by_who_and_what_page_by_page() {
    let desk = Desk::new();
    desk.record(5);
    let event = Event::new("POST /y", "", "192.0.2.7").claimed("ben").alone("shown", 200, "");
    desk.access.record(event, at(100)).unwrap();
    let ask = |query: api::AuditQuery| {
        let page = desk.access.audit(&query).unwrap();
        (page.records.iter().map(|it| it.seq).collect::<Vec<_>>(), page.next_cursor)
    };
    let query = |limit| api::AuditQuery { limit: Some(limit), ..Default::default() };
    assert_eq!(ask(query(4)), (vec![6, 5, 4, 3], Some("3".into())));
    let next = api::AuditQuery { cursor: Some("3".into()), ..query(4) };
    assert_eq!(ask(next), (vec![2, 1], None));
    assert_eq!(ask(api::AuditQuery { actor: Some("ben".into()), ..query(9) }).0, [6]);
    assert_eq!(ask(api::AuditQuery { action: Some("PUT".into()), ..query(9) }).0.len(), 5);
    let day = api::AuditQuery { after: Some("1970-01-01T00:01:00Z".into()), ..query(9) };
    assert_eq!(ask(day).0, [6]);
    let wrong = api::AuditQuery { before: Some("yesterday".into()), ..query(9) };
    assert!(desk.access.audit(&wrong).is_err());
}

/// Another program can follow the chain from an export: docs/formats/access.md.
#[test]
fn the_hash_is_of_the_record_as_it_is_shown() {
    let desk = Desk::new();
    desk.record(1);
    let it = desk.access.audit(&Default::default()).unwrap().records.remove(0);
    let text = format!(
        r#"["causeway-audit-1",1,"1970-01-01T00:00:00.000000Z","shown","anna","none","192.0.2.7","PUT /x","row 0","",200,"",null,"{}"]"#,
        "0".repeat(64)
    );
    assert_eq!(it.hash, crate::secret::hex(&crate::secret::hash(text.as_bytes())));
}

#[test]
fn a_commit_is_synced() {
    let desk = Desk::new();
    let pragma = |name: &str| {
        desk.access.with_store(|store, _| {
            let read = |row: &rusqlite::Row<'_>| row.get_ref(0).map(|it| format!("{it:?}"));
            Ok(store.connection().pragma_query_value(None, name, read).unwrap())
        })
    };
    assert!(pragma("journal_mode").unwrap().contains("119"), "wal");
    assert_eq!(pragma("synchronous").unwrap(), "Integer(2)");
}

#[test]
fn a_key_runs_until_it_is_answered_and_is_a_riddle_after_a_restart() {
    let desk = Desk::new();
    let question = |key: &str| Question {
        actor: "anna".into(),
        key: key.into(),
        route: "POST /api/v1/table/edits".into(),
    };
    let claim = |desk: &Desk, key| desk.access.claim(&question(key), b"body", at(1)).unwrap();
    assert!(matches!(claim(&desk, "k"), Claim::New(_)));
    assert!(matches!(claim(&desk, "k"), Claim::Running));
    let desk = desk.restart();
    assert!(matches!(claim(&desk, "k"), Claim::Unknown), "nobody knows how far it came");
    let Claim::New(hash) = claim(&desk, "l") else { panic!("it is new") };
    let answered = || Some(Answered { status: 200, headers: vec![], body: vec![b'x'; 70_000] });
    desk.access.answer(&question("l"), hash, answered(), true, at(2)).unwrap();
    let desk = desk.restart();
    assert!(matches!(claim(&desk, "l"), Claim::Forgotten(200)), "too long to be kept");
    desk.access.upkeep(at(2 + 86_401)).unwrap();
    assert!(matches!(claim(&desk, "k"), Claim::New(_)), "a day is over");
}

#[test]
fn keys_have_a_bound_for_one_and_for_all() {
    let desk = Desk::new();
    let fill = |actor: &str, n: u32| {
        desk.sql(&format!(
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {n})
             INSERT INTO answer SELECT '{actor}', 'k' || i, 'POST /x', x'00', 1, 200, '[]', NULL FROM n;"
        ));
    };
    let ask = |actor: &str| {
        let question = Question { actor: actor.into(), key: "new".into(), route: "POST /x".into() };
        desk.access.claim(&question, b"", at(1)).map(drop).map_err(|it| it.to_string())
    };
    fill("anna", 2_000);
    assert_eq!(ask("anna").unwrap_err(), "2000 Idempotency-Keys of anna are remembered already");
    ask("ben").unwrap();
    for n in 0..4 {
        fill(&format!("carl{n}"), 2_000);
    }
    assert_eq!(ask("dora").unwrap_err(), "10000 Idempotency-Keys are remembered already");
}
