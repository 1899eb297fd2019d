//! What an outcome means for a recipient: delivered, try again, hold, or tell the sender.
//!
//! ```text
//!   RecipientResult ──> known reply? ── yes ──> its row decides (data/replies.toml)
//!                             │ no
//!                             v
//!             2xx delivered · 4xx retry · 5xx bounce · our own doubt: retry
//! ```
//!
//! Pure. The two rules above all others: nothing is bounced that only we are in doubt about, and
//! a refusal that blames configuration or reputation holds the site instead of bouncing the
//! organisation's mail.

mod catalogue;
#[cfg(test)]
mod tests;

use std::time::Duration;

use mail::{Enhanced, Reply};
use smtp::client::Stage;

use crate::connection::{AttemptError, RecipientResult};
use crate::retry::RetryClass;
use catalogue::{Action, CATALOGUE, Row};

/// Whose server the hop is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HopKind {
    Site,
    SmartHost,
    /// Found by the MX of a domain that is not ours.
    Stranger,
}

/// What is known beside the outcome itself.
#[derive(Clone, Copy, Debug)]
pub struct FateContext {
    pub hop: HopKind,
    /// Since the message was accepted.
    pub age: Duration,
    /// Since the table last changed the recipient's entry; `None` when it has none.
    pub since_move: Option<Duration>,
    /// How long "no such mailbox" is not believed after that.
    pub directory_lag_grace: Duration,
}

/// What becomes of the recipient.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fate {
    Delivered,
    Retry {
        class: RetryClass,
    },
    /// This recipient alone is held, where an operator sees it.
    Hold {
        reason: String,
    },
    /// The recipient stays queued and nothing more is sent to the site until an operator, or a
    /// probe of the configuration, says so.
    HoldSite {
        reason: String,
    },
    /// The sender is told this.
    Bounce {
        reply: Reply,
    },
}

/// What the hop gets for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HopEffect {
    /// It did its work, whatever it said of the message.
    Healthy,
    /// Nothing can be said of it.
    None,
    /// Halve its connections.
    SlowDown,
    /// Counts towards its breaker.
    Failing,
    /// Use IPv4 for it from now on.
    PreferIpv4,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    pub fate: Fate,
    pub hop: HopEffect,
    /// Name of the row that decided, for logs and metrics; `None` for the general rules.
    pub row: Option<&'static str>,
}

/// The fate of one recipient after one attempt.
pub fn fate(result: &RecipientResult, context: &FateContext) -> Verdict {
    match result {
        RecipientResult::Delivered(_) => general(Fate::Delivered, HopEffect::Healthy),
        RecipientResult::Refused { reply, stage } => of_reply(reply, *stage, context),
        RecipientResult::Failed(error) => of_error(error, context),
        RecipientResult::Unknown(error) => {
            general(Fate::Retry { class: RetryClass::MaybeDuplicate }, effect_of(error))
        }
    }
}

/// The same for an attempt that never got as far as a recipient.
pub fn fate_of_error(error: &AttemptError, context: &FateContext) -> Verdict {
    of_error(error, context)
}

/// The page `docs/reference/replies.md`, made from the catalogue.
pub fn replies_page() -> String {
    CATALOGUE.markdown()
}

const fn general(fate: Fate, hop: HopEffect) -> Verdict {
    Verdict { fate, hop, row: None }
}

fn of_reply(reply: &Reply, stage: Stage, context: &FateContext) -> Verdict {
    if let Some(row) = CATALOGUE.find(reply, context.hop) {
        return of_row(row, reply, context);
    }
    let hop = if reply.code == 421 { HopEffect::None } else { HopEffect::Healthy };
    if reply.is_permanent() && !is_too_many(reply, stage) {
        return general(Fate::Bounce { reply: reply.clone() }, hop);
    }
    general(Fate::Retry { class: RetryClass::Refusal }, hop)
}

/// 552 to RCPT without an enhanced code that says otherwise means what 452 means.
///
/// Source: RFC 5321 §4.5.3.1.10.
fn is_too_many(reply: &Reply, stage: Stage) -> bool {
    reply.code == 552 && stage == Stage::Rcpt && reply.enhanced.is_none()
}

/// Failures of the host or of us. A refusal of ourselves, in greeting or EHLO, is looked up too:
/// it may name a limit or a fault of the configuration. It never bounces mail, with one
/// exception: a stranger's host that says it takes no mail at all.
fn of_error(error: &AttemptError, context: &FateContext) -> Verdict {
    if let Some((reply, stage)) = error.reply() {
        if takes_no_mail(reply, stage) && context.hop == HopKind::Stranger {
            return general(Fate::Bounce { reply: reply.clone() }, HopEffect::Healthy);
        }
        if let Some(row) = CATALOGUE.find(reply, context.hop) {
            let verdict = of_row(row, reply, context);
            if !matches!(verdict.fate, Fate::Bounce { .. } | Fate::Hold { .. }) {
                return verdict;
            }
        }
    }
    let class = if error.is_free_retry() { RetryClass::Free } else { RetryClass::Connection };
    general(Fate::Retry { class }, effect_of(error))
}

fn effect_of(error: &AttemptError) -> HopEffect {
    if error.is_host_fault() { HopEffect::Failing } else { HopEffect::None }
}

/// RFC 7504: the host exists only to say so.
fn takes_no_mail(reply: &Reply, stage: Stage) -> bool {
    reply.code == 521 && stage == Stage::Greeting
}

fn of_row(row: &'static Row, reply: &Reply, context: &FateContext) -> Verdict {
    let after = row.after;
    let retry = match after {
        Some(after) => Fate::Retry { class: RetryClass::Throttle { after } },
        None => Fate::Retry { class: RetryClass::Refusal },
    };
    let bounce = || Fate::Bounce { reply: as_permanent(reply) };
    let reason = || format!("{}: {reply}", row.name);
    let (fate, hop) = match row.action {
        Action::Retry if row.bounce_after.is_some_and(|it| context.age >= it) => {
            (bounce(), HopEffect::Healthy)
        }
        Action::Retry | Action::ThrottleRecipient => (retry, HopEffect::Healthy),
        Action::SlowDown => (retry, HopEffect::SlowDown),
        Action::HopDown => (retry, HopEffect::Failing),
        Action::PreferIpv4 => (retry, HopEffect::PreferIpv4),
        Action::HoldSite => (Fate::HoldSite { reason: reason() }, HopEffect::Failing),
        Action::DirectoryLag if is_in_grace(context) => {
            (Fate::Retry { class: RetryClass::DirectoryLag }, HopEffect::Healthy)
        }
        Action::HoldLoop => (Fate::Hold { reason: reason() }, HopEffect::Healthy),
        Action::DirectoryLag | Action::Bounce => (bounce(), HopEffect::Healthy),
    };
    Verdict { fate, hop, row: Some(&row.name) }
}

fn is_in_grace(context: &FateContext) -> bool {
    context.hop == HopKind::Site
        && context.since_move.is_some_and(|it| it < context.directory_lag_grace)
}

/// A bounce says 5: a temporary code that we gave up on is told as the permanent one.
fn as_permanent(reply: &Reply) -> Reply {
    let mut reply = reply.clone();
    if let Some(it) = &mut reply.enhanced {
        *it = Enhanced::new(5, it.subject, it.detail);
    }
    reply
}
