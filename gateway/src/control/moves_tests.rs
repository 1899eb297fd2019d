//! A mailbox is cut over while a message for it is on the wire, as a sidecar sees it.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use admin::{BackendError, Moves as _};
use api::{
    Cut, CutOutcome, CutRequest, Move, MoveState, MovesQuery, Resolve, SyncOf, SyncReports,
    Transition, Transitions,
};
use tempfile::TempDir;

use super::tests::{CONFIG, Gateway, author, send};

/// Longer than anything here takes.
const BOUND: Duration = Duration::from_secs(30);

/// A site that takes every message and says nothing to its end.
struct Mute {
    address: SocketAddr,
    /// A connection for each message that is whole.
    whole: mpsc::Receiver<TcpStream>,
}

impl Mute {
    fn start() -> Self {
        Self::silent_at(".")
    }

    /// It says nothing to DATA.
    fn start_before_data() -> Self {
        Self::silent_at("DATA")
    }

    fn silent_at(what: &'static str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (tell, whole) = mpsc::sync_channel(16);
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let tell = tell.clone();
                std::thread::spawn(move || Self::talk(stream, &tell, what));
            }
        });
        Self { address, whole }
    }

    fn talk(
        mut stream: TcpStream,
        tell: &mpsc::SyncSender<TcpStream>,
        silent_at: &str,
    ) -> Option<()> {
        let mut lines = BufReader::new(stream.try_clone().ok()?).lines().map_while(Result::ok);
        stream.write_all(b"220 mute.example\r\n").ok()?;
        while let Some(line) = lines.next() {
            if line == silent_at {
                return tell.send(stream).ok();
            }
            let reply: &[u8] = match line.split([' ', ':']).next().unwrap_or_default() {
                "DATA" => b"354 go on\r\n",
                "QUIT" => b"221 bye\r\n",
                _ => b"250 ok\r\n",
            };
            stream.write_all(reply).ok()?;
            if line == "DATA" {
                lines.find(|it| it == ".")?;
                return tell.send(stream).ok();
            }
        }
        None
    }

    fn next(&self) -> TcpStream {
        self.whole.recv_timeout(BOUND).expect("a message")
    }
}

fn config(mute: &Mute, extra: &str) -> String {
    let hosts = format!("[\"{}\"]\nchunking = \"never\"", mute.address);
    CONFIG.replacen("[\"127.0.0.1:9\"]", &hosts, 1) + extra
}

fn put(gateway: &Gateway, line: &str) {
    let csv = format!("address,home,state,batch,aliases\n{line}\n");
    let options = api::ImportOptions::default();
    gateway
        .ask(admin::Backend::import(&*gateway.control(), csv.into(), options, author()))
        .unwrap();
}

fn show(gateway: &Gateway, address: &str) -> Move {
    wait_for_recovery(gateway);
    gateway.ask(gateway.control().one_move(address.to_owned())).unwrap()
}

fn wait_for_recovery(gateway: &Gateway) {
    let began = Instant::now();
    while gateway.ask(gateway.control().moves(MovesQuery::default())).is_err() {
        assert!(began.elapsed() < BOUND, "mail of the last run is still being read");
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn until(gateway: &Gateway, what: &str, is_so: impl Fn(&Move) -> bool) -> Move {
    let began = Instant::now();
    loop {
        let it = show(gateway, "anna@contoso.example");
        if is_so(&it) {
            return it;
        }
        assert!(began.elapsed() < BOUND, "{what}: {it:?}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn one(generation: u64, to: MoveState) -> Transitions {
    let address = "anna@contoso.example".to_owned();
    Transitions {
        moves: vec![Transition { address, generation, to, home: None }],
        ..Transitions::default()
    }
}

#[test]
fn a_cutover_drains_and_its_doubt_is_resolved_before_the_flip() {
    let (dir, mute) = (TempDir::new().unwrap(), Mute::start());
    let gateway = Gateway::start_with(dir.path(), &config(&mute, ""));
    put(&gateway, "anna@contoso.example,on_prem,syncing,b1,a.lias@contoso.example");
    send(&gateway, "a.lias@contoso.example");
    let wire = mute.next();
    let lease = until(&gateway, "a lease", |it| it.leases_total == 1).leases.remove(0);
    assert_eq!(
        (lease.recipient.as_str(), lease.hop.as_str()),
        ("a.lias@contoso.example", "on_prem")
    );
    assert_eq!(lease.generation, 1);

    let control = gateway.control();
    let cut = gateway.ask(control.transitions(one(1, MoveState::Cutover), author())).unwrap();
    assert_eq!((cut.generation, cut.moves[0].state), (2, MoveState::Cutover));
    assert!(cut.moves[0].hold_until.is_some());
    // What comes now is held, and what is on the wire is still seen.
    send(&gateway, "anna@contoso.example");
    let it = show(&gateway, "anna@contoso.example");
    assert_eq!((it.leases_total, it.held_messages, it.in_doubt_total), (1, 1, 0));
    let message = it.leases[0].message.clone();
    let busy = Resolve { message: message.clone(), delivered: true, evidence: None };
    let busy = gateway.ask(control.resolve("anna@contoso.example".into(), busy, author()));
    assert!(matches!(busy, Err(BackendError::Refused { .. })), "{busy:?}");

    drop(wire);
    let it = until(&gateway, "a doubt", |it| it.leases_total == 0);
    assert_eq!((it.in_doubt_total, it.held_messages), (1, 1));
    assert_eq!((it.in_doubt[0].message.as_str(), it.in_doubt[0].attempts), (message.as_str(), 1));
    let found = Resolve { message, delivered: true, evidence: Some("uid 7".into()) };
    let resolve = || control.resolve("anna@contoso.example".into(), found.clone(), author());
    assert_eq!(gateway.ask(resolve()).unwrap().recipients, 1);
    assert!(gateway.ask(resolve()).is_err(), "there is nothing in doubt any more");
    let query = api::TraceQuery { id: Some(found.message.clone()), ..Default::default() };
    let story = gateway.ask(admin::Backend::trace(&*control, query)).unwrap().stories.remove(0);
    let last = story.recipients[0].events.last().unwrap().clone();
    assert_eq!(last.what, "delivered");
    assert_eq!(last.reply.as_deref(), Some("found in the mailbox by maria: uid 7"));

    let flip = Transitions { digest: Some("sha256:77".into()), ..one(2, MoveState::Cloud) };
    let done = gateway.ask(control.transitions(flip.clone(), author())).unwrap();
    assert_eq!((done.generation, done.moves[0].home.as_str()), (3, "cloud"));
    let again = gateway.ask(control.transitions(flip, author())).unwrap();
    assert_eq!(
        (again.generation, &again.moves),
        (3, &done.moves),
        "a lost answer is asked for again"
    );
    until(&gateway, "a release", |it| it.held_messages == 0);
}

#[test]
fn what_is_not_in_the_mailbox_is_free_of_doubt_and_still_held() {
    let (dir, mute) = (TempDir::new().unwrap(), Mute::start());
    let gateway = Gateway::start_with(dir.path(), &config(&mute, ""));
    put(&gateway, "anna@contoso.example,on_prem,syncing,b1,");
    send(&gateway, "anna@contoso.example");
    let wire = mute.next();
    let control = gateway.control();
    gateway.ask(control.transitions(one(1, MoveState::Cutover), author())).unwrap();
    drop(wire);
    let it =
        until(&gateway, "a doubt on hold", |it| it.in_doubt_total == 1 && it.held_messages == 1);
    let message = it.in_doubt[0].message.clone();
    let not = Resolve { message, delivered: false, evidence: None };
    gateway.ask(control.resolve("anna@contoso.example".into(), not, author())).unwrap();
    let it = show(&gateway, "anna@contoso.example");
    assert_eq!((it.in_doubt_total, it.held_messages), (0, 1));
}

#[test]
fn a_cutover_that_takes_too_long_ends_by_itself_also_after_a_restart() {
    let (dir, mute) = (TempDir::new().unwrap(), Mute::start());
    let short = config(&mute, "\n[routing]\ncutover_max = \"1s\"\n");
    let gateway = Gateway::start_with(dir.path(), &config(&mute, ""));
    put(&gateway, "anna@contoso.example,on_prem,syncing,b1,");
    gateway.ask(gateway.control().transitions(one(1, MoveState::Cutover), author())).unwrap();
    drop(gateway);
    let gateway = Gateway::start_with(dir.path(), &short);
    let it = until(&gateway, "the end of the cutover", |it| it.state == MoveState::Syncing);
    assert_eq!((it.generation, it.home.as_str(), it.hold_until), (3, "on_prem", None));
    let control = gateway.control();
    let history = admin::Backend::history(&*control, api::HistoryQuery::default());
    let last = gateway.ask(history).unwrap().generations.remove(0);
    assert_eq!(last.author, "causeway");
    assert_eq!(
        last.reason.as_deref(),
        Some("the cutover took longer than routing.cutover_max (1 s)")
    );
    let late = gateway.ask(gateway.control().transitions(one(2, MoveState::Cloud), author()));
    let Err(BackendError::MovesChanged { conflicts, .. }) = late else { panic!("{late:?}") };
    assert_eq!((conflicts[0].actual, conflicts[0].state), (Some(3), Some(MoveState::Syncing)));
}

#[test]
fn reports_of_copies_are_shown_and_outlive_a_restart() {
    let (dir, mute) = (TempDir::new().unwrap(), Mute::start());
    let gateway = Gateway::start_with(dir.path(), &config(&mute, ""));
    put(&gateway, "anna@contoso.example,on_prem,syncing,b1,");
    let report = |address: &str, done| SyncOf {
        address: address.to_owned(),
        items_total: 10,
        items_done: done,
        last_sync_at: Some("2026-11-27T10:00:00+01:00".into()),
    };
    let reports = |list| SyncReports { reports: list };
    let wrong = reports(vec![report("anna@contoso.example", 11), report("x@contoso.example", 1)]);
    let refused = gateway.ask(gateway.control().sync(wrong, author()));
    let Err(BackendError::Invalid { errors, .. }) = refused else { panic!("{refused:?}") };
    assert_eq!(errors.len(), 2, "{errors:?}");
    let good = reports(vec![report("anna@contoso.example", 7)]);
    assert_eq!(gateway.ask(gateway.control().sync(good, author())).unwrap().taken, 1);
    drop(gateway);
    let gateway = Gateway::start_with(dir.path(), &config(&mute, ""));
    wait_for_recovery(&gateway);
    let query = MovesQuery { batch: Some("b1".into()), ..MovesQuery::default() };
    let list = gateway.ask(gateway.control().moves(query)).unwrap();
    let sync = list.moves[0].sync.clone().unwrap();
    assert_eq!((sync.items_done, sync.items_total), (7, 10));
    assert_eq!(sync.last_sync_at.as_deref(), Some("2026-11-27T09:00:00.000000Z"));
}

fn cut(gateway: &Gateway, request: CutRequest) -> Result<Cut, BackendError> {
    let address = "anna@contoso.example".to_owned();
    gateway.ask(gateway.control().cut(address, request, author()))
}

#[test]
fn an_attempt_that_is_cut_after_its_message_is_in_doubt_and_before_it_is_not() {
    let (dir, mute) = (TempDir::new().unwrap(), Mute::start());
    let gateway = Gateway::start_with(dir.path(), &config(&mute, ""));
    put(&gateway, "anna@contoso.example,on_prem,syncing,b1,");
    let early = cut(&gateway, CutRequest::default());
    assert!(matches!(early, Err(BackendError::Refused { .. })), "it is not in cutover");
    send(&gateway, "anna@contoso.example");
    let _wire = mute.next();
    until(&gateway, "a lease", |it| it.leases_total == 1);
    gateway.ask(gateway.control().transitions(one(1, MoveState::Cutover), author())).unwrap();
    let old = CutRequest { older_than_seconds: Some(3600), ..CutRequest::default() };
    assert_eq!(cut(&gateway, old).unwrap().leases.len(), 0, "none is so old");
    let looked = CutRequest { dry_run: true, ..CutRequest::default() };
    assert_eq!(cut(&gateway, looked).unwrap().leases[0].outcome, CutOutcome::UnderWay);
    assert_eq!(show(&gateway, "anna@contoso.example").leases_total, 1);

    let done = cut(&gateway, CutRequest::default()).unwrap();
    let lease = &done.leases[0];
    assert_eq!((done.leases.len(), lease.outcome), (1, CutOutcome::InDoubt), "{done:?}");
    assert_eq!((lease.recipient.as_str(), lease.hop.as_str()), ("anna@contoso.example", "on_prem"));
    let it = until(&gateway, "held and in doubt", |it| it.held_messages == 1);
    assert_eq!((it.leases_total, it.in_doubt_total), (0, 1));
    assert_eq!(it.in_doubt[0].message, lease.message);
    assert!(it.in_doubt[0].last_reply.as_ref().unwrap().contains("cut"), "{it:?}");
}

#[test]
fn an_attempt_that_is_cut_before_its_message_was_sent_leaves_no_doubt() {
    let (dir, mute) = (TempDir::new().unwrap(), Mute::start_before_data());
    let gateway = Gateway::start_with(dir.path(), &config(&mute, ""));
    put(&gateway, "anna@contoso.example,on_prem,syncing,b1,");
    send(&gateway, "anna@contoso.example");
    let _wire = mute.next();
    until(&gateway, "a lease", |it| it.leases_total == 1);
    gateway.ask(gateway.control().transitions(one(1, MoveState::Cutover), author())).unwrap();
    let done = cut(&gateway, CutRequest::default()).unwrap();
    assert_eq!(done.leases[0].outcome, CutOutcome::Aborted, "{done:?}");
    let it = until(&gateway, "held", |it| it.held_messages == 1);
    assert_eq!((it.leases_total, it.in_doubt_total), (0, 0));
    // It goes to its new home, once and without a mark.
    assert_eq!(cut(&gateway, CutRequest::default()).unwrap().leases.len(), 0);
}

/// The cursor names a row: it must be one that they may see.
#[test]
fn whoever_is_limited_turns_no_page_at_what_they_may_not_see() {
    let (dir, mute) = (TempDir::new().unwrap(), Mute::start());
    let gateway = Gateway::start_with(dir.path(), &config(&mute, ""));
    for (name, batch) in [("anna", "b1"), ("\"b b\"", "b2"), ("carl", "b1"), ("\"d d\"", "b1")] {
        put(
            &gateway,
            &format!("\"{}@contoso.example\",on_prem,syncing,{batch},", name.replace('"', "\"\"")),
        );
    }
    wait_for_recovery(&gateway);
    let (mut cursor, mut seen) = (None, Vec::new());
    loop {
        let within_batches = vec!["b1".to_owned()];
        let query = MovesQuery { within_batches, limit: Some(1), cursor, ..MovesQuery::default() };
        let page = gateway.ask(gateway.control().moves(query)).unwrap();
        seen.extend(page.moves.into_iter().map(|it| it.address));
        cursor = page.next_cursor;
        let Some(at) = &cursor else { break };
        assert!(seen.contains(at), "{at}");
    }
    seen.sort();
    assert_eq!(seen, ["\"d d\"@contoso.example", "anna@contoso.example", "carl@contoso.example"]);
}
