//! The dialogue: paced RCPTs over as few connections as it takes.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use mail::{Address, AddressKey, Reply, SiteName};
use smtp::client::Stage;
use tokio::time::{sleep_until, timeout_at};

use super::{RecipientVerdict, SiteChecks};
use crate::connection::{AttemptError, Connection, RecipientResult};
use crate::delivery::Delivery;
use crate::fate::{Fate, FateContext, HopKind, fate};
use crate::hop::Hop;
use crate::targets;

/// Refusals on one connection: hosts count them as errors and hang up.
const REFUSALS_MAX: usize = 8;
/// Connections in one call that end before they were asked anything.
const BROKEN_MAX: u32 = 3;

type Found = HashMap<AddressKey, RecipientVerdict>;

/// Asks until all are known, the site has had enough, or time is up. Says why those that are not
/// in `found` then stay unknown.
pub(super) async fn ask(
    delivery: &Delivery,
    hop: &Arc<Hop>,
    site: &SiteName,
    mut open: Vec<(AddressKey, Address)>,
    found: &mut Found,
) -> String {
    let settings = &delivery.0.verifier.settings;
    let deadline = Instant::now() + settings.time_max;
    let checks = delivery.0.verifier.site(site);
    let failed = checks.failed.lock().clone();
    if let Some((_, why)) = failed.filter(|(at, _)| at.elapsed() < settings.failed_for) {
        return why;
    }
    let n_open = open.len();
    open.truncate(settings.recipients_max);
    let asker = Asker { delivery, hop, site, checks: &checks, n_slow: 0, n_broken: 0 };
    let asked = timeout_at(deadline.into(), asker.run(open, found)).await;
    match asked {
        Err(_) => format!("{site} did not answer for all within {} s", settings.time_max.as_secs()),
        Ok(Err(why)) => why,
        Ok(Ok(())) => {
            format!("only {} of {n_open} are asked at a time", settings.recipients_max)
        }
    }
}

struct Asker<'a> {
    delivery: &'a Delivery,
    hop: &'a Arc<Hop>,
    site: &'a SiteName,
    checks: &'a SiteChecks,
    /// Answers that took long or did not come.
    n_slow: usize,
    n_broken: u32,
}

impl Asker<'_> {
    async fn run(
        mut self,
        mut open: Vec<(AddressKey, Address)>,
        found: &mut Found,
    ) -> Result<(), String> {
        let closed = |_| "the gateway stops".to_owned();
        let _bulk = match open.len() {
            0 | 1 => None,
            _ => Some(self.checks.bulk.acquire().await.map_err(closed)?),
        };
        let _turn = self.checks.connections.acquire().await.map_err(closed)?;
        // Somebody else may have asked meanwhile.
        open.retain(|(key, _)| match self.delivery.0.verifier.cached(self.site, key) {
            Some(verdict) => {
                self.delivery.count(self.site, &verdict, "cache");
                found.insert(key.clone(), verdict);
                false
            }
            None => true,
        });
        open.reverse();
        while !open.is_empty() {
            let mut connection = match targets::connect(self.delivery, self.hop).await {
                Ok(connection) => connection,
                Err(failure) => {
                    let why = format!("{} cannot be reached: {failure}", self.site);
                    *self.checks.failed.lock() = Some((Instant::now(), why.clone()));
                    return Err(why);
                }
            };
            let n_before = open.len();
            let ended = self.converse(&mut connection, &mut open, found).await;
            connection.quit().await;
            if let Err(error) = ended {
                self.n_broken += u32::from(open.len() == n_before);
                if self.n_broken >= BROKEN_MAX || is_refusal(&error) {
                    return Err(format!("{} broke off: {error}", self.site));
                }
            }
            self.check_patience()?;
        }
        Ok(())
    }

    fn check_patience(&self) -> Result<(), String> {
        let max = self.delivery.0.verifier.settings.slow_max;
        match self.n_slow >= max {
            true => Err(format!("{} delays its answers: stopped after {max} of them", self.site)),
            false => Ok(()),
        }
    }

    /// Until `open` is empty, the connection has had enough, or it broke. `open` is taken from
    /// its end.
    async fn converse(
        &mut self,
        connection: &mut Connection,
        open: &mut Vec<(AddressKey, Address)>,
        found: &mut Found,
    ) -> Result<(), AttemptError> {
        let needs_utf8 = open.iter().any(|it| !it.1.is_ascii());
        connection.begin_check(needs_utf8).await?;
        let (mut n_accepted, mut n_refused) = (0, 0);
        while let Some((key, address)) = open.last() {
            if !address.is_ascii() && !connection.capabilities().smtputf8 {
                let reply = smtp::client::Obstacle::SmtpUtf8.reply();
                found.insert(key.clone(), RecipientVerdict::Refused(reply));
                open.pop();
                continue;
            }
            let reply = self.one(connection, address).await;
            let reply = match reply {
                Err(AttemptError::Timeout { .. }) => {
                    let why = format!("{} gave no answer to RCPT in time", self.site);
                    found.insert(key.clone(), RecipientVerdict::Unknown(why));
                    open.pop();
                    return Ok(());
                }
                other => other?,
            };
            if is_too_many(&reply) && n_accepted > 0 {
                self.again(connection, needs_utf8).await?;
                n_accepted = 0;
                continue;
            }
            let verdict = judge(&reply);
            self.delivery.count(self.site, &verdict, "site");
            self.delivery.0.verifier.keep(self.site, key.clone(), &verdict);
            found.insert(key.clone(), verdict);
            open.pop();
            if reply.is_positive() {
                n_accepted += 1;
            } else {
                n_refused += 1;
                self.checks.pause(self.delivery.0.verifier.settings.pause_after_refusal);
            }
            let is_enough = self.check_patience().is_err() || n_refused >= REFUSALS_MAX;
            if is_enough || open.is_empty() {
                break;
            }
            if n_accepted >= self.hop.settings.recipients_max {
                self.again(connection, needs_utf8).await?;
                n_accepted = 0;
            }
        }
        connection.end_check().await
    }

    async fn again(
        &self,
        connection: &mut Connection,
        needs_utf8: bool,
    ) -> Result<(), AttemptError> {
        connection.end_check().await?;
        connection.begin_check(needs_utf8).await
    }

    async fn one(
        &mut self,
        connection: &mut Connection,
        address: &Address,
    ) -> Result<Reply, AttemptError> {
        let settings = &self.delivery.0.verifier.settings;
        let every = Duration::from_secs(1) / u32::from(settings.recipients_per_second.max(1));
        sleep_until(self.checks.turn(every).into()).await;
        let result = connection.check(address, settings.rcpt_timeout).await;
        let is_slow = match &result {
            Ok((_, took)) => *took >= settings.slow_after,
            Err(error) => matches!(error, AttemptError::Timeout { .. }),
        };
        self.n_slow += usize::from(is_slow);
        result.map(|it| it.0)
    }
}

/// It does not want to talk to us: no use in asking again at once.
fn is_refusal(error: &AttemptError) -> bool {
    matches!(error, AttemptError::Refused { .. })
}

/// Source: RFC 5321 §4.5.3.1.10.
fn is_too_many(reply: &Reply) -> bool {
    reply.code == 452 || (reply.code == 552 && reply.enhanced.is_none())
}

/// By the rules for deliveries, so that a refusal which would hold the site or be tried again is
/// no verdict on the recipient. Nor is one that is about policy: it may be meant for the null
/// reverse-path, or for us.
fn judge(reply: &Reply) -> RecipientVerdict {
    if reply.is_positive() {
        return RecipientVerdict::Accepted;
    }
    let context = FateContext {
        hop: HopKind::Site,
        age: Duration::ZERO,
        since_move: None,
        directory_lag_grace: Duration::ZERO,
    };
    let result = RecipientResult::Refused { reply: reply.clone(), stage: Stage::Rcpt };
    let is_policy = reply.enhanced.is_some_and(|it| it.subject == 7);
    match fate(&result, &context).fate {
        Fate::Bounce { reply } if !is_policy => RecipientVerdict::Refused(reply),
        _ => RecipientVerdict::Unknown(format!("the site answered {reply}")),
    }
}
