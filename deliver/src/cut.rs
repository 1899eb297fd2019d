//! Attempts that somebody breaks off, because a site does not answer and a mailbox is to move.
//!
//! Every connection that carries mail is on a list, with the legs of its batch. Whoever cuts marks
//! those that carry one of his legs; a connection looks at its mark whenever it waits for its host.
//! What was not sent to its end is not with the host; what was, and had no answer, is in doubt.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use mail::{AddressKey, SpoolId};
use parking_lot::Mutex;
use spool::Message;
use tokio::sync::Notify;
use tokio::time::Instant;

use crate::delivery::{Delivery, now};
use crate::moves::{Found, Lease, MailboxMail, Sort};
use crate::queue::leg::{Leg, LegId, Place};
use crate::queue::{Queues, Work};

/// How long whoever cuts waits for the outcomes to be booked: no peer has a say in it.
const BOOKED_FOR: Duration = Duration::from_secs(10);
const LOOK_EVERY: Duration = Duration::from_millis(10);

/// What became of a lease that was cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CutEnd {
    /// It was broken off before the end of the message: the host has not got it.
    Aborted,
    /// The message was sent to its end, and no answer came.
    InDoubt,
    /// The answer came first.
    Settled,
    /// It still is under way: it was not cut, or its outcome is not booked yet.
    UnderWay,
}

impl CutEnd {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Aborted => "aborted",
            Self::InDoubt => "in_doubt",
            Self::Settled => "settled",
            Self::UnderWay => "under_way",
        }
    }
}

/// What was cut for one mailbox.
#[derive(Clone, Debug, Default)]
pub struct Cut {
    pub leases: Vec<(Lease, CutEnd)>,
    /// Recipients of other mailboxes on the same connections that are in doubt now and were not.
    pub others_in_doubt: u64,
}

/// Every connection that carries mail.
#[derive(Default)]
pub(crate) struct Cuts(Mutex<Vec<Arc<Load>>>);

/// The batch of one connection.
#[derive(Default)]
pub(crate) struct Load {
    batch: Mutex<(Vec<LegId>, bool)>,
    cut: Notify,
}

/// A connection on the list, for as long as this exists.
pub(crate) struct Carrier {
    delivery: Delivery,
    load: Arc<Load>,
}

impl Carrier {
    pub(crate) fn new(delivery: &Delivery) -> Self {
        let load = Arc::<Load>::default();
        delivery.0.cuts.0.lock().push(Arc::clone(&load));
        Self { delivery: delivery.clone(), load }
    }

    /// What has begun already goes on with its mark.
    pub(crate) fn begin(&self, works: &[Work<Arc<Message>>]) {
        let mut batch = self.load.batch.lock();
        if batch.0.is_empty() {
            batch.0.extend(works.iter().map(|it| it.leg));
        }
    }

    /// A cut of this batch is none of the next.
    pub(crate) fn end(&self) {
        let mut batch = self.load.batch.lock();
        batch.0.clear();
        batch.1 = false;
    }

    /// Until somebody cuts the batch.
    pub(crate) async fn cut(&self) {
        loop {
            let notified = self.load.cut.notified();
            if self.load.batch.lock().1 {
                return;
            }
            notified.await;
        }
    }
}

impl Drop for Carrier {
    fn drop(&mut self) {
        self.delivery.0.cuts.0.lock().retain(|it| !Arc::ptr_eq(it, &self.load));
    }
}

impl Cuts {
    /// Cuts the batches that have one of these, and says what else is in them.
    fn cut(&self, legs: &HashSet<LegId>) -> Vec<LegId> {
        let mut with_them = Vec::new();
        for load in self.0.lock().iter() {
            let mut batch = load.batch.lock();
            if batch.0.iter().any(|it| legs.contains(it)) {
                batch.1 = true;
                with_them.extend(batch.0.iter().copied());
                drop(batch);
                // Kept for a connection that is about to wait.
                load.cut.notify_one();
            }
        }
        with_them
    }
}

/// A recipient of a message.
type Share = (SpoolId, u16);

/// A lease of the mailbox.
struct Target {
    leg: LegId,
    turn: u32,
    share: Share,
}

impl Delivery {
    /// Breaks off every attempt for the mailbox, given by all its addresses, that is older than
    /// this, and waits until its outcome is booked. With `dry_run` it only says which these are.
    ///
    /// Useful only while the mailbox is held: else another attempt begins at once.
    pub async fn cut(
        &self,
        mailbox: &[AddressKey],
        older_than: Duration,
        by: &str,
        dry_run: bool,
    ) -> Cut {
        let (targets, leases) = self.leases_to_cut(mailbox, older_than).await;
        if dry_run || targets.is_empty() {
            let leases = leases.into_iter().map(|it| (it, CutEnd::UnderWay)).collect();
            return Cut { leases, others_in_doubt: 0 };
        }
        let legs: HashSet<LegId> = targets.iter().map(|it| it.leg).collect();
        let with_them = self.0.cuts.cut(&legs);
        let ours: HashSet<Share> = targets.iter().map(|it| it.share).collect();
        let others = self.certain(&with_them, &ours);
        self.until_booked(&targets).await;
        let ends = self.ends(&targets, &others);
        for ((lease, target), end) in leases.iter().zip(&targets).zip(&ends.0) {
            self.0.metrics.cuts.with_label_values(&[end.as_str()]).inc();
            let (id, to, end) = (target.share.0, lease.recipient.as_str(), end.as_str());
            tracing::warn!(%id, recipient = to, hop = lease.hop, by, end, "An attempt was cut.");
        }
        Cut { leases: leases.into_iter().zip(ends.0).collect(), others_in_doubt: ends.1 }
    }

    async fn leases_to_cut(
        &self,
        mailbox: &[AddressKey],
        older_than: Duration,
    ) -> (Vec<Target>, Vec<Lease>) {
        let places = self.hashes(&[mailbox.to_vec()]);
        let names: Vec<String> = self.hops().iter().map(|it| it.key.to_string()).collect();
        let (mut targets, mut found) = (Vec::new(), Vec::new());
        let now = now();
        self.each_leg(|_, id, leg| {
            let is_old = now.since(leg.taken.at) >= older_than;
            if leg.place != Place::InFlight || leg.seized || !is_old {
                return;
            }
            for it in leg.recipients.iter().filter(|it| places.contains_key(&it.mailbox)) {
                targets.push(Target { leg: id, turn: leg.turn, share: (leg.id, it.index) });
                let hop = names.get(leg.hop.0 as usize).cloned().unwrap_or_default();
                let what = Sort::Lease(leg.taken);
                found.push(Found { mailbox: 0, message: leg.id, index: it.index, hop, what });
            }
        });
        let mut mail = [MailboxMail::default()];
        self.with_addresses(found, &mut mail).await;
        let [mail] = mail;
        (targets, mail.leases)
    }

    /// Recipients of these legs that are not in doubt, but for some.
    fn certain(&self, legs: &[LegId], but: &HashSet<Share>) -> HashSet<Share> {
        let queues = self.0.queues.lock();
        let legs = legs.iter().filter_map(|it| queues.leg(*it)).filter(|it| !it.maybe_duplicate);
        legs.flat_map(shares).filter(|it| !but.contains(it)).collect()
    }

    async fn until_booked(&self, targets: &[Target]) {
        let end = Instant::now() + BOOKED_FOR;
        while targets.iter().any(|it| is_under_way(&self.0.queues.lock(), it)) {
            if Instant::now() >= end {
                return;
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    fn ends(&self, targets: &[Target], others: &HashSet<Share>) -> (Vec<CutEnd>, u64) {
        let wanted: HashSet<Share> = targets.iter().map(|it| it.share).collect();
        let mut doubts: HashMap<Share, bool> = HashMap::new();
        let mut others_in_doubt = 0;
        let mut look = |leg: &Leg| {
            for share in shares(leg) {
                if wanted.contains(&share) {
                    *doubts.entry(share).or_default() |= leg.maybe_duplicate;
                }
                others_in_doubt += u64::from(leg.maybe_duplicate && others.contains(&share));
            }
        };
        let before = self.0.queues.lock().next_leg();
        self.each_leg(|_, _, leg| look(leg));
        let queues = self.0.queues.lock();
        // Legs that were made of others meanwhile.
        (before..queues.next_leg()).filter_map(|it| queues.leg(it)).for_each(look);
        let end = |it: &Target| match (is_under_way(&queues, it), doubts.get(&it.share)) {
            (true, _) => CutEnd::UnderWay,
            (false, None) => CutEnd::Settled,
            (false, Some(true)) => CutEnd::InDoubt,
            (false, Some(false)) => CutEnd::Aborted,
        };
        (targets.iter().map(end).collect(), others_in_doubt)
    }
}

fn shares(leg: &Leg) -> impl Iterator<Item = Share> + '_ {
    leg.recipients.iter().map(|it| (leg.id, it.index))
}

/// It is the attempt that was to be cut, and not a later one.
fn is_under_way(queues: &Queues<Arc<Message>>, it: &Target) -> bool {
    queues.leg(it.leg).is_some_and(|leg| leg.place == Place::InFlight && leg.turn == it.turn)
}
