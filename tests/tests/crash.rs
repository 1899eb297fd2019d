//! Killing the server and pulling the plug, under load.
//!
//! `E2E_KILLS` and `E2E_CUTS` say how often (`cargo xtask soak`); the defaults
//! suit a merge check.

use std::time::Duration;

use anyhow::Result;
use e2e::peers::opensmtpd::{self, OpenSmtpd};
use e2e::peers::postfix::{self, Postfix};
use e2e::sandbox::Sandbox;
use e2e::scratch;
use e2e::trial::{Trial, sinks};
use e2e::volume::{Size, Volume};

const VOLUME: Size = Size { bytes: 256 << 20, inodes: None };

#[test]
fn postfix_loses_nothing_in_a_power_cut() -> Result<()> {
    let folder = scratch::folder()?;
    let sandbox = Sandbox::new()?;
    let volume = Volume::new(&sandbox, folder.path(), "spool", VOLUME)?;
    let (sinks, sites) = sinks()?;
    let options =
        postfix::Options { folder: folder.path(), spool: volume.path(), sites, extra: "" };
    let mut server = Postfix::new(sandbox, &options)?;
    let mut trial = Trial::new(&mut server, sinks)?;
    for n in 0..3 {
        trial.power_cut(Duration::from_millis(200 + 150 * n), &volume)?;
    }
    let verdict = trial.verdict(Duration::from_secs(4))?;
    println!("postfix, 3 power cuts: {verdict}");
    assert!(verdict.accepted > 50 && verdict.is_good(), "{verdict}");
    Ok(())
}

#[test]
fn opensmtpd_loses_mail_in_a_power_cut_so_the_harness_sees_losses() -> Result<()> {
    let folder = scratch::folder()?;
    let sandbox = Sandbox::new()?;
    let volume = Volume::new(&sandbox, folder.path(), "spool", VOLUME)?;
    let (sinks, sites) = sinks()?;
    let spool = volume.path().join("smtpd");
    let options =
        opensmtpd::Options { folder: folder.path(), spool: &spool, sites, extra: "", listen: "" };
    let mut server = OpenSmtpd::new(sandbox, &options)?;
    let mut trial = Trial::new(&mut server, sinks)?;
    // The control: what the kernel has, a killed server still delivers.
    trial.round(Duration::from_millis(300), Sandbox::kill_all)?;
    let verdict = trial.verdict(Duration::from_secs(4))?;
    println!("opensmtpd, killed once: {verdict}");
    assert!(verdict.accepted > 10 && verdict.lost.is_empty(), "{verdict}");
    trial.power_cut(Duration::from_millis(500), &volume)?;
    let verdict = trial.verdict(Duration::from_secs(4))?;
    println!("opensmtpd, 1 power cut: {verdict}");
    assert!(!verdict.lost.is_empty(), "{verdict}");
    Ok(())
}
