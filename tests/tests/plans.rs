//! A large plan is applied while sessions are open.

use std::fmt::Write as _;
use std::fs;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use e2e::api::Api;
use e2e::gateway::{Gateway, Settings};
use e2e::peers::Server;
use e2e::sandbox::Sandbox;
use e2e::scratch;
use e2e::smtp::Client;
use e2e::trial::sinks;
use e2e::wait;

/// Rows of the table; more by hand.
const N_ROWS: usize = 100_000;
const N_PLANNED: usize = 10_000;
const N_SESSIONS: usize = 32;
const N_ROUNDS: usize = 4;

const CHECK_BOUND: Duration = Duration::from_secs(60);

/// A sanity bound, not a measurement: the machine may be busy.
const SEEN_BOUND: Duration = Duration::from_secs(2);

fn n_rows() -> usize {
    std::env::var("CAUSEWAY_TEST_ROWS").ok().and_then(|it| it.parse().ok()).unwrap_or(N_ROWS)
}

fn rows(n: impl Iterator<Item = usize>, prefix: &str) -> String {
    let mut text = String::from("address,home\n");
    for n in n {
        let _ = writeln!(text, "{prefix}{n}@example.test,odd");
    }
    text
}

/// What the sessions saw.
#[derive(Default)]
struct Seen {
    stop: AtomicBool,
    n_replies: AtomicU64,
    longest_micros: AtomicU64,
}

impl Seen {
    fn command(&self, client: &mut Client, line: &str) -> Result<u16> {
        let began = Instant::now();
        let reply = client.command(line)?;
        let micros = u64::try_from(began.elapsed().as_micros())?;
        self.n_replies.fetch_add(1, Ordering::Relaxed);
        self.longest_micros.fetch_max(micros, Ordering::Relaxed);
        Ok(reply.code)
    }

    /// One session from begin to end: a mailbox that stays is accepted each time, and no
    /// reply is missing.
    fn session(&self, to: SocketAddr) -> Result<()> {
        let mut client = Client::open(to)?;
        while !self.stop.load(Ordering::Relaxed) {
            for (line, code) in [
                ("MAIL FROM:<sender@else.example>", 250),
                ("RCPT TO:<row7@example.test>", 250),
                ("RSET", 250),
            ] {
                let said = self.command(&mut client, line)?;
                ensure!(said == code, "{line} was answered {said}");
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        client.expect("QUIT", 221).map(drop)
    }
}

/// A plan that adds the rows, or takes them out again; ready to be applied.
fn plan(api: &mut Api, round: usize) -> Result<String> {
    let adds = round.is_multiple_of(2);
    let text = rows(0..N_PLANNED, "new");
    let made = if adds {
        api.post("/api/v1/plans/import?reason=batch", "text/csv", &text)?
    } else {
        let body = serde_json::json!({"undo_generation": generation(api)?, "reason": "back"});
        api.post("/api/v1/plans/rollback", "application/json", &body.to_string())?
    };
    let n = made[if adds { "added" } else { "removed" }].as_u64();
    ensure!(n == Some(N_PLANNED as u64), "not what was asked for: {made}");
    let id = made["id"].as_str().context("a plan without id")?.to_owned();
    let path = format!("/api/v1/plans/{id}");
    wait::until("the plan to be checked", CHECK_BOUND, || {
        api.get(&path).is_ok_and(|it| it["state"] != "checking")
    })?;
    Ok(id)
}

fn generation(api: &mut Api) -> Result<u64> {
    api.get("/api/v1/table")?["generation"].as_u64().context("a table without generation")
}

/// Applies it; how long the acknowledgement took, and the next RCPT after it.
fn apply(api: &mut Api, id: &str, watch: &mut Client, code: u16) -> Result<[Duration; 2]> {
    let overrides = ["large_change", "domain_row"]
        .map(|it| serde_json::json!({"rail": it, "reason": "a scenario"}));
    let body = serde_json::json!({ "overrides": overrides }).to_string();
    watch.expect("MAIL FROM:<sender@else.example>", 250)?;
    let before = watch.command("RCPT TO:<new9999@example.test>")?.code;
    ensure!(before != code, "the mailbox is as it should be already");
    let began = Instant::now();
    let done = api.post(&format!("/api/v1/plans/{id}/apply"), "application/json", &body)?;
    let acknowledged = began.elapsed();
    let began = Instant::now();
    watch.expect("RCPT TO:<new9999@example.test>", code)?;
    let seen = began.elapsed();
    ensure!(done["state"] == "applied", "not applied: {done}");
    watch.expect("RSET", 250)?;
    Ok([acknowledged, seen])
}

#[test]
fn a_large_plan_is_seen_at_once_and_drops_no_session() -> Result<()> {
    let folder = scratch::folder()?;
    let (_sinks, sites) = sinks()?;
    let data = folder.path().join("data");
    let mut settings = Settings::default();
    // Sessions that send no mail, and a plan that is not kept waiting for 10,000 answers.
    settings.sections += "[limits]\njunk_max = 100000\n[rails]\nrecipient_check = \"off\"\n";
    let config = settings.config(&data, sites);
    let config = config.replace("unlisted = \"even\"", "unlisted = \"reject\"");
    let mut gateway = Gateway::new(Sandbox::new()?, folder.path(), &data, &config)?;
    gateway.start()?;
    let file = folder.path().join("rows.csv");
    fs::write(&file, rows(0..n_rows(), "row"))?;
    gateway.import_whole(&file)?;
    let relay = gateway.listener("relay")?;
    let seen = Seen::default();
    let mut figures = Vec::new();
    std::thread::scope(|scope| -> Result<()> {
        let sessions: Vec<_> =
            (0..N_SESSIONS).map(|_| scope.spawn(|| seen.session(relay))).collect();
        let rounds = (|| -> Result<()> {
            let mut api = gateway.api()?;
            let mut watch = Client::open(relay)?;
            for round in 0..N_ROUNDS {
                let id = plan(&mut api, round)?;
                let code = if round.is_multiple_of(2) { 250 } else { 550 };
                figures.push(apply(&mut api, &id, &mut watch, code)?);
            }
            Ok(())
        })();
        seen.stop.store(true, Ordering::Relaxed);
        for session in sessions {
            session.join().expect("a session does not panic").context("a session ended early")?;
        }
        rounds
    })?;
    let longest = Duration::from_micros(seen.longest_micros.load(Ordering::Relaxed));
    eprintln!(
        "{} rows, plans of {N_PLANNED}: acknowledged after, and next RCPT answered within: {figures:.1?}; \
         {N_SESSIONS} sessions had {} replies, the slowest after {longest:.1?}",
        n_rows(),
        seen.n_replies.load(Ordering::Relaxed),
    );
    let slowest = figures.iter().map(|it| it[1]).max().unwrap_or_default();
    ensure!(slowest < SEEN_BOUND, "the next RCPT took {slowest:?}");
    Ok(())
}
