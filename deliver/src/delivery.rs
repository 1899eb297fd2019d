//! The shell around the queues: what is submitted goes to a lane, lanes get workers.

use std::cell::Cell;
use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant, SystemTime};

use events::Events;
use mail::{Domain, ReversePath, SiteName, Timestamp};
use parking_lot::{Mutex, RwLock};
use spool::{Message, Recovered, Spool};
use tokio::runtime::Handle;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::cut::Cuts;
use crate::hop::{Hop, HopKey, HopSettings};
use crate::metrics::DeliverMetrics;
use crate::mx::Resolver;
use crate::operate::ROUTING;
use crate::outcomes::Outcomes;
use crate::queue::leg::{HopIndex, Leg, LegId, LegRecipient, Past};
use crate::queue::{Kick, NewLeg, NewMessage, Queues, Shard};
use crate::retry::RetrySettings;
use crate::route::{Destination, Routes, View};
use crate::verify::Verifier;
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
    pub recipient_check: config::RecipientCheck,
}

/// Everything that delivery is built from.
pub struct Parts {
    pub spool: Spool,
    pub routes: Arc<Routes>,
    pub sites: Vec<(SiteName, HopSettings)>,
    pub settings: Settings,
    pub resolver: Resolver,
    pub metrics: DeliverMetrics,
    /// Hears what becomes of mail and of sites.
    pub events: Events,
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
    pub events: Events,
    pub verifier: Verifier,
    pub outcomes: Outcomes,
    pub cuts: Cuts,
    pub queues: Mutex<Queues<Arc<Message>>>,
    hops: RwLock<Hops>,
    shards: Vec<Handle>,
    next_shard: AtomicUsize,
    /// Legs to be routed again, in this order; no more than there are.
    pub to_route: Mutex<VecDeque<LegId>>,
    pub routing: Notify,
    pub tracker: TaskTracker,
    pub stop: CancellationToken,
    started: Instant,
}

/// Where both locks are needed, the queues are locked first.
#[derive(Default)]
struct Hops {
    by_key: HashMap<HopKey, Arc<Hop>>,
    by_index: Vec<Arc<Hop>>,
    /// Places of domains that were forgotten.
    free: Vec<HopIndex>,
}

/// Legs looked at under one lock.
const LOOKED_AT: usize = 1_000;
/// A stranger's domain without mail for so long is forgotten.
const IDLE_HOP_FOR: Duration = Duration::from_secs(3600);

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
            verifier: Verifier::new(parts.settings.recipient_check.clone()),
            outcomes: Outcomes::default(),
            cuts: Cuts::default(),
            settings: parts.settings,
            resolver: parts.resolver,
            metrics: parts.metrics,
            events: parts.events,
            hops: RwLock::new(Hops::default()),
            shards: parts.shards,
            next_shard: AtomicUsize::new(0),
            to_route: Mutex::default(),
            routing: Notify::new(),
            tracker: parts.tracker,
            stop: parts.stop,
            started: Instant::now(),
        };
        for (name, settings) in parts.sites {
            inner.add_hop(HopKey::Site(name), settings);
        }
        let delivery = Self(Arc::new(inner));
        {
            let mut queues = delivery.0.queues.lock();
            queues.table_is(delivery.0.routes.generation());
            // What is taken before the first tick has a time too.
            queues.tick(now());
        }
        delivery.publish_sites();
        delivery
    }

    /// Queues an accepted message and sees to it that somebody carries it. Never blocks; called
    /// on the shard that accepted it.
    pub fn submit(&self, message: Arc<Message>) {
        let generation = self.0.routes.generation();
        let legs = self.legs_of(&message);
        let new = NewMessage {
            id: message.id,
            accepted_at: message.accepted_at,
            size: message.body.len(),
            is_notification: message.envelope.reverse_path == ReversePath::Null,
            message: Some(message),
            legs,
        };
        self.enqueue(new, generation);
    }

    /// Queues a message that an earlier run accepted.
    pub fn recovered(&self, recovered: &Recovered) {
        let generation = self.0.routes.generation();
        let legs = self.legs_of_recovered(recovered);
        let new = NewMessage {
            id: recovered.id,
            accepted_at: recovered.accepted_at,
            size: recovered.size,
            is_notification: recovered.envelope.reverse_path == ReversePath::Null,
            message: None,
            legs,
        };
        self.enqueue(new, generation);
    }

    /// `generation`: of the table before the message was routed.
    fn enqueue(&self, new: NewMessage<Arc<Message>>, generation: u64) {
        let mut hops: Vec<HopIndex> = new.legs.iter().map(|it| it.hop).collect();
        hops.dedup();
        let mut queues = self.0.queues.lock();
        let legs = queues.submit(new, now());
        if generation != self.0.routes.generation() {
            queues.mark_stale(&legs);
        }
        let kicks = self.0.kicks(&mut queues, &hops);
        drop(queues);
        self.act(kicks);
    }

    fn legs_of(&self, message: &Message) -> Vec<NewLeg> {
        let mut legs: Vec<NewLeg> = Vec::with_capacity(1);
        let view = self.0.routes.look();
        for (index, recipient) in (0..=u16::MAX).zip(&message.envelope.recipients) {
            let place = self.place_of(&view, recipient);
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
        let view = self.0.routes.look();
        for (index, (recipient, state)) in
            (0..=u16::MAX).zip(recovered.envelope.recipients.iter().zip(&recovered.recipients))
        {
            if state.settled {
                continue;
            }
            let place = self.place_of(&view, recipient);
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
    fn place_of(&self, view: &View<'_>, recipient: &mail::Recipient) -> Place {
        match view.destination(recipient) {
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
            hop.used(self.moment());
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

    /// Shows every leg to `look`, in no order. The queues are locked for a few at a time, so that
    /// mail moves on while an operator looks at a million.
    pub(crate) fn each_leg(&self, mut look: impl FnMut(&Queues<Arc<Message>>, LegId, &Leg)) {
        let ids = self.0.queues.lock().ids();
        for ids in ids.chunks(LOOKED_AT) {
            let queues = self.0.queues.lock();
            for id in ids {
                if let Some(leg) = queues.leg(*id) {
                    look(&queues, *id, leg);
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
        let mut queues = self.queues.lock();
        let mut hops = self.hops.write();
        if let Some(hop) = hops.by_key.get(&key) {
            return Arc::clone(hop);
        }
        let free = hops.free.pop();
        let index = free.unwrap_or_else(|| queues.add_hop(true));
        queues.workers(index).set_limit(settings.connections_max);
        drop(queues);
        let hop = Arc::new(Hop::new(key.clone(), index, settings));
        hop.used(self.started.elapsed());
        self.metrics.hop_up.with_label_values(&[hop.key.label()]).set(1);
        hops.by_key.insert(key, Arc::clone(&hop));
        match hops.by_index.get_mut(index.0 as usize) {
            Some(place) => *place = Arc::clone(&hop),
            None => hops.by_index.push(Arc::clone(&hop)),
        }
        hop
    }

    /// Forgets domains of strangers that have had no mail for [`IDLE_HOP_FOR`]: their number is
    /// the strangers' choice. Nobody can be about to queue mail for one that was idle so long.
    pub(crate) fn forget_idle_hops(&self) {
        let moment = self.started.elapsed();
        let mut queues = self.queues.lock();
        let mut hops = self.hops.write();
        let Hops { by_key, free, .. } = &mut *hops;
        by_key.retain(|_, hop| {
            let keep = hop.is_in_use(moment, IDLE_HOP_FOR) || !queues.reset_hop(hop.index);
            if !keep {
                free.push(hop.index);
            }
            keep
        });
    }

    pub(crate) fn kicks(
        &self,
        queues: &mut Queues<Arc<Message>>,
        hops: &[HopIndex],
    ) -> Vec<(HopIndex, Kick)> {
        let moment = self.started.elapsed();
        let list = self.hops.read();
        let mut kicks = Vec::with_capacity(hops.len());
        // Whoever opened a connection now would only close it again.
        let hops = if self.stop.is_cancelled() { &[] } else { hops };
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
