//! A server under load that is stopped the hard way, and the account of it all.

use std::time::{Duration, Instant};

use anyhow::Result;

use crate::checker::{Crash, Rules, Verdict, check};
use crate::load::{Load, Outcome, Plan, Sent};
use crate::peers::{Server, Sites};
use crate::rig::n_accepted;
use crate::sandbox::Sandbox;
use crate::sink::{Delivery, Sink};
use crate::volume::Volume;
use crate::wait;

/// How long a round's load may take on a busy machine.
const LOAD_BOUND: Duration = Duration::from_secs(60);

/// A server with its spool on a volume, and all that was sent and crashed so far.
pub struct Trial<S> {
    pub server: S,
    pub sinks: [Sink; 2],
    /// Everything so far, as the clients know it.
    pub sent: Vec<Sent>,
    crashes: Vec<Crash>,
}

impl<S: Server> Trial<S> {
    pub fn new(mut server: S, sinks: [Sink; 2]) -> Result<Self> {
        server.start()?;
        Ok(Self { server, sinks, sent: Vec::new(), crashes: Vec::new() })
    }

    /// Sends until `n_accepted` messages were acknowledged, stops the server by
    /// `crash` in the middle of the next ones, starts it again.
    ///
    /// Only what was acknowledged before the crash counts as accepted.
    pub fn round(
        &mut self,
        n_accepted: usize,
        crash: impl FnOnce(&Sandbox) -> Result<()>,
    ) -> Result<()> {
        let mut plan = Plan::new(self.server.address(), format!("r{}", self.crashes.len()));
        // A client must not wait long for a server that is gone.
        plan.patience = Duration::from_secs(3);
        let load = Load::start(&plan);
        wait::until("the load to be accepted", LOAD_BOUND, || load.n_accepted() >= n_accepted)?;
        let mut sent = load.ledger();
        let from = Instant::now();
        crash(self.server.sandbox())?;
        self.crashes.push(Crash { from, to: Instant::now() });
        let n = sent.len();
        sent.extend(load.stop().into_iter().skip(n).map(|mut later| {
            later.outcome = Outcome::Unknown;
            later
        }));
        self.sent.extend(sent);
        self.server.start()
    }

    /// As [`Trial::round`], with both sites down until the server is back: all
    /// acknowledged mail is in the spool when the power goes.
    pub fn power_cut(&mut self, n_accepted: usize, volume: &Volume) -> Result<()> {
        self.sinks.iter_mut().for_each(Sink::go_down);
        self.round(n_accepted, |sandbox| volume.cut_power(sandbox))?;
        self.sinks.iter_mut().try_for_each(Sink::come_up)
    }

    /// Lets the queue drain and judges all rounds together.
    pub fn verdict(&self, quiet: Duration) -> Result<Verdict> {
        self.server.flush()?;
        let goal = n_accepted(&self.sent);
        let rules = Rules { sides_of: &odd_or_even, crashes: &self.crashes };
        let arrived = || self.sinks.iter().map(Sink::n_recipients).sum();
        wait::settled(goal, quiet, arrived);
        loop {
            let deliveries: Vec<Delivery> = self.sinks.iter().flat_map(Sink::deliveries).collect();
            let verdict = check(&self.sent, &deliveries, &rules);
            // Second copies may have reached the goal too early.
            if verdict.lost.is_empty()
                || wait::settled(arrived() + 1, quiet, arrived) == deliveries.len()
            {
                return Ok(verdict);
            }
        }
    }
}

/// The rule of [`Sites`]: a recipient's side by the number of the user.
pub fn odd_or_even(recipient: &str) -> Vec<String> {
    let number = recipient.trim_start_matches("user").split('@').next().unwrap_or("");
    let odd = number.ends_with(['1', '3', '5', '7', '9']);
    vec![if odd { "odd" } else { "even" }.to_string()]
}

/// The two sites, up.
pub fn sinks() -> Result<([Sink; 2], Sites)> {
    let sinks = [Sink::start("odd")?, Sink::start("even")?];
    let sites = Sites { odd: sinks[0].address(), even: sinks[1].address() };
    Ok((sinks, sites))
}
