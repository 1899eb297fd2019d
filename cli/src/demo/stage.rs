//! What the steps of the demo work with: the gateway, the sites, what was sent so far.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Result, anyhow, bail};
use api::{Acted, Action, ActionRequest, Selector, SiteList, SiteState, Traced, path};
use hyper::Method;
use serde::de::DeserializeOwned;
use tokio::sync::watch;
use tokio::time::sleep;

use super::gateway::Gateway;
use super::mailbox::{CLOUD, MAILBOXES, ON_PREM, Receipt};
use super::sender::{Sender, Sent};
use super::site::{Site, Taken};
use crate::client::Ask;
use crate::exit::Failure;
use crate::output::{Screen, count};

/// Longest wait for any one thing.
const WAIT_FOR: Duration = Duration::from_secs(15);
/// Before we step in.
const PATIENCE: Duration = Duration::from_secs(4);
const LOOK_EVERY: Duration = Duration::from_millis(20);
/// Connections that the sender has open.
const SENDERS: usize = 3;

/// See the module.
pub(crate) struct Stage<'a> {
    pub(crate) gateway: Gateway,
    pub(crate) on_prem: Site,
    pub(crate) cloud: Site,
    pub(crate) taken: Taken,
    pub(crate) sent: Vec<Sent>,
    screen: &'a mut Screen,
    next_number: usize,
}

/// A message to be sent, and to whom.
#[derive(Clone, Debug)]
pub(crate) struct Planned {
    pub(crate) number: usize,
    pub(crate) mailboxes: Vec<&'static str>,
}

impl<'a> Stage<'a> {
    pub(crate) async fn set(dir: &Path, screen: &'a mut Screen) -> Result<Self> {
        let taken = Taken::default();
        let on_prem = Site::start(ON_PREM, taken.clone()).await?;
        let cloud = Site::start(CLOUD, taken.clone()).await?;
        let gateway = Gateway::start(dir, &on_prem, &cloud).await?;
        Ok(Self { gateway, on_prem, cloud, taken, sent: Vec::new(), screen, next_number: 1 })
    }

    /// A line for whoever watches.
    pub(crate) fn say(&mut self, text: &str) -> Result<()> {
        if self.screen.json {
            return Ok(());
        }
        self.screen.line(text).map_err(said)?;
        self.screen.flush().map_err(said)
    }

    pub(crate) fn title(&mut self, text: &str) -> Result<()> {
        let text = self.screen.paint.text(crate::output::Colour::Bold, text);
        self.say("")?;
        self.say(&text)
    }

    pub(crate) const fn screen(&mut self) -> &mut Screen {
        self.screen
    }

    /// Asks the admin API.
    pub(crate) async fn ask<T: DeserializeOwned>(&self, ask: Ask<'_>) -> Result<T> {
        self.gateway.client()?.ask(ask).await.map_err(said)
    }

    pub(crate) async fn get<T: DeserializeOwned>(&self, path: String) -> Result<T> {
        self.ask(Ask::get("ask the gateway", path)).await
    }

    /// `n` messages, the first to the first of `to`, and so on around.
    pub(crate) fn plan(&mut self, n: usize, to: &[&[&'static str]]) -> Vec<Planned> {
        let first = self.next_number;
        self.next_number += n;
        let planned = to.iter().cycle().take(n).enumerate();
        planned
            .map(|(at, mailboxes)| Planned { number: first + at, mailboxes: mailboxes.to_vec() })
            .collect()
    }

    /// Waits until the sites have taken everything acknowledged so far for `mailboxes`.
    pub(crate) async fn all_taken_for(&self, mailboxes: &[&str]) -> Result<()> {
        let wanted: BTreeSet<(String, &str)> = self
            .sent
            .iter()
            .flat_map(|it| {
                it.accepted.iter().map(|to| (super::mailbox::message_id(it.number), to.as_str()))
            })
            .filter(|(_, to)| mailboxes.contains(to))
            .collect();
        until("the sites to take what was acknowledged", async || {
            let taken = self.taken.all();
            let got = taken.iter().map(|it| (it.message_id.clone(), it.mailbox())).collect();
            Ok(wanted.is_subset(&got))
        })
        .await
    }

    pub(crate) async fn all_taken(&self) -> Result<()> {
        self.all_taken_for(&MAILBOXES.map(|(name, _)| name)).await
    }

    /// As [`Stage::all_taken`]. A message whose reply was lost waits a minute, in case that it
    /// arrived after all; a person who knows better says `queue retry`, and so do we.
    pub(crate) async fn all_taken_after_trouble(&mut self) -> Result<()> {
        if let Ok(taken) = tokio::time::timeout(PATIENCE, self.all_taken()).await {
            return taken;
        }
        let selector = Selector { all: true, ..Selector::default() };
        let request =
            ActionRequest { action: Action::Retry, selector, reason: None, dry_run: false };
        let ask = Ask::post("retry", path::QUEUE_ACTIONS.to_owned()).json(Method::POST, &request);
        let acted: Acted = self.ask(ask).await?;
        self.say(&format!(
            "   $ causeway queue retry   (for {}: the site went away before its reply)",
            count(acted.recipients, "recipient")
        ))?;
        self.all_taken().await
    }

    /// Waits until the gateway holds a site for `state`.
    pub(crate) async fn site_is(&self, name: &str, state: SiteState) -> Result<()> {
        until("the gateway to notice", async || {
            let sites: SiteList = self.get(path::SITES.to_owned()).await?;
            Ok(sites.sites.iter().any(|it| it.name == name && it.state == state))
        })
        .await
    }

    /// Gateway ids and mailboxes of which a site has taken two copies and the ledger says so.
    pub(crate) async fn flagged(&self) -> Result<BTreeSet<(String, String)>> {
        let mut flagged = BTreeSet::new();
        let repeated = repeated(&self.taken.all());
        for id in repeated {
            let query = path::query(&[("id", Some(id.clone()))]);
            let traced: Traced = self.get(format!("{}{query}", path::TRACE)).await?;
            let recipients = traced.stories.iter().flat_map(|it| &it.recipients);
            for it in recipients.filter(|it| it.maybe_duplicate) {
                flagged.insert((id.clone(), super::mailbox::local(&it.address).to_owned()));
            }
        }
        Ok(flagged)
    }
}

/// Gateway ids that a site has taken for the same mailbox more than once.
fn repeated(taken: &[Receipt]) -> BTreeSet<String> {
    let mut seen = BTreeSet::new();
    let again = taken.iter().filter(|it| !seen.insert((&it.gateway_id, it.recipient.clone())));
    again.map(|it| it.gateway_id.clone()).collect()
}

/// Sends everything over a few connections. `n_done` counts what is acknowledged, for whoever
/// waits for the middle of it.
pub(crate) async fn send(
    gateway: watch::Receiver<SocketAddr>,
    plan: &[Planned],
    pause: Duration,
    n_done: &AtomicUsize,
) -> Result<Vec<Sent>> {
    let one = async |part: usize| -> Result<Vec<Sent>> {
        let mut sender = Sender::new(gateway.clone());
        let mut sent = Vec::new();
        for message in plan.iter().skip(part).step_by(SENDERS) {
            sent.push(sender.send(message.number, &message.mailboxes).await?);
            n_done.fetch_add(1, Ordering::Relaxed);
            sleep(pause).await;
        }
        Ok(sent)
    };
    let (first, second, third) = tokio::try_join!(one(0), one(1), one(2))?;
    Ok([first, second, third].concat())
}

/// Looks every 20 ms, for 15 s.
pub(crate) async fn until(what: &str, condition: impl AsyncFn() -> Result<bool>) -> Result<()> {
    let begun = Instant::now();
    while begun.elapsed() < WAIT_FOR {
        if condition().await? {
            return Ok(());
        }
        sleep(LOOK_EVERY).await;
    }
    bail!("waited {} s in vain for {what}", WAIT_FOR.as_secs())
}

fn said(failure: Failure) -> anyhow::Error {
    anyhow!(failure.message)
}
