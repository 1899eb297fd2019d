//! Disks that fill, limits that bite: refused with a 4xx, recovered without a restart.

use std::process::Command;
use std::time::Duration;

use anyhow::{Result, ensure};
use e2e::gateway::{Gateway, Settings};
use e2e::load::{Load, Outcome, Plan, Sent};
use e2e::peers::Server;
use e2e::rig::Rig;
use e2e::volume::Size;
use e2e::wait;

/// A spool small enough to be filled in a test.
fn small_spool() -> Settings {
    let mut settings = Settings::default();
    settings.sections += "[spool]\nsegment_bytes = \"1MiB\"\nlarge_body_bytes = \"256KiB\"\n\
        free_bytes_min = \"8MiB\"\nfree_inodes_min = 16\n";
    settings
}

fn plan(gateway: &Gateway, run: &str, messages_max: usize) -> Plan {
    let mut plan = Plan::new(gateway.address(), run);
    plan.messages_max = messages_max;
    plan
}

/// Nothing but 250 and 4xx: never a 5xx for a trouble of ours.
fn check_replies(sent: &[Sent]) -> Result<usize> {
    let mut n_deferred = 0;
    for one in sent {
        if let Outcome::Refused(reply) = &one.outcome {
            ensure!(reply.starts_with('4'), "{} was refused with {reply}", one.token);
            n_deferred += 1;
        }
    }
    Ok(n_deferred)
}

/// After the trouble is gone, without a restart: mail is taken again and all is accounted for.
fn check_recovery(rig: &Rig, mut sent: Vec<Sent>) -> Result<()> {
    let address = rig.gateway.address();
    wait::until("mail to be accepted again", Duration::from_secs(15), || {
        let mut probe = Plan::new(address, format!("probe{}", sent.len()));
        (probe.messages_max, probe.clients) = (1, 1);
        sent.extend(Load::start(&probe).finish());
        matches!(sent.last().map(|one| &one.outcome), Some(Outcome::Accepted(_)))
    })?;
    eprintln!("{}", rig.settle(&sent)?);
    Ok(())
}

#[test]
fn a_full_disk_defers_mail() -> Result<()> {
    let mut rig = Rig::on_volume(&small_spool(), Size { bytes: 64 << 20, inodes: None })?;
    let mut sent = Load::start(&plan(&rig.gateway, "before", 50)).finish();
    // A site that goes away while it answers makes a message wait: not what this is about.
    wait::settled(50, Duration::from_secs(10), || rig.n_arrived());
    rig.sinks.iter_mut().for_each(e2e::sink::Sink::go_down);
    // Other people's files take what is left.
    let volume = rig.volume.as_ref().expect("the rig has a volume").path();
    let ballast = volume.join("ballast");
    let fill = "head -c 100M /dev/zero > $0; true";
    rig.gateway.sandbox().run("sh", &["-c", fill, &ballast.to_string_lossy()])?;
    std::thread::sleep(Duration::from_secs(2));
    let full = Load::start(&plan(&rig.gateway, "full", 50)).finish();
    ensure!(check_replies(&full)? > 0, "a full disk refused nothing");
    sent.extend(full);
    rig.gateway.sandbox().run("rm", &[&ballast.to_string_lossy()])?;
    rig.sinks.iter_mut().try_for_each(e2e::sink::Sink::come_up)?;
    check_recovery(&rig, sent)
}

#[test]
fn a_disk_filled_by_mail_itself_defers_mail() -> Result<()> {
    let mut rig = Rig::on_volume(&small_spool(), Size { bytes: 64 << 20, inodes: None })?;
    rig.sinks.iter_mut().for_each(e2e::sink::Sink::go_down);
    let mut plan = plan(&rig.gateway, "full", 1500);
    plan.bytes = |n| if n % 10 == 0 { 400_000 } else { 50_000 };
    let sent = Load::start(&plan).finish();
    let n_deferred = check_replies(&sent)?;
    eprintln!("{} messages, {n_deferred} deferred", sent.len());
    ensure!(n_deferred > 0, "a full disk refused nothing");
    rig.sinks.iter_mut().try_for_each(e2e::sink::Sink::come_up)?;
    check_recovery(&rig, sent)
}

#[test]
fn no_inodes_left_defers_mail() -> Result<()> {
    let rig = Rig::on_volume(&small_spool(), Size { bytes: 64 << 20, inodes: Some(256) })?;
    let volume = rig.volume.as_ref().expect("the rig has a volume").path();
    let files = volume.join("files");
    let fill = "mkdir -p $0; i=0; while touch $0/$i; do i=$((i+1)); done 2>/dev/null; true";
    rig.gateway.sandbox().run("sh", &["-c", fill, &files.to_string_lossy()])?;
    std::thread::sleep(Duration::from_secs(2));
    let sent = Load::start(&plan(&rig.gateway, "inodes", 50)).finish();
    ensure!(check_replies(&sent)? > 0, "no inodes refused nothing");
    rig.gateway.sandbox().run("rm", &["-r", &files.to_string_lossy()])?;
    check_recovery(&rig, sent)
}

/// Lets the limit of a running gateway be changed from outside.
fn prlimit(gateway: &Gateway, limit: &str) -> Result<()> {
    let pid = gateway.pid()?.to_string();
    let status = Command::new("prlimit").args(["--pid", &pid, limit]).status()?;
    ensure!(status.success(), "prlimit failed");
    Ok(())
}

#[test]
fn a_file_size_limit_defers_mail() -> Result<()> {
    let rig = Rig::new(&small_spool())?;
    let mut sent = Load::start(&plan(&rig.gateway, "before", 20)).finish();
    // No file may grow past 64 KiB: the signal must not kill it.
    prlimit(&rig.gateway, "--fsize=65536:unlimited")?;
    let mut small = plan(&rig.gateway, "limited", 60);
    small.bytes = |n| if n % 2 == 0 { 500_000 } else { 2000 };
    let limited = Load::start(&small).finish();
    eprintln!("{} deferred", check_replies(&limited)?);
    sent.extend(limited);
    prlimit(&rig.gateway, "--fsize=unlimited:unlimited")?;
    check_recovery(&rig, sent)
}

#[test]
fn too_few_descriptors_defer_clients_and_nothing_else() -> Result<()> {
    let rig = Rig::launched_by(&Settings::default(), &["/usr/bin/prlimit", "--nofile=96:20000"])?;
    let crowd: Vec<_> =
        (0..200).filter_map(|_| std::net::TcpStream::connect(rig.gateway.address()).ok()).collect();
    eprintln!("{} clients got through to the socket", crowd.len());
    std::thread::sleep(Duration::from_secs(1));
    drop(crowd);
    check_recovery(&rig, Vec::new())
}
