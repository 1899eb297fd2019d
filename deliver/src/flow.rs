//! What happens to mail and sites, told to whoever looks on. Costs a load while nobody does.

use api::{FlowEvent, FlowKind, SiteEvent};
use health::{Breaker, State};
use mail::Timestamp;
use spool::{Message, What};

use crate::delivery::{Delivery, now};
use crate::hop::Hop;

impl Delivery {
    /// One event for each of `recipients`, with what was said of it.
    pub(crate) fn tell<'a>(
        &self,
        message: &Message,
        hop: &Hop,
        kind: FlowKind,
        recipients: impl IntoIterator<Item = (u16, &'a str)>,
    ) {
        self.0.events.flow(|| {
            let now = now();
            let site = hop.key.to_string();
            let one = move |(index, reply): (u16, &str)| {
                let recipient = message.envelope.recipients.get(usize::from(index))?;
                Some(FlowEvent {
                    at: now.to_string(),
                    kind,
                    id: message.id.to_string(),
                    reverse_path: message.envelope.reverse_path.to_string(),
                    recipient: recipient.address.to_string(),
                    site: Some(site.clone()),
                    size_bytes: Some(message.body.len()),
                    reply: Some(reply.to_owned()).filter(|it| !it.is_empty()),
                    seconds: Some(now.since(message.accepted_at).as_secs_f64()),
                })
            };
            recipients.into_iter().filter_map(one).collect::<Vec<_>>()
        });
    }

    /// As [`Delivery::tell`], of what was recorded about an attempt.
    pub(crate) fn tell_what(&self, message: &Message, hop: &Hop, what: &What, recipients: &[u16]) {
        if !self.0.events.wants_flow() {
            return;
        }
        let (kind, words) = match what {
            What::Delivered { reply, .. } => (FlowKind::Delivered, reply),
            What::Deferred { reply, .. } => (FlowKind::Deferred, reply),
            What::Held { why, .. } => (FlowKind::Held, why),
            What::Discarded { why, .. } => (FlowKind::Discarded, why),
            _ => return,
        };
        self.tell(message, hop, kind, recipients.iter().map(|it| (*it, words.as_str())));
    }

    /// Says so if a site is in another state than was said last.
    pub(crate) fn tell_state(&self, hop: &Hop, breaker: &Breaker) {
        let state = state_of(breaker);
        let mut told = hop.told.lock();
        let was = told.replace(state);
        // A site begins as up.
        if was.unwrap_or(api::SiteState::Up) == state {
            return;
        }
        self.0.events.site(SiteEvent {
            name: hop.key.to_string(),
            state,
            since: self.wall_clock(breaker.since()).to_string(),
            reason: Some(breaker.why().to_owned()).filter(|it| !it.is_empty()),
        });
    }

    /// When a moment of the breaker's clock was.
    pub(crate) fn wall_clock(&self, moment: health::Moment) -> Timestamp {
        let ago = self.moment().saturating_sub(moment);
        let ago = u64::try_from(ago.as_micros()).unwrap_or(u64::MAX);
        Timestamp::from_micros(now().as_micros().saturating_sub(ago))
    }
}

fn state_of(breaker: &Breaker) -> api::SiteState {
    match (breaker.ordered(), breaker.state()) {
        (Some(ordered), _) if ordered.up => api::SiteState::Up,
        (Some(_), _) | (None, State::Faulted) => api::SiteState::Held,
        (None, State::Up) => api::SiteState::Up,
        (None, State::Down) => api::SiteState::Down,
        (None, State::Recovering) => api::SiteState::Probing,
    }
}
