//! What a message costs in system calls and syncs. Counts, never seconds: they mean the same on
//! any machine. `gateway/tests/allocations.rs` counts what it costs in memory.

use std::fs;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use e2e::gateway::Settings;
use e2e::load::{Load, Plan};
use e2e::peers::Server;
use e2e::rig::Rig;
use e2e::{scratch, wait};

const N_MESSAGES: usize = 8_000;
const CLIENTS: usize = 20;

/// Accepting and delivering a message together.
const SYSTEM_CALLS_MAX: f64 = 12.0;
/// Twenty clients share syncs; how many do depends on how fast the disk is.
const SYNCS_MAX: f64 = 0.8;

const EVENTS: &str = "raw_syscalls:sys_enter,syscalls:sys_enter_fdatasync,syscalls:sys_enter_fsync";

/// The counter of that name in what `perf stat -x,` wrote.
fn counter(text: &str, name: &str) -> Result<f64> {
    let line = text.lines().find(|it| it.contains(name));
    let line = line.with_context(|| format!("no {name} in {text}"))?;
    let number = line.split(',').next().unwrap_or_default();
    number.parse().with_context(|| format!("perf could not count {name}: {line}"))
}

#[test]
fn a_message_costs_few_system_calls_and_shares_its_sync() -> Result<()> {
    let folder = scratch::folder()?;
    let report = folder.path().join("perf");
    let report_name = report.to_string_lossy().into_owned();
    let perf = ["/usr/bin/perf", "stat", "-x,", "-o", &report_name, "-e", EVENTS, "--"];
    let mut rig = Rig::launched_by(&Settings::default(), &perf)?;
    let mut plan = Plan::new(rig.gateway.address(), "counts");
    plan.clients = CLIENTS;
    plan.messages_max = N_MESSAGES;
    plan.bytes = |_| 4000;
    let sent = Load::start(&plan).finish();
    let verdict = rig.settle(&sent)?;
    rig.gateway.terminate()?;
    // perf writes its report when its child has ended.
    wait::until("perf's report", Duration::from_secs(10), || {
        fs::read_to_string(&report).is_ok_and(|it| it.contains("fdatasync"))
    })?;
    let text = fs::read_to_string(&report)?;
    let n = verdict.accepted as f64;
    let calls = counter(&text, "raw_syscalls:sys_enter")? / n;
    let syncs = counter(&text, "sys_enter_fdatasync")? + counter(&text, "sys_enter_fsync")?;
    let syncs = syncs / n;
    eprintln!("{calls:.1} system calls and {syncs:.2} syncs a message");
    ensure!(calls <= SYSTEM_CALLS_MAX, "{calls:.1} system calls a message");
    ensure!(syncs <= SYNCS_MAX, "{syncs:.2} syncs a message");
    Ok(())
}
