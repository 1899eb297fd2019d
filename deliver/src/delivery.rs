//! The shell around the queues: what is submitted goes to a lane, lanes get workers.

use std::cell::Cell;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant, SystemTime};

use mail::{Domain, SiteName, Timestamp};
use parking_lot::{Mutex, RwLock};
use spool::{Message, Recovered, Spool};
use tokio::runtime::Handle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::hop::{Hop, HopKey, HopSettings};
use crate::metrics::DeliverMetrics;
use crate::mx::Resolver;
use crate::operate::ROUTING;
use crate::queue::leg::{HopIndex, LegRecipient, Past};
use crate::queue::{Kick, NewLeg, NewMessage, Queues, Shard};
use crate::retry::RetrySettings;
use crate::route::{Destination, Routes};
use crate::{connection::Timeouts, queue::leg::Hold, worker};

/// What delivery does alike for all hops.
#[derive(Clone, Debug)]
pub struct Settings {
    pub hostname: Domain,
    pub retry: RetrySettings,
    pub directory_lag_grace: Duration,
    pub timeouts: Timeouts,
    /// For the domains of strangers.
    pub mx: HopSettings,
    pub smart_host: Option<HopSettings>,
    pub bounce_bytes_max: u64,
    /// Octets of bodies that may stay in memory while they wait for their first attempt.
    pub memory_bodies_max: u64,
}

/// Everything that delivery is built from.
pub struct Parts {
    pub spool: Spool,
    pub routes: Arc<Routes>,
    pub sites: Vec<(SiteName, HopSettings)>,
    pub settings: Settings,
    pub resolver: Resolver,
    pub metrics: DeliverMetrics,
    /// Runtimes whose threads carry sessions and connections.
    pub shards: Vec<Handle>,
    pub tracker: TaskTracker,
    pub stop: CancellationToken,
}

/// Handle on delivery; cheap to clone.
#[derive(Clone)]
pub struct Delivery(pub(crate) Arc<Inner>);

pub(crate) struct Inner {
    pub spool: Spool,
    pub routes: Arc<Routes>,
    pub settings: Settings,
    pub resolver: Resolver,
    pub metrics: DeliverMetrics,
    pub queues: Mutex<Queues<Arc<Message>>>,
    hops: RwLock<Hops>,
    shards: Vec<Handle>,
    next_shard: AtomicUsize,
    pub tracker: TaskTracker,
    pub stop: CancellationToken,
    started: Instant,
}

#[derive(Default)]
struct Hops {
    by_key: HashMap<HopKey, Arc<Hop>>,
    by_index: Vec<Arc<Hop>>,
}

thread_local! {
    static SHARD: Cell<Option<usize>> = const { Cell::new(None) };
}

/// Tells delivery that this thread runs the shard of that number: connections for what is
/// submitted here are then opened here, and wake without a system call.
pub fn enter_shard(index: usize) {
    SHARD.set(Some(index));
}

/// Which shard this thread is.
pub(crate) fn shard() -> Shard {
    SHARD.get()
}

/// The wall clock, for what is written down. The one place of this crate that asks for it.
pub(crate) fn now() -> Timestamp {
    Timestamp::from_system(SystemTime::now())
}

impl Delivery {
    pub fn new(parts: Parts) -> Self {
        let inner = Inner {
            spool: parts.spool,
            routes: parts.routes,
            queues: Mutex::new(Queues::new(parts.settings.memory_bodies_max)),
            settings: parts.settings,
            resolver: parts.resolver,
            metrics: parts.metrics,
            hops: RwLock::new(Hops::default()),
            shards: parts.shards,
            next_shard: AtomicUsize::new(0),
            tracker: parts.tracker,
            stop: parts.stop,
            started: Instant::now(),
        };
        for (name, settings) in parts.sites {
            inner.add_hop(HopKey::Site(name), settings);
        }
        let delivery = Self(Arc::new(inner));
        delivery.publish_sites();
        delivery
    }

    /// Queues an accepted message and sees to it that somebody carries it. Never blocks; called
    /// on the shard that accepted it.
    pub fn submit(&self, message: Arc<Message>) {
        let legs = self.legs_of(&message, None);
        let new = NewMessage {
            id: message.id,
            accepted_at: message.accepted_at,
            size: message.body.len(),
            message: Some(message),
            legs,
        };
        self.enqueue(new);
    }

    /// Queues a message that an earlier run accepted.
    pub fn recovered(&self, recovered: &Recovered) {
        let legs = self.legs_of_recovered(recovered);
        let new = NewMessage {
            id: recovered.id,
            accepted_at: recovered.accepted_at,
            size: recovered.size,
            message: None,
            legs,
        };
        self.enqueue(new);
    }

    fn enqueue(&self, new: NewMessage<Arc<Message>>) {
        let mut hops: Vec<HopIndex> = new.legs.iter().map(|it| it.hop).collect();
        hops.dedup();
        let mut queues = self.0.queues.lock();
        queues.submit(new, now());
        let kicks = self.0.kicks(&mut queues, &hops);
        drop(queues);
        self.act(kicks);
    }

    fn legs_of(&self, message: &Message, only: Option<&[u16]>) -> Vec<NewLeg> {
        let mut legs: Vec<NewLeg> = Vec::with_capacity(1);
        for (index, recipient) in (0_u16..).zip(&message.envelope.recipients) {
            if only.is_some_and(|it| !it.contains(&index)) {
                continue;
            }
            let place = self.place_of(recipient);
            let past = place.hold.map(|hold| Past { held: Some(hold), ..Past::default() });
            join(
                &mut legs,
                &self.0,
                place.hop,
                LegRecipient { index, mailbox: place.mailbox },
                past,
            );
        }
        legs
    }

    fn legs_of_recovered(&self, recovered: &Recovered) -> Vec<NewLeg> {
        let mut legs = Vec::new();
        for (index, (recipient, state)) in
            (0_u16..).zip(recovered.envelope.recipients.iter().zip(&recovered.recipients))
        {
            if state.settled {
                continue;
            }
            let place = self.place_of(recipient);
            let hold = state
                .held_by
                .as_ref()
                .map(|by| Hold::Operator { by: by.clone(), why: String::new() })
                .or(place.hold);
            let untouched = state.attempts == 0 && hold.is_none() && state.due.is_none();
            let past = (!untouched).then(|| Past {
                attempts: state.attempts,
                first_failed_at: state.first_failed_at,
                last_reply: state.last_reply.clone().unwrap_or_default(),
                due: state.due,
                held: hold,
            });
            let recipient = LegRecipient { index, mailbox: place.mailbox };
            let leg = join(&mut legs, &self.0, place.hop, recipient, past);
            leg.maybe_duplicate |= state.maybe_duplicate;
            leg.delay_notified |= state.delay_notified;
        }
        legs
    }

    /// The lane of a recipient. One whom the table does not know any more stays where an operator
    /// sees it, in the lane of the first site: an edit must not bounce mail that was accepted.
    fn place_of(&self, recipient: &mail::Recipient) -> Place {
        match self.0.routes.destination(recipient) {
            Ok(Destination { hop, mailbox, hold, .. }) => {
                Place { hop: self.hop(&hop).index, mailbox, hold }
            }
            Err(reply) => Place {
                hop: HopIndex(0),
                mailbox: self.0.routes.mailbox(&recipient.address.key()),
                hold: Some(Hold::Operator { by: ROUTING.into(), why: reply.to_string() }),
            },
        }
    }

    /// The hop of that name; domains of strangers come into being when they are first named.
    pub(crate) fn hop(&self, key: &HopKey) -> Arc<Hop> {
        if let Some(hop) = self.0.hops.read().by_key.get(key) {
            return Arc::clone(hop);
        }
        let settings = match key {
            HopKey::SmartHost => self.0.settings.smart_host.clone(),
            HopKey::Domain(_) | HopKey::Site(_) => None,
        };
        let mut settings = settings.unwrap_or_else(|| self.0.settings.mx.clone());
        if let HopKey::Domain(domain) = key {
            settings.hosts = config::Hosts::Mx(domain.clone());
        }
        self.0.add_hop(key.clone(), settings)
    }

    pub(crate) fn hop_at(&self, index: HopIndex) -> Option<Arc<Hop>> {
        self.0.hops.read().by_index.get(index.0 as usize).cloned()
    }

    pub(crate) fn hops(&self) -> Vec<Arc<Hop>> {
        self.0.hops.read().by_index.clone()
    }

    /// Wakes or opens connections. Must be called without the lock of the queues.
    pub(crate) fn act(&self, kicks: Vec<(HopIndex, Kick)>) {
        for (index, kick) in kicks {
            match kick {
                Kick::Nothing => (),
                Kick::Wake(notify) => notify.notify_one(),
                Kick::Open(shard) => {
                    if let Some(hop) = self.hop_at(index) {
                        self.spawn(worker::run(self.clone(), hop, shard));
                    }
                }
            }
        }
    }

    /// Runs a task on this thread's shard, or on each shard in turn.
    pub(crate) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        let shard = SHARD
            .get()
            .unwrap_or_else(|| self.0.next_shard.fetch_add(1, Ordering::Relaxed))
            .checked_rem(self.0.shards.len());
        match shard.and_then(|it| self.0.shards.get(it)) {
            Some(handle) => drop(self.0.tracker.spawn_on(task, handle)),
            None => drop(self.0.tracker.spawn(task)),
        }
    }

    pub(crate) fn kick(&self, hops: &[HopIndex]) {
        let kicks = self.0.kicks(&mut self.0.queues.lock(), hops);
        self.act(kicks);
    }

    pub(crate) fn moment(&self) -> Duration {
        self.0.started.elapsed()
    }
}

struct Place {
    hop: HopIndex,
    mailbox: u64,
    hold: Option<Hold>,
}

impl Inner {
    fn add_hop(&self, key: HopKey, settings: HopSettings) -> Arc<Hop> {
        let mut hops = self.hops.write();
        if let Some(hop) = hops.by_key.get(&key) {
            return Arc::clone(hop);
        }
        let mut queues = self.queues.lock();
        let index = queues.add_hop(true);
        queues.workers(index).set_limit(settings.connections_max);
        drop(queues);
        let hop = Arc::new(Hop::new(key.clone(), index, settings));
        self.metrics.hop_up.with_label_values(&[hop.key.label()]).set(1);
        hops.by_key.insert(key, Arc::clone(&hop));
        hops.by_index.push(Arc::clone(&hop));
        hop
    }

    pub(crate) fn kicks(
        &self,
        queues: &mut Queues<Arc<Message>>,
        hops: &[HopIndex],
    ) -> Vec<(HopIndex, Kick)> {
        let moment = self.started.elapsed();
        let list = self.hops.read();
        let mut kicks = Vec::with_capacity(hops.len());
        for index in hops {
            let Some(hop) = list.by_index.get(index.0 as usize) else { continue };
            match queues.kick(*index, hop.settings.batch, shard(), moment) {
                Kick::Nothing => (),
                kick => kicks.push((*index, kick)),
            }
        }
        kicks
    }
}

/// Adds a recipient to the leg of its hop and fate, or begins one.
fn join<'a>(
    legs: &'a mut Vec<NewLeg>,
    inner: &Inner,
    hop: HopIndex,
    recipient: LegRecipient,
    past: Option<Past>,
) -> &'a mut NewLeg {
    let max = inner
        .hops
        .read()
        .by_index
        .get(hop.0 as usize)
        .map_or(1, |it| it.settings.recipients_max.max(1));
    let fits = |it: &NewLeg| it.hop == hop && it.past == past && it.recipients.len() < max;
    match legs.iter().position(fits) {
        Some(place) => legs[place].recipients.push(recipient),
        None => legs.push(NewLeg {
            hop,
            recipients: vec![recipient],
            past,
            maybe_duplicate: false,
            delay_notified: false,
        }),
    }
    let place = legs.iter().rposition(|it| it.recipients.last() == Some(&recipient)).unwrap_or(0);
    &mut legs[place]
}
