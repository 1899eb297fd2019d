//! What waits for a mailbox that is being moved, and what of it is in doubt: for whoever moves it.
//!
//! A lease is a leg in flight. A leg is in flight before its route is decided and until its outcome
//! is known, so after a change of the table has been acknowledged an attempt by the old table is on
//! this list, or over.

use std::collections::{HashMap, HashSet};

use mail::{AddressKey, SpoolId, Timestamp};
use spool::What;

use crate::delivery::{Delivery, now};
use crate::queue::Next;
use crate::queue::leg::{Hold, Leg, LegId, Place, Taken};

/// Leases, and as many doubts, that are listed for one mailbox; all are counted.
const LISTED_MAX: usize = 1_000;

/// An attempt that is under way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lease {
    pub message: SpoolId,
    /// As the sender wrote it; empty when the spool cannot be read.
    pub recipient: String,
    pub hop: String,
    /// When it began, and under which table; a newer one may have decided.
    pub taken: Taken,
}

/// A recipient that may have the message already.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InDoubt {
    pub message: SpoolId,
    pub recipient: String,
    /// Where it waits: for a mailbox in cutover, where it was attempted.
    pub hop: String,
    pub attempts: u32,
    pub first_failed_at: Option<Timestamp>,
    /// Empty when the run ended before the attempt did.
    pub last_reply: String,
}

/// Mail for one mailbox.
#[derive(Clone, Debug, Default)]
pub struct MailboxMail {
    pub leases: Vec<Lease>,
    pub leases_n: u64,
    pub in_doubt: Vec<InDoubt>,
    pub in_doubt_n: u64,
    /// Recipients that the cutover holds.
    pub held_n: u64,
}

/// What somebody found out about a recipient in doubt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resolution {
    pub message: SpoolId,
    /// The mailbox has it.
    pub delivered: bool,
    pub by: String,
    /// How it was found out.
    pub evidence: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resolved {
    /// So many recipients are settled, or free of doubt.
    Done(u64),
    /// It is being attempted right now.
    Busy,
    /// Nothing of that message is in doubt for the mailbox.
    NothingInDoubt,
    /// The ledger could not be written.
    Failed,
}

/// A recipient of a leg, before its address is read.
pub(crate) struct Found {
    pub(crate) mailbox: usize,
    pub(crate) message: SpoolId,
    pub(crate) index: u16,
    pub(crate) hop: String,
    pub(crate) what: Sort,
}

pub(crate) enum Sort {
    Lease(Taken),
    Doubt { attempts: u32, first_failed_at: Option<Timestamp>, last_reply: String },
}

impl Delivery {
    /// What waits for each of these mailboxes, each given by all its addresses. Complete in this
    /// sense: a leg that exists while this looks is seen, as what it is or as what it was.
    pub async fn mail_of(&self, mailboxes: &[Vec<AddressKey>]) -> Vec<MailboxMail> {
        let places = self.hashes(mailboxes);
        let mut mail: Vec<MailboxMail> = vec![MailboxMail::default(); mailboxes.len()];
        if !self.0.queues.lock().knows_any(places.keys().copied()) {
            return mail;
        }
        let names: Vec<String> = self.hops().iter().map(|it| it.key.to_string()).collect();
        let mut found = Vec::new();
        let mut look = |leg: &Leg| sort_leg(leg, &places, &names, &mut mail, &mut found);
        let before = self.0.queues.lock().next_leg();
        self.each_leg(|_, _, leg| look(leg));
        // Legs that were made of others meanwhile.
        {
            let queues = self.0.queues.lock();
            (before..queues.next_leg()).filter_map(|it| queues.leg(it)).for_each(look);
        }
        self.with_addresses(found, &mut mail).await;
        mail
    }

    /// Settles what is in doubt, or takes the doubt away, so that it is delivered by the table.
    pub async fn resolve(&self, mailbox: &[AddressKey], resolution: &Resolution) -> Resolved {
        let places = self.hashes(&[mailbox.to_vec()]);
        let mut legs: Vec<(LegId, Vec<u16>)> = Vec::new();
        let mut busy = false;
        self.each_leg(|_, id, leg| {
            if leg.id != resolution.message {
                return;
            }
            let ours = leg.recipients.iter().filter(|it| places.contains_key(&it.mailbox));
            let ours: Vec<u16> = ours.map(|it| it.index).collect();
            busy |= leg.place == Place::InFlight && !ours.is_empty();
            if leg.place != Place::InFlight && leg.maybe_duplicate && !ours.is_empty() {
                legs.push((id, ours));
            }
        });
        if busy {
            return Resolved::Busy;
        }
        let mut n = 0;
        for (leg, recipients) in legs {
            match self.resolve_leg(leg, &recipients, resolution).await {
                Resolved::Done(more) => n += more,
                other => return other,
            }
        }
        if n == 0 { Resolved::NothingInDoubt } else { Resolved::Done(n) }
    }

    /// The leg is seized while the ledger is written, so that nobody attempts it meanwhile.
    async fn resolve_leg(&self, leg: LegId, recipients: &[u16], it: &Resolution) -> Resolved {
        let seized = {
            let mut queues = self.0.queues.lock();
            let split = queues.split(leg, recipients, now());
            let hop = split.and_then(|it| queues.leg(it)).map(|it| it.hop);
            split.and_then(|it| queues.seize(it)).zip(hop)
        };
        let Some((work, hop)) = seized else { return Resolved::Busy };
        let hop = self.hop_at(hop).map(|it| it.key.to_string()).unwrap_or_default();
        let evidence = match it.evidence.is_empty() {
            true => String::new(),
            false => format!(": {}", it.evidence),
        };
        let generation = self.0.routes.generation();
        let (what, next) = if it.delivered {
            let reply = format!("found in the mailbox by {}{evidence}", it.by);
            let attempt = work.attempts;
            let host = String::new();
            let maybe_duplicate = false;
            let what = What::Delivered { hop, host, generation, attempt, reply, maybe_duplicate };
            (what, Next::Settled)
        } else {
            let reply = format!("not found in the mailbox by {}{evidence}", it.by);
            let (attempt, host, due) = (work.attempts, String::new(), now());
            let maybe_duplicate = false;
            let what =
                What::Deferred { hop, host, generation, attempt, reply, due, maybe_duplicate };
            (what, Next::Again)
        };
        let done = self.record(it.message, recipients, what).await;
        let next = if done { next } else { Next::Again };
        let fates: Vec<(u16, Next)> = recipients.iter().map(|it| (*it, next.clone())).collect();
        let mut queues = self.0.queues.lock();
        let hops = queues.finish(work.leg, &fates, false, now());
        if done && !it.delivered {
            queues.clear_doubt(work.leg);
        }
        drop(queues);
        self.kick(&hops);
        tracing::info!(id = %it.message, by = it.by, delivered = it.delivered, done, "Resolved.");
        if done { Resolved::Done(recipients.len() as u64) } else { Resolved::Failed }
    }

    /// The hash of each address, with the place of its mailbox in the list.
    pub(crate) fn hashes(&self, mailboxes: &[Vec<AddressKey>]) -> HashMap<u64, usize> {
        let all = mailboxes.iter().enumerate();
        all.flat_map(|(place, keys)| keys.iter().map(move |it| (self.0.routes.mailbox(it), place)))
            .collect()
    }

    /// Reads the envelopes, off the reactor.
    pub(crate) async fn with_addresses(&self, found: Vec<Found>, mail: &mut [MailboxMail]) {
        let ids: HashSet<SpoolId> = found.iter().map(|it| it.message).collect();
        let spool = self.0.spool.clone();
        let read = tokio::task::spawn_blocking(move || {
            let read = ids.into_iter().filter_map(|it| {
                let message = spool.load(it).ok()?;
                let all = message.envelope.recipients.iter().map(|it| it.address.to_string());
                Some((it, all.collect::<Vec<String>>()))
            });
            read.collect::<HashMap<_, _>>()
        });
        let addresses = read.await.unwrap_or_default();
        for it in found {
            let of_message = addresses.get(&it.message);
            let recipient = of_message.and_then(|all| all.get(usize::from(it.index)));
            let recipient = recipient.cloned().unwrap_or_default();
            let Found { message, hop, what, .. } = it;
            match what {
                Sort::Lease(taken) => {
                    mail[it.mailbox].leases.push(Lease { message, recipient, hop, taken });
                }
                Sort::Doubt { attempts, first_failed_at, last_reply } => {
                    mail[it.mailbox].in_doubt.push(InDoubt {
                        message,
                        recipient,
                        hop,
                        attempts,
                        first_failed_at,
                        last_reply,
                    });
                }
            }
        }
    }
}

fn sort_leg(
    leg: &Leg,
    places: &HashMap<u64, usize>,
    names: &[String],
    mail: &mut [MailboxMail],
    found: &mut Vec<Found>,
) {
    for recipient in &leg.recipients {
        let Some(&mailbox) = places.get(&recipient.mailbox) else { continue };
        let all = &mut mail[mailbox];
        all.held_n += u64::from(leg.place == Place::Held && leg.hold() == Some(&Hold::Cutover));
        let (n, what) = if leg.place == Place::InFlight {
            (&mut all.leases_n, Sort::Lease(leg.taken))
        } else if leg.maybe_duplicate {
            let past = leg.past.as_deref();
            let what = Sort::Doubt {
                attempts: leg.attempts(),
                first_failed_at: past.and_then(|it| it.first_failed_at),
                last_reply: past.map(|it| it.last_reply.clone()).unwrap_or_default(),
            };
            (&mut all.in_doubt_n, what)
        } else {
            continue;
        };
        *n += 1;
        if *n <= LISTED_MAX as u64 {
            let hop = names.get(leg.hop.0 as usize).cloned().unwrap_or_default();
            found.push(Found { mailbox, message: leg.id, index: recipient.index, hop, what });
        }
    }
}
