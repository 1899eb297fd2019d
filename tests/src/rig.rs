//! A gateway between clients and two sites, ready to use.

use std::time::Duration;

use anyhow::{Result, ensure};
use tempfile::TempDir;

use crate::checker::{Rules, Verdict, check};
use crate::gateway::{Gateway, Settings};
use crate::load::{Outcome, Sent};
use crate::peers::{Server, Sites};
use crate::sandbox::Sandbox;
use crate::scratch;
use crate::sink::{Delivery, Sink};
use crate::trial::{odd_or_even, sinks};
use crate::volume::{Size, Volume};
use crate::wait;

/// A running gateway with its table, the sinks behind it and where they keep things.
pub struct Rig {
    pub gateway: Gateway,
    /// `odd` and `even`.
    pub sinks: [Sink; 2],
    pub sites: Sites,
    pub volume: Option<Volume>,
    /// Last, so that it outlives what is in it.
    pub folder: TempDir,
}

impl Rig {
    /// With its data in a temporary folder.
    pub fn new(settings: &Settings) -> Result<Self> {
        Self::build(settings, None, &[])
    }

    /// With its data on an ext4 of its own.
    pub fn on_volume(settings: &Settings, size: Size) -> Result<Self> {
        Self::build(settings, Some(size), &[])
    }

    /// Started through another program, such as `prlimit`.
    pub fn launched_by(settings: &Settings, launcher: &[&str]) -> Result<Self> {
        Self::build(settings, None, launcher)
    }

    fn build(settings: &Settings, size: Option<Size>, launcher: &[&str]) -> Result<Self> {
        let folder = scratch::folder()?;
        let sandbox = Sandbox::new()?;
        let make = |size| Volume::new(&sandbox, folder.path(), "volume", size);
        let volume = size.map(make).transpose()?;
        let home = volume.as_ref().map_or_else(|| folder.path(), Volume::path);
        let data = home.join("data");
        let (sinks, sites) = sinks()?;
        let config = settings.config(&data, sites);
        let mut gateway = Gateway::new(sandbox, folder.path(), &data, &config)?;
        gateway.launcher = launcher.iter().map(ToString::to_string).collect();
        gateway.start()?;
        gateway.import_table()?;
        Ok(Self { gateway, sinks, sites, volume, folder })
    }

    /// Recipients that both sites acknowledged so far.
    pub fn n_arrived(&self) -> usize {
        self.sinks.iter().map(Sink::n_recipients).sum()
    }

    /// All that both sites took, in order at each.
    pub fn deliveries(&self) -> Vec<Delivery> {
        self.sinks.iter().flat_map(Sink::deliveries).collect()
    }

    /// Waits until all accepted recipients arrived, then judges: no crash, so no
    /// second copy, and the ledger must agree.
    pub fn settle(&self, sent: &[Sent]) -> Result<Verdict> {
        let goal = n_accepted(sent);
        wait::settled(goal, Duration::from_secs(20), || self.n_arrived());
        let rules = Rules { sides_of: &odd_or_even, crashes: &[] };
        let verdict = check(sent, &self.deliveries(), &rules);
        ensure!(verdict.is_good(), "{verdict}");
        self.gateway.verify_ledger()?;
        Ok(verdict)
    }
}

/// Recipients that were answered for.
pub fn n_accepted(sent: &[Sent]) -> usize {
    let accepted = sent.iter().filter(|one| matches!(one.outcome, Outcome::Accepted(_)));
    accepted.map(|one| one.recipients.len()).sum()
}
