//! Ten thousand clients that do nothing, and one that wants its mail sent.

use std::fs;
use std::io::Read;
use std::net::TcpStream;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use e2e::gateway::Settings;
use e2e::load::{Load, Outcome, Plan};
use e2e::peers::Server;
use e2e::rig::Rig;

const N_IDLE: usize = 10_000;

/// Resident bytes of a process.
fn resident(pid: u32) -> Result<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("no VmRSS")?;
    let kib: u64 = line.trim().trim_end_matches(" kB").parse()?;
    Ok(kib * 1024)
}

#[test]
fn an_honest_client_is_served_among_ten_thousand_idle_ones() -> Result<()> {
    let mut settings = Settings::default();
    settings.sections += "[limits]\nconnections_max = 12000\nconnections_per_ip_max = 12000\n\
        connections_per_net_max = 12000\n";
    let rig = Rig::launched_by(&settings, &["/usr/bin/prlimit", "--nofile=20000:20000"])?;
    let pid = rig.gateway.pid()?;
    let before = resident(pid)?;
    let start = Instant::now();
    let mut idle = Vec::with_capacity(N_IDLE);
    let mut n_greeted = 0;
    for _ in 0..N_IDLE {
        let mut client = TcpStream::connect(rig.gateway.address())?;
        client.set_read_timeout(Some(Duration::from_secs(5)))?;
        let mut greeting = [0; 3];
        n_greeted += usize::from(client.read_exact(&mut greeting).is_ok() && &greeting == b"220");
        idle.push(client);
    }
    eprintln!("{n_greeted} idle clients greeted in {:.1} s", start.elapsed().as_secs_f64());
    let each = resident(pid)?.saturating_sub(before) / N_IDLE as u64;
    eprintln!("{each} bytes of memory for each");
    ensure!(n_greeted == N_IDLE, "only {n_greeted} were greeted");
    ensure!(each <= 24 * 1024, "{each} bytes for each idle session");

    let mut plan = Plan::new(rig.gateway.address(), "honest");
    (plan.clients, plan.messages_max) = (1, 20);
    let sent = Load::start(&plan).finish();
    let slowest = sent.iter().map(|one| one.took).max().context("nothing sent")?;
    eprintln!("slowest honest message: {slowest:?}");
    ensure!(sent.iter().all(|one| matches!(one.outcome, Outcome::Accepted(_))), "{sent:?}");
    ensure!(slowest < Duration::from_secs(2), "{slowest:?}");
    drop(idle);
    rig.settle(&sent).map(drop)
}
