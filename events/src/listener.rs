//! One who looks on: what they asked for, and what they hear of it.

use std::collections::VecDeque;
use std::sync::Arc;

use api::{Dropped, DroppedWhy, FlowEvent, StreamEvent, Topic};
use tokio::sync::broadcast::{self, error::RecvError};

use crate::ring::Replay;
use crate::{EventId, Inner, Numbered, Sampler};

/// What a listener wants to hear of.
#[derive(Clone, Debug, Default)]
pub struct Interest {
    /// All, if empty.
    pub topics: Vec<Topic>,
    /// Part of a recipient's address, in small letters.
    pub recipient: Option<String>,
    pub site: Option<String>,
}

impl Interest {
    pub fn wants(&self, event: &StreamEvent) -> bool {
        let Some(topic) = event.topic() else { return true };
        if !self.topics.is_empty() && !self.topics.contains(&topic) {
            return false;
        }
        match event {
            StreamEvent::Flow(flow) => self.wants_flow(flow),
            StreamEvent::Site(site) => self.site.as_deref().is_none_or(|it| it == site.name),
            _ => true,
        }
    }

    /// What is only accepted has no site yet; whoever asks for one site hears of it later.
    fn wants_flow(&self, flow: &FlowEvent) -> bool {
        self.site.as_deref().is_none_or(|it| flow.site.as_deref() == Some(it))
            && self.recipient.as_deref().is_none_or(|it| flow.recipient.to_lowercase().contains(it))
    }
}

/// What a listener hears next.
#[derive(Clone, Debug)]
pub enum Heard {
    Event(Numbered),
    /// Has no number: who comes back names the event before.
    Dropped(StreamEvent),
}

/// Leaves when it is dropped.
pub struct Listener {
    bus: Arc<Inner>,
    receiver: broadcast::Receiver<Numbered>,
    position: EventId,
    replay: VecDeque<Numbered>,
    gone: Option<u64>,
    interest: Interest,
    sampler: Sampler,
}

impl Listener {
    pub(crate) fn new(
        bus: Arc<Inner>,
        receiver: broadcast::Receiver<Numbered>,
        (position, replay): (EventId, Replay),
        interest: Interest,
    ) -> Self {
        let Replay { events, gone } = replay;
        let sampler = Sampler::default();
        Self { bus, receiver, position, replay: events, gone, interest, sampler }
    }

    /// The next event of interest; `None` at the end of the bus. `second` gives the time in whole
    /// seconds, for sampling. May be dropped while it waits.
    pub async fn next(&mut self, second: impl Fn() -> u64) -> Option<Heard> {
        if let Some(n) = self.gone.take() {
            return Some(dropped(n, DroppedWhy::Gone));
        }
        while let Some(numbered) = self.replay.pop_front() {
            if self.interest.wants(&numbered.event) {
                return Some(Heard::Event(numbered));
            }
        }
        loop {
            let received = tokio::select! {
                received = self.receiver.recv() => received,
                () = self.bus.closed.cancelled() => return None,
            };
            let numbered = match received {
                Ok(numbered) => numbered,
                Err(RecvError::Lagged(n)) => return Some(dropped(n, DroppedWhy::Slow)),
                Err(RecvError::Closed) => return None,
            };
            if !self.interest.wants(&numbered.event) {
                continue;
            }
            let is_flow = matches!(*numbered.event, StreamEvent::Flow(_));
            if !is_flow || self.sampler.admit(second()) {
                return Some(Heard::Event(numbered));
            }
        }
    }

    /// Of the last event before this listener came: what it says to come back to, until it has
    /// heard something.
    pub fn position(&self) -> EventId {
        self.position
    }

    /// What was left out of the seconds before `second`, if that was not said yet.
    pub fn left_out(&mut self, second: u64) -> Option<Heard> {
        self.sampler.dropped(second).map(|n| dropped(n, DroppedWhy::Sampled))
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.bus.leave();
    }
}

fn dropped(n: u64, why: DroppedWhy) -> Heard {
    Heard::Dropped(StreamEvent::Dropped(Dropped { n, why }))
}
