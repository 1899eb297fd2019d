//! What operators see of the queues and do to them.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use mail::{Address, AddressKey, Reply, ReversePath, SpoolId, Timestamp};
use spool::{Event, Message, What};

use crate::delivery::{Delivery, now};
use crate::queue::Next;
use crate::queue::leg::{Hold, Leg, LegId, LegRecipient, Place};
use crate::route::Destination;
use crate::settle;
use crate::worker::new_name;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum QueueState {
    /// About to be tried, or being tried.
    Active,
    /// Waits for a time or for its hop.
    Deferred,
    /// Waits for a person or for the end of a cutover.
    Held,
}

/// Which recipients are meant: those that match every field given.
#[derive(Clone, Debug, Default)]
pub struct Selector {
    pub ids: Vec<SpoolId>,
    pub hop: Option<String>,
    pub state: Option<QueueState>,
    pub older_than: Option<Duration>,
    pub recipient: Option<AddressMatch>,
    pub sender: Option<AddressMatch>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AddressMatch {
    Exactly(AddressKey),
    Domain(String),
    /// `<>`
    Null,
}

impl Action {
    /// What is held waits for a release, not for a retry; only a person's hold can be released,
    /// for the next change of the table lifts the others.
    fn applies_to(&self, leg: &Waiting) -> bool {
        match self {
            Self::Retry => leg.state != QueueState::Held,
            Self::Release { .. } => leg.is_releasable(),
            Self::Hold { .. } | Self::Bounce { .. } | Self::Discard { .. } => true,
        }
    }
}

impl Waiting {
    fn is_releasable(&self) -> bool {
        match &self.held {
            Some(Hold::Operator { by, .. }) => by != ROUTING,
            Some(Hold::Loop) => true,
            Some(Hold::Cutover) | None => false,
        }
    }
}

impl AddressMatch {
    fn matches(&self, address: &Address) -> bool {
        match self {
            Self::Exactly(key) => address.key() == *key,
            Self::Domain(domain) => address.domain().as_str() == domain,
            Self::Null => false,
        }
    }

    fn matches_path(&self, path: &ReversePath) -> bool {
        match path {
            ReversePath::Null => *self == Self::Null,
            ReversePath::Mailbox(address) => self.matches(address),
        }
    }
}

/// A leg as an operator sees it.
#[derive(Clone, Debug)]
pub struct Waiting {
    pub leg: LegId,
    pub hop: String,
    pub state: QueueState,
    pub in_flight: bool,
    pub attempts: u32,
    pub due: Option<Timestamp>,
    pub held: Option<Hold>,
    pub last_reply: String,
    /// Places in the envelope.
    pub recipients: Vec<u16>,
}

/// A message with the legs that were selected.
#[derive(Clone, Debug)]
pub struct Queued {
    pub id: SpoolId,
    pub accepted_at: Timestamp,
    pub size: u64,
    /// `None` when nothing of its text was asked for, or the spool cannot read it.
    pub message: Option<Arc<Message>>,
    pub legs: Vec<Waiting>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    Retry,
    Hold { by: String, why: String },
    Release { by: String },
    Bounce { by: String, why: String },
    Discard { by: String, why: String },
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Acted {
    pub messages: u64,
    pub recipients: u64,
    /// Recipients left alone because they were being delivered.
    pub busy: u64,
    /// Recipients not released because the table holds them.
    pub held_by_table: u64,
}

/// Mail per hop, by age.
#[derive(Clone, Debug)]
pub struct HopSummary {
    pub name: String,
    pub active: u64,
    pub deferred: u64,
    pub held: u64,
    pub oldest: Option<Timestamp>,
    pub by_age: Vec<u64>,
}

/// Who holds a recipient that the table has no place for.
pub(crate) const ROUTING: &str = "routing";

/// Messages whose envelopes are in memory at once for one question.
const LOADED_AT_ONCE: usize = 64;

impl Delivery {
    /// Messages after `after`, in the order of their ids, at most `limit`, with their envelopes.
    pub async fn list(
        &self,
        selector: &Selector,
        after: Option<SpoolId>,
        limit: usize,
    ) -> Vec<Queued> {
        let mut rows = self.select(selector);
        rows.retain(|it| after.is_none_or(|after| it.id > after));
        let mut found = Vec::new();
        while !rows.is_empty() && found.len() < limit {
            let rest = rows.split_off(rows.len().min(LOADED_AT_ONCE));
            let some = std::mem::replace(&mut rows, rest);
            found.extend(self.with_text(some, selector, limit - found.len()).await);
        }
        found
    }

    /// Does `action` to all that is selected, or only counts it. Envelopes are read for a few
    /// messages at a time, so that memory does not grow with the queue.
    pub async fn act_on(&self, selector: &Selector, action: &Action, dry_run: bool) -> Acted {
        let wants_text = selector.recipient.is_some()
            || selector.sender.is_some()
            || (matches!(action, Action::Bounce { .. }) && !dry_run)
            || (self.0.events.wants_flow() && !dry_run);
        let mut rows = self.select(selector);
        let mut acted = Acted::default();
        while !rows.is_empty() {
            let rest = rows.split_off(rows.len().min(LOADED_AT_ONCE));
            let some = std::mem::replace(&mut rows, rest);
            let some =
                if wants_text { self.with_text(some, selector, usize::MAX).await } else { some };
            for row in some {
                self.act_on_row(&row, action, dry_run, &mut acted).await;
            }
        }
        acted
    }

    async fn act_on_row(&self, row: &Queued, action: &Action, dry_run: bool, acted: &mut Acted) {
        let mut any = false;
        for leg in &row.legs {
            if !action.applies_to(leg) {
                let releases = matches!(action, Action::Release { .. });
                let n = if releases && leg.held.is_some() { leg.recipients.len() } else { 0 };
                acted.held_by_table += n as u64;
            } else if leg.in_flight {
                acted.busy += leg.recipients.len() as u64;
            } else if dry_run || self.act_on_leg(row, leg, action).await {
                any = true;
                acted.recipients += leg.recipients.len() as u64;
            }
        }
        acted.messages += u64::from(any);
    }

    /// Recipients of a leg that were not selected stay as they are, in a leg of their own.
    async fn act_on_leg(&self, row: &Queued, leg: &Waiting, action: &Action) -> bool {
        let split = self.0.queues.lock().split(leg.leg, &leg.recipients, now());
        let Some(own) = split else { return false };
        let leg = &Waiting { leg: own, ..leg.clone() };
        match action {
            Action::Retry => self.let_go(leg.leg),
            Action::Release { by } => {
                let what = What::Released { by: by.clone() };
                self.record(row.id, &leg.recipients, what).await && self.let_go(leg.leg)
            }
            Action::Hold { by, why } => {
                let what = What::Held { by: by.clone(), why: why.clone() };
                let hold = Hold::Operator { by: by.clone(), why: why.clone() };
                let told = what.clone();
                let done = self.record(row.id, &leg.recipients, what).await
                    && self.put(leg, &Next::Hold(hold));
                self.tell_done(row, leg, &told, done);
                done
            }
            Action::Discard { by, why } => {
                let what = What::Discarded { by: by.clone(), why: why.clone() };
                let told = what.clone();
                let done = self.settle_leg(row.id, leg, what).await;
                self.tell_done(row, leg, &told, done);
                done
            }
            Action::Bounce { by, why } => {
                let work = self.0.queues.lock().seize(leg.leg);
                match (work, &row.message) {
                    (Some(work), Some(message)) => {
                        settle::bounce_by_order(self, work, message, &leg.recipients, by, why).await
                    }
                    (Some(work), None) => {
                        settle::put_back(self, &work);
                        false
                    }
                    (None, _) => false,
                }
            }
        }
    }

    /// Whoever looks on hears of it; the envelope was read if somebody does.
    fn tell_done(&self, row: &Queued, leg: &Waiting, what: &What, done: bool) {
        let hop = self.hops().into_iter().find(|it| it.key.to_string() == leg.hop);
        if let (Some(message), Some(hop), true) = (&row.message, hop, done) {
            self.tell_what(message, &hop, what, &leg.recipients);
        }
    }

    fn let_go(&self, leg: LegId) -> bool {
        let hop = self.0.queues.lock().release(leg, now());
        self.kick(hop.as_slice());
        hop.is_some()
    }

    pub(crate) async fn record(&self, id: SpoolId, recipients: &[u16], what: What) -> bool {
        let event = Event { id, recipients: recipients.to_vec(), at: now(), what };
        self.0.spool.post_durable(event).await.is_ok()
    }

    /// The leg leaves the queue before the ledger says so, so that nobody delivers it meanwhile.
    async fn settle_leg(&self, id: SpoolId, leg: &Waiting, what: What) -> bool {
        let Some(work) = self.0.queues.lock().seize(leg.leg) else { return false };
        let done = self.record(id, &leg.recipients, what).await;
        let next = if done { Next::Settled } else { Next::Again };
        let fates: Vec<_> = leg.recipients.iter().map(|it| (*it, next.clone())).collect();
        let hops = self.0.queues.lock().finish(work.leg, &fates, false, now());
        self.kick(&hops);
        done
    }

    fn put(&self, leg: &Waiting, next: &Next) -> bool {
        let mut queues = self.0.queues.lock();
        let Some(work) = queues.seize(leg.leg) else { return false };
        let fates: Vec<_> = leg.recipients.iter().map(|it| (*it, next.clone())).collect();
        let hops = queues.finish(work.leg, &fates, false, now());
        drop(queues);
        self.kick(&hops);
        true
    }

    /// What memory alone can tell.
    fn select(&self, selector: &Selector) -> Vec<Queued> {
        let now = now();
        let names: Vec<String> = self.hops().iter().map(|it| it.key.to_string()).collect();
        let ids: HashSet<SpoolId> = selector.ids.iter().copied().collect();
        let mut rows: BTreeMap<SpoolId, Queued> = BTreeMap::new();
        self.each_leg(|queues, leg_id, leg| {
            let Some((accepted_at, size)) = queues.accepted(leg.id) else { return };
            let name = names.get(leg.hop.0 as usize).map_or("", String::as_str);
            let state = state_of(leg, queues.is_open(leg.hop));
            let matches = (ids.is_empty() || ids.contains(&leg.id))
                && selector.hop.as_deref().is_none_or(|it| it == name)
                && selector.state.is_none_or(|it| it == state)
                && selector.older_than.is_none_or(|it| now.since(accepted_at) >= it);
            if !matches {
                return;
            }
            rows.entry(leg.id)
                .or_insert_with(|| Queued {
                    id: leg.id,
                    accepted_at,
                    size,
                    message: None,
                    legs: Vec::new(),
                })
                .legs
                .push(waiting(leg_id, leg, name, state));
        });
        rows.into_values().collect()
    }

    /// Reads envelopes, off the reactor, and drops what they show not to match.
    async fn with_text(&self, rows: Vec<Queued>, selector: &Selector, limit: usize) -> Vec<Queued> {
        let (spool, selector) = (self.0.spool.clone(), selector.clone());
        let read = move || {
            let read = rows.into_iter().filter_map(|mut row| {
                row.message = spool.load(row.id).ok();
                matches_text(&mut row, &selector).then_some(row)
            });
            read.take(limit).collect()
        };
        tokio::task::spawn_blocking(read).await.unwrap_or_default()
    }

    /// Where mail waits and since when; `bounds` are ages in seconds, the last column is older.
    pub fn summary(&self, bounds: &[u64]) -> Vec<HopSummary> {
        let now = now();
        let mut out: Vec<HopSummary> =
            self.hops().iter().map(|it| empty(it.key.to_string(), bounds)).collect();
        self.each_leg(|queues, _, leg| {
            let Some((accepted_at, _)) = queues.accepted(leg.id) else { return };
            let Some(row) = out.get_mut(leg.hop.0 as usize) else { return };
            let n = leg.recipients.len() as u64;
            match state_of(leg, queues.is_open(leg.hop)) {
                QueueState::Active => row.active += n,
                QueueState::Deferred => row.deferred += n,
                QueueState::Held => row.held += n,
            }
            row.oldest = Some(row.oldest.map_or(accepted_at, |it| it.min(accepted_at)));
            let age = now.since(accepted_at).as_secs();
            let column = bounds.iter().position(|it| age <= *it).unwrap_or(bounds.len());
            row.by_age[column] += n;
        });
        out
    }

    /// Messages of which something is not settled.
    pub fn messages(&self) -> usize {
        self.0.queues.lock().messages()
    }

    /// Octets of those messages.
    pub fn bytes(&self) -> u64 {
        self.0.queues.lock().bytes()
    }

    /// The state of each recipient of these messages that is not settled.
    pub fn states_of(&self, ids: &HashSet<SpoolId>) -> HashMap<(SpoolId, u16), QueueState> {
        let mut states = HashMap::new();
        self.each_leg(|queues, _, leg| {
            if ids.contains(&leg.id) {
                let state = state_of(leg, queues.is_open(leg.hop));
                states.extend(leg.recipients.iter().map(|it| ((leg.id, it.index), state)));
            }
        });
        states
    }

    /// Tells the queues that these mailboxes may live elsewhere now: their waiting mail is routed
    /// again, whether it waits for a site, a time or the end of a cutover.
    pub fn table_changed(&self, changed: &[AddressKey]) {
        let mailboxes: HashSet<u64> = changed.iter().map(|it| self.0.routes.mailbox(it)).collect();
        let legs = {
            let mut queues = self.0.queues.lock();
            queues.table_is(self.0.routes.generation());
            queues.waiting_for(&mailboxes)
        };
        self.route_all_again(legs);
    }

    /// Tells the queues that any mail may belong elsewhere now: relay domains or sites changed.
    pub fn domains_changed(&self) {
        let legs = self.0.queues.lock().all_waiting();
        self.route_all_again(legs);
    }

    /// Hands legs to [`Delivery::route_waiting`], behind those that it has already.
    pub(crate) fn route_all_again(&self, legs: Vec<LegId>) {
        if legs.is_empty() {
            return;
        }
        tracing::info!(messages = legs.len(), "Routing waiting mail again.");
        self.0.to_route.lock().extend(legs);
        self.0.routing.notify_one();
    }

    /// Routes what it is handed in that order, which is the order of acceptance.
    pub(crate) async fn route_waiting(self) {
        loop {
            tokio::select! {
                () = self.0.stop.cancelled() => return,
                () = self.0.routing.notified() => (),
            }
            while !self.0.stop.is_cancelled() {
                let next = self.0.to_route.lock().pop_front();
                let Some(leg) = next else { break };
                self.route_again(leg).await;
            }
        }
    }

    /// A leg that stays where it is keeps its turn, its time and its hold.
    async fn route_again(&self, leg_id: LegId) {
        let known = {
            let queues = self.0.queues.lock();
            queues.leg(leg_id).map(|it| (it.id, it.hop, it.hold().cloned()))
        };
        let Some((id, hop, hold)) = known else { return };
        if matches!(&hold, Some(Hold::Operator { by, .. }) if by != ROUTING) {
            return;
        }
        let spool = self.0.spool.clone();
        let loaded = tokio::task::spawn_blocking(move || spool.load(id).ok()).await.ok().flatten();
        let Some(message) = loaded else { return };
        let places: Vec<_> = {
            let view = self.0.routes.look();
            message.envelope.recipients.iter().map(|it| view.destination(it)).collect()
        };
        let nexts: Vec<(u16, Next)> = (0..=u16::MAX)
            .zip(places.iter().cloned())
            .map(|(n, it)| (n, self.next_of(it)))
            .collect();
        let next_of = |index: u16| nexts.get(usize::from(index)).map(|it| &it.1);
        let mut queues = self.0.queues.lock();
        let Some(leg) = queues.leg(leg_id).filter(|it| it.place != Place::InFlight) else { return };
        let new_name = |it: &LegRecipient| new_name(places.get(usize::from(it.index))?, *it);
        let renamed: Vec<LegRecipient> = leg.recipients.iter().filter_map(new_name).collect();
        let stays = leg.recipients.iter().all(|it| match (next_of(it.index), &hold) {
            (Some(Next::Hop(target)), None) => *target == hop,
            (Some(Next::Hold(new)), Some(old)) => new == old,
            (None, _) => true,
            _ => false,
        });
        if (stays && renamed.is_empty()) || queues.seize(leg_id).is_none() {
            return;
        }
        queues.rename(leg_id, renamed);
        let hops = queues.finish(leg_id, &nexts, false, now());
        drop(queues);
        self.kick(&hops);
    }

    /// What a recipient's place in the table means for a leg that waits.
    pub(crate) fn next_of(&self, place: Result<Destination, Reply>) -> Next {
        match place {
            Ok(place) => match place.hold {
                Some(hold) => Next::Hold(hold),
                None => Next::Hop(self.hop(&place.hop).index),
            },
            Err(reply) => Next::Hold(Hold::Operator { by: ROUTING.into(), why: reply.to_string() }),
        }
    }
}

fn empty(name: String, bounds: &[u64]) -> HopSummary {
    HopSummary {
        name,
        active: 0,
        deferred: 0,
        held: 0,
        oldest: None,
        by_age: vec![0; bounds.len() + 1],
    }
}

fn state_of(leg: &Leg, open: bool) -> QueueState {
    match leg.place {
        Place::InFlight => QueueState::Active,
        Place::Deferred => QueueState::Deferred,
        Place::Held => QueueState::Held,
        Place::Fresh | Place::Backlog | Place::Parked | Place::Next if open => QueueState::Active,
        Place::Fresh | Place::Backlog | Place::Parked | Place::Next => QueueState::Deferred,
    }
}

fn waiting(id: LegId, leg: &Leg, hop: &str, state: QueueState) -> Waiting {
    Waiting {
        leg: id,
        hop: hop.to_owned(),
        state,
        in_flight: leg.place == Place::InFlight,
        attempts: leg.attempts(),
        due: leg.due(),
        held: leg.hold().cloned(),
        last_reply: leg.past.as_ref().map(|it| it.last_reply.clone()).unwrap_or_default(),
        recipients: leg.recipients.iter().map(|it| it.index).collect(),
    }
}

fn matches_text(row: &mut Queued, selector: &Selector) -> bool {
    let asks = selector.recipient.is_some() || selector.sender.is_some();
    let Some(message) = &row.message else { return !asks };
    let envelope = &message.envelope;
    if selector.sender.as_ref().is_some_and(|it| !it.matches_path(&envelope.reverse_path)) {
        return false;
    }
    if let Some(wanted) = &selector.recipient {
        let meant = |index: &u16| {
            envelope
                .recipients
                .get(usize::from(*index))
                .is_some_and(|it| wanted.matches(&it.address))
        };
        for leg in &mut row.legs {
            leg.recipients.retain(meant);
        }
        row.legs.retain(|it| !it.recipients.is_empty());
    }
    !row.legs.is_empty()
}
