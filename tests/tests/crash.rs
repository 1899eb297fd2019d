//! Killing the server and pulling the plug, under load.
//!
//! `E2E_KILLS` and `E2E_CUTS` say how often (`cargo xtask soak`); the defaults
//! suit a merge check.

use std::path::Path;
use std::time::Duration;

use anyhow::{Result, ensure};
use e2e::gateway::{Gateway, Settings};
use e2e::peers::opensmtpd::{self, OpenSmtpd};
use e2e::peers::postfix::{self, Postfix};
use e2e::sandbox::Sandbox;
use e2e::scratch;
use e2e::sink::Faults;
use e2e::trial::{Trial, sinks};
use e2e::volume::{Size, Volume};

/// How often, by default: what a merge check can afford.
const KILLS: u64 = 30;
const CUTS: u64 = 12;

/// No arrival for so long means that nothing more will come. The gateway sends what
/// may have arrived before a crash after a minute.
const QUIET: Duration = Duration::from_secs(75);

const VOLUME: Size = Size { bytes: 256 << 20, inodes: None };

#[test]
fn postfix_loses_nothing_in_a_power_cut() -> Result<()> {
    let folder = scratch::folder()?;
    let sandbox = Sandbox::new()?;
    let volume = Volume::new(&sandbox, folder.path(), "spool", VOLUME)?;
    let (sinks, sites) = sinks()?;
    let options =
        postfix::Options { folder: folder.path(), spool: volume.path(), sites, extra: "" };
    let server = Postfix::new(sandbox, &options)?;
    let mut trial = Trial::new(server, sinks)?;
    for n in 0..3 {
        trial.power_cut(40 + 30 * n, &volume)?;
    }
    let verdict = trial.verdict(QUIET)?;
    eprintln!("postfix, 3 power cuts: {verdict}");
    assert!(verdict.accepted >= 210 && verdict.is_good(), "{verdict}");
    Ok(())
}

#[test]
fn opensmtpd_loses_mail_in_a_power_cut_so_the_harness_sees_losses() -> Result<()> {
    let folder = scratch::folder()?;
    let sandbox = Sandbox::new()?;
    let volume = Volume::new(&sandbox, folder.path(), "spool", VOLUME)?;
    let (sinks, sites) = sinks()?;
    let spool = volume.path().join("smtpd");
    let options = opensmtpd::Options {
        folder: folder.path(),
        spool: &spool,
        sites,
        extra: "",
        listen: "",
        require_tls: false,
    };
    let server = OpenSmtpd::new(sandbox, &options)?;
    let mut trial = Trial::new(server, sinks)?;
    // The control: what the kernel has, a killed server still delivers.
    trial.round(100, Sandbox::kill_all)?;
    let verdict = trial.verdict(QUIET)?;
    eprintln!("opensmtpd, killed once: {verdict}");
    assert!(verdict.accepted >= 100 && verdict.lost.is_empty(), "{verdict}");
    trial.power_cut(100, &volume)?;
    let verdict = trial.verdict(Duration::from_secs(4))?;
    eprintln!("opensmtpd, 1 power cut: {verdict}");
    assert!(!verdict.lost.is_empty(), "{verdict}");
    Ok(())
}

/// What `cargo xtask soak` asks for, or the default.
fn rounds(variable: &str, default: u64) -> u64 {
    std::env::var(variable).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

/// Some of everything that a site can do wrong without losing mail.
fn weather() -> Faults {
    Faults {
        refuse: 0.05,
        defer_recipient: 0.05,
        defer_data: 0.05,
        drop_before: 0.02,
        drop_after: 0.02,
        delay: 0.05,
        delay_for: Duration::from_millis(30),
        ..Faults::default()
    }
}

fn gateway_trial(folder: &Path) -> Result<(Trial<Gateway>, Volume)> {
    let sandbox = Sandbox::new()?;
    let volume = Volume::new(&sandbox, folder, "spool", VOLUME)?;
    let (sinks, sites) = sinks()?;
    let data = volume.path().join("data");
    let mut settings = Settings::default();
    // A small volume, and segments that are used up and recycled within a run.
    settings.sections += "[spool]\nsegment_bytes = \"1MiB\"\nlarge_body_bytes = \"64KiB\"\n\
        free_bytes_min = \"16MiB\"\nfree_inodes_min = 100\n";
    let config = settings.config(&data, sites);
    let gateway = Gateway::new(sandbox, folder, &data, &config)?;
    let trial = Trial::new(gateway, sinks)?;
    trial.server.import_table()?;
    Ok((trial, volume))
}

fn judge(trial: &Trial<Gateway>, accepted_min: usize, what: &str) -> Result<()> {
    let verdict = trial.verdict(QUIET)?;
    eprintln!("causeway, {what}: {verdict}");
    ensure!(verdict.is_good() && verdict.accepted >= accepted_min, "{what}: {verdict}");
    trial.server.verify_ledger()
}

#[test]
fn killed_under_load_the_gateway_loses_nothing() -> Result<()> {
    let folder = scratch::folder()?;
    let (mut trial, _volume) = gateway_trial(folder.path())?;
    trial.sinks.iter().for_each(|sink| sink.set_faults(weather()));
    let kills = rounds("E2E_KILLS", KILLS);
    let mut accepted_min = 0;
    for n in 0..kills {
        // From the first message to well into delivery.
        let n_accepted = usize::try_from(1 + (n * 37) % 90)?;
        accepted_min += n_accepted;
        trial.round(n_accepted, Sandbox::kill_all)?;
    }
    trial.sinks.iter().for_each(|sink| sink.set_faults(Faults::default()));
    judge(&trial, accepted_min, &format!("{kills} kills"))
}

#[test]
fn a_power_cut_under_load_loses_nothing() -> Result<()> {
    let folder = scratch::folder()?;
    let (mut trial, volume) = gateway_trial(folder.path())?;
    let cuts = rounds("E2E_CUTS", CUTS);
    let mut accepted_min = 0;
    for n in 0..cuts {
        let n_accepted = usize::try_from(1 + (n * 61) % 150)?;
        accepted_min += n_accepted;
        if n % 2 == 0 {
            trial.power_cut(n_accepted, &volume)?;
        } else {
            trial.round(n_accepted, |sandbox| volume.cut_power(sandbox))?;
        }
    }
    judge(&trial, accepted_min, &format!("{cuts} power cuts"))
}
