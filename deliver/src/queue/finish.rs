//! What becomes of a leg after an attempt.

use mail::Timestamp;

use super::leg::{HopIndex, Leg, LegId, LegRecipient, Past, Place};
use super::{NewLeg, Next, Queues};

impl<M: Clone> Queues<M> {
    /// Gives back a leg that was taken or seized, with the fate of each of its recipients.
    /// A recipient that is not named counts as [`Next::Again`]. Returns the hops that have work now.
    pub fn finish(
        &mut self,
        leg_id: LegId,
        fates: &[(u16, Next)],
        attempted: bool,
        now: Timestamp,
    ) -> Vec<HopIndex> {
        let Some(leg) = self.legs.get(&leg_id).filter(|it| it.place == Place::InFlight) else {
            return Vec::new();
        };
        let (id, hop, stale) = (leg.id, leg.hop, leg.stale);
        let fate_of = |index: u16| fates.iter().find(|it| it.0 == index).map(|it| &it.1);
        let again = |it: &LegRecipient| matches!(fate_of(it.index), None | Some(Next::Again));
        let mut hops = vec![hop];
        let mut new: Vec<NewLeg> = Vec::new();
        for (next, recipients) in group(&leg.recipients, fate_of) {
            let past = past_after(leg, &next, attempted, now);
            let target = if let Next::Hop(other) = next { other } else { hop };
            let duplicate = matches!(next, Next::Later { maybe_duplicate: true, .. });
            let recipients = with_new_names(leg, recipients);
            let mut new_leg = new_leg(leg, target, recipients, past);
            new_leg.maybe_duplicate |= duplicate;
            hops.push(target);
            new.push(new_leg);
        }
        let keeps = leg.recipients.iter().any(again);
        if keeps {
            self.shrink(leg_id, again);
            self.give_back(leg_id, attempted, now);
        } else {
            self.unplace(leg_id);
            if let Some(leg) = self.legs.remove(&leg_id) {
                self.uncount(&leg.recipients);
            }
        }
        let mut made: Vec<LegId> = new.into_iter().map(|it| self.add_leg(id, it, now)).collect();
        if keeps {
            made.push(leg_id);
        } else {
            self.forget_leg(id);
        }
        if stale {
            self.stale.extend(made);
        }
        hops.dedup();
        hops
    }

    /// A leg that was not attempted goes where it came from: next in its lane, or, when it was
    /// seized, to its hold, its time, or the head of the backlog.
    fn give_back(&mut self, leg_id: LegId, attempted: bool, now: Timestamp) {
        let Some(leg) = self.legs.get_mut(&leg_id) else { return };
        leg.aborts = leg.aborts.saturating_add(u8::from(attempted));
        leg.stale = false;
        let hop = &mut self.hops[leg.hop.0 as usize];
        hop.counts.in_flight -= 1;
        if !std::mem::take(&mut leg.seized) {
            hop.counts.queued += 1;
            hop.lane.again(leg_id, leg);
            return;
        }
        leg.place = Place::Held;
        if leg.hold().is_some() || leg.due().is_some_and(|it| it > now) {
            self.place(leg_id, now);
        } else {
            hop.counts.queued += 1;
            hop.lane.put_back(leg_id, leg);
        }
    }

    /// A leg whose carrier ended without a word: it may have been handed over.
    pub fn drop_taken(&mut self, leg_id: LegId, turn: u32, due: Timestamp, now: Timestamp) {
        let lost = |it: &&Leg| it.place == Place::InFlight && it.turn == turn;
        let Some(leg) = self.legs.get(&leg_id).filter(lost) else { return };
        let reply = "the attempt ended without a result".to_owned();
        let later = Next::Later { due, reply, maybe_duplicate: true };
        let fates: Vec<_> = leg.recipients.iter().map(|it| (it.index, later.clone())).collect();
        self.finish(leg_id, &fates, true, now);
    }
}

/// A leg made of a part of another.
pub(super) fn new_leg(
    leg: &Leg,
    hop: HopIndex,
    recipients: Vec<LegRecipient>,
    past: Option<Past>,
) -> NewLeg {
    NewLeg {
        hop,
        recipients,
        past,
        maybe_duplicate: leg.maybe_duplicate,
        delay_notified: leg.delay_notified,
    }
}

/// Order, the end of a cutover and leases go by the mailbox: so each has its present one.
fn with_new_names(leg: &Leg, mut recipients: Vec<LegRecipient>) -> Vec<LegRecipient> {
    for recipient in &mut recipients {
        let renamed = leg.renamed.iter().flatten().find(|it| it.index == recipient.index);
        recipient.mailbox = renamed.map_or(recipient.mailbox, |it| it.mailbox);
    }
    recipients
}

/// Recipients that share a fate stay together; those settled, and those who keep their place,
/// drop out.
fn group<'a>(
    recipients: &[LegRecipient],
    fate_of: impl Fn(u16) -> Option<&'a Next>,
) -> Vec<(Next, Vec<LegRecipient>)> {
    let mut groups: Vec<(Next, Vec<LegRecipient>)> = Vec::new();
    for recipient in recipients {
        let next = match fate_of(recipient.index) {
            None | Some(Next::Again | Next::Settled) => continue,
            Some(next) => next,
        };
        match groups.iter_mut().find(|it| it.0 == *next) {
            Some((_, list)) => list.push(*recipient),
            None => groups.push((next.clone(), vec![*recipient])),
        }
    }
    groups
}

fn past_after(leg: &Leg, next: &Next, attempted: bool, now: Timestamp) -> Option<Past> {
    let mut past = leg.past.as_deref().cloned().unwrap_or_default();
    past.due = None;
    past.held = None;
    match next {
        Next::Later { due, reply, .. } => {
            past.attempts += u32::from(attempted);
            past.first_failed_at.get_or_insert(now);
            past.last_reply.clone_from(reply);
            past.due = Some(*due);
        }
        Next::Hold(hold) => past.held = Some(hold.clone()),
        Next::Settled | Next::Again | Next::Hop(_) => {
            leg.past.as_ref()?;
        }
    }
    Some(past)
}
