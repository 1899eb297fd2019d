//! The queue, as operators ask for it.

use std::time::Duration;

use admin::{Author, BackendError};
use api::{ActionRequest, QueueQuery, QueuedMessage, QueuedRecipient};
use deliver::operate::{self, AddressMatch, Queued, Selector, Waiting};
use deliver::queue::leg::Hold;
use mail::{Address, ReversePath, SpoolId, Timestamp};

use super::{Control, age, page_limit};

/// Upper bounds of the columns of `queue list --summary`, in seconds.
const AGE_BOUNDS: [u64; 7] = [60, 300, 900, 3_600, 14_400, 86_400, 432_000];

impl Control {
    pub(super) async fn list_queue(
        &self,
        query: QueueQuery,
    ) -> Result<api::QueueList, BackendError> {
        let selector = selector(&query.selector())?;
        let after = query.cursor.as_deref().map(|it| parse_id(it, "cursor")).transpose()?;
        let limit = page_limit(query.limit);
        let mut rows = self.delivery.list(&selector, after, limit + 1).await;
        let more = rows.len() > limit;
        rows.truncate(limit);
        let next_cursor = rows.last().filter(|_| more).map(|it| it.id.to_string());
        Ok(api::QueueList { messages: rows.iter().map(message).collect(), next_cursor })
    }

    pub(super) async fn one_queued(&self, id: &str) -> Result<QueuedMessage, BackendError> {
        let selector = Selector { ids: vec![parse_id(id, "id")?], ..Selector::default() };
        let rows = self.delivery.list(&selector, None, 1).await;
        rows.first()
            .map(message)
            .ok_or_else(|| BackendError::not_found(format!("message {id} in the queue")))
    }

    pub(super) async fn act_on_queue(
        &self,
        request: ActionRequest,
        author: Author,
    ) -> Result<api::Acted, BackendError> {
        let selector = selector(&request.selector)?;
        let (by, why) = (author.0, request.reason.clone().unwrap_or_default());
        let action = match request.action {
            api::Action::Retry => operate::Action::Retry,
            api::Action::Hold => operate::Action::Hold { by, why },
            api::Action::Release => operate::Action::Release { by },
            api::Action::Bounce => operate::Action::Bounce { by, why },
            api::Action::Discard => operate::Action::Discard { by, why },
        };
        let done = self.delivery.act_on(&selector, &action, request.dry_run).await;
        if done.recipients == 0 && done.held_by_table > 0 {
            return Err(held_by_table(done.held_by_table));
        }
        if !request.dry_run {
            tracing::warn!(
                ?action,
                recipients = done.recipients,
                "An operator acted on the queue."
            );
        }
        Ok(api::Acted {
            dry_run: request.dry_run,
            messages: done.messages,
            recipients: done.recipients,
            busy_recipients: done.busy,
            table_held_recipients: done.held_by_table,
        })
    }

    pub(super) fn summarise_queue(&self) -> api::QueueSummary {
        let now = self.now();
        let hops: Vec<api::Hop> = self
            .delivery
            .summary(&AGE_BOUNDS)
            .into_iter()
            .map(|it| api::Hop {
                name: it.name,
                active: it.active,
                deferred: it.deferred,
                held: it.held,
                oldest_seconds: it.oldest.map(|at| age(at, now)),
                by_age: it.by_age,
            })
            .collect();
        api::QueueSummary {
            messages: self.delivery.messages() as u64,
            recipients: hops.iter().map(|it| it.active + it.deferred + it.held).sum(),
            bytes: self.delivery.bytes(),
            hops,
            age_bounds_seconds: AGE_BOUNDS.to_vec(),
            recovering: !self.recovered(),
        }
    }
}

/// A release would only be undone by the table.
fn held_by_table(recipients: u64) -> BackendError {
    BackendError::Refused {
        detail: format!(
            "{recipients} held by a cutover, or because the table has no place for the mailbox: \
             the next change of its entry releases it"
        ),
        hint: Some(
            "causeway route set ADDRESS --state cloud, or --state syncing to go back".into(),
        ),
    }
}

pub(super) fn parse_id(text: &str, place: &str) -> Result<SpoolId, BackendError> {
    text.parse().map_err(|it: mail::ParseIdError| BackendError::invalid(place, it.to_string()))
}

fn selector(from: &api::Selector) -> Result<Selector, BackendError> {
    Ok(Selector {
        ids: from.ids.iter().map(|it| parse_id(it, "ids")).collect::<Result<_, _>>()?,
        hop: from.site.clone(),
        state: from.state.map(|it| match it {
            api::QueueState::Active => operate::QueueState::Active,
            api::QueueState::Deferred => operate::QueueState::Deferred,
            api::QueueState::Held => operate::QueueState::Held,
        }),
        older_than: from.older_than_seconds.map(Duration::from_secs),
        recipient: from
            .recipient
            .as_deref()
            .map(|it| address_match(it, "recipient"))
            .transpose()?,
        sender: from.sender.as_deref().map(|it| address_match(it, "sender")).transpose()?,
    })
}

fn address_match(text: &str, place: &str) -> Result<AddressMatch, BackendError> {
    let bad = |why: String| BackendError::invalid(place, why);
    if text == "<>" {
        return Ok(AddressMatch::Null);
    }
    if let Some(domain) = text.strip_prefix('@') {
        let domain = domain.parse::<mail::Domain>().map_err(|it| bad(it.to_string()))?;
        return Ok(AddressMatch::Domain(domain.as_str().to_owned()));
    }
    let address = text.parse::<Address>().map_err(|it| bad(it.to_string()))?;
    Ok(AddressMatch::Exactly(address.key()))
}

fn message(row: &Queued) -> QueuedMessage {
    let envelope = row.message.as_ref().map(|it| &it.envelope);
    let address = |index: u16| {
        envelope
            .and_then(|it| it.recipients.get(usize::from(index)))
            .map_or_else(|| format!("recipient {index}"), |it| it.address.to_string())
    };
    let recipients = row
        .legs
        .iter()
        .flat_map(|leg| leg.recipients.iter().map(move |index| recipient(address(*index), leg)));
    QueuedMessage {
        id: row.id.to_string(),
        accepted_at: row.accepted_at.to_string(),
        age_seconds: age(row.accepted_at, Timestamp::from_system(std::time::SystemTime::now())),
        size_bytes: row.size,
        reverse_path: envelope.map(|it| path(&it.reverse_path)).unwrap_or_default(),
        recipients: recipients.collect(),
    }
}

pub(super) fn path(path: &ReversePath) -> String {
    path.to_string()
}

fn recipient(address: String, leg: &Waiting) -> QueuedRecipient {
    let (held_by, reason) = match &leg.held {
        Some(Hold::Cutover) => {
            (Some("cutover".to_owned()), Some("the mailbox is being cut over".to_owned()))
        }
        Some(Hold::Loop) => (Some("loop".to_owned()), Some("both sites pass it back".to_owned())),
        Some(Hold::Operator { by, why }) => {
            (Some(by.clone()), Some(why.clone()).filter(|it| !it.is_empty()))
        }
        None => (None, None),
    };
    QueuedRecipient {
        address,
        state: match leg.state {
            operate::QueueState::Active => api::QueueState::Active,
            operate::QueueState::Deferred => api::QueueState::Deferred,
            operate::QueueState::Held => api::QueueState::Held,
        },
        hop: leg.hop.clone(),
        attempts: leg.attempts,
        next_attempt_at: leg.due.map(|it| it.to_string()),
        held_by,
        reason: reason.or_else(|| Some(leg.last_reply.clone()).filter(|it| !it.is_empty())),
        last_reply: Some(leg.last_reply.clone()).filter(|it| !it.is_empty()),
    }
}
