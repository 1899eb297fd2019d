//! Where mail goes, or would go.

use std::collections::HashMap;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::{Duration, Instant};

use admin::BackendError;
use api::{Explain, Explanation, HopLimits, Rerouted, Simulate, Simulation, SiteState};
use mail::{RecipientKind, SpoolId, Timestamp};
use recipients::Recipients;
use router::{
    Admission, Decision, Domains, Doubt, Edit, Facts, Field, HoldReason, Known, Put, Route,
    RowChange, SiteStates, StateRule, Table,
};
use spool::{Arrival, Place, Spool, What};

use super::table::{blocking, edit_error, parse_address};
use super::{Control, page_limit};

/// Messages that one request looks at, and for how long.
const LOOKED_AT_MAX: u64 = 100_000;
const LOOKS_FOR: Duration = Duration::from_secs(10);
const A_DAY: Duration = Duration::from_secs(86_400);

impl Control {
    pub(super) async fn explain_address(
        &self,
        question: Explain,
    ) -> Result<Explanation, BackendError> {
        let address = match question.address.eq_ignore_ascii_case("postmaster") {
            true => self.routes.domains().postmaster().ok_or_else(|| {
                BackendError::invalid("address", "there is no relay domain to be postmaster of")
            })?,
            false => parse_address(&question.address, "address")?,
        };
        let admission = self.admission(question.ip.as_deref())?;
        let table = self.table_at(question.generation).await?;
        let (domains, sites) = (self.routes.domains(), self.routes.sites());
        let known = self.routes.recipients().map(Recipients::view);
        let facts = Facts {
            table: &table,
            domains: &domains,
            sites: &sites,
            admission,
            known: known.as_ref().map(|it| it as &dyn Known),
        };
        let decision = router::decide(&facts, &address);
        let words = router::explain(&decision);
        let (verdict, hop, copy_to, reply) = match &decision.route {
            Route::Site { site, copy_to, .. } => {
                ("deliver", Some(site.to_string()), copy_to.as_ref().map(ToString::to_string), None)
            }
            Route::Hold { site, .. } => ("hold", Some(site.to_string()), None, None),
            Route::Remote { domain } => ("deliver", Some(domain.to_string()), None, None),
            Route::Reject(reply) => ("reject", None, None, Some(reply.to_string())),
        };
        let (verdict, reply) = match decision.doubt() {
            None => (verdict, reply),
            Some(Doubt::Ask { .. }) => ("ask", None),
            Some(doubt @ Doubt::NotNow) => ("defer", Some(doubt.reply().to_string())),
            Some(doubt @ Doubt::NoSuch) => ("reject", Some(doubt.reply().to_string())),
        };
        let onward = match &decision.route {
            Route::Site { site, .. } | Route::Hold { site, .. } => {
                Some(router::onward(&domains, site, decision.named(), decision.entry()).to_string())
            }
            Route::Remote { .. } => Some(address.to_string()),
            Route::Reject(_) => None,
        };
        let steps = (1..).zip(words.steps.clone()).map(|(number, it)| api::Step {
            number,
            question: it.question,
            answer: it.answer,
        });
        let explanation = Explanation {
            address: address.to_string(),
            generation: decision.generation,
            verdict: verdict.into(),
            expected: expected(&decision, onward.as_deref()),
            hop,
            onward,
            copy_to,
            reply,
            text: words.to_string(),
            conclusion: words.conclusion,
            steps: steps.collect(),
            ..Explanation::default()
        };
        Ok(self.with_way(explanation, &decision))
    }

    /// Adds what is known of the way to the site.
    fn with_way(&self, explanation: Explanation, decision: &Decision<'_>) -> Explanation {
        let (Route::Site { site: name, .. } | Route::Hold { site: name, .. }) = &decision.route
        else {
            return explanation;
        };
        let Some(view) = self.delivery.site_view(name.as_str()) else { return explanation };
        let site = self.site(&view);
        let config = self.config.load();
        let known = config.sites.iter().find(|it| it.name == *name);
        let count = |it: usize| it as u64;
        let limits = known.map(|it| HopLimits {
            message_bytes_max: config.limits.message_bytes_max,
            recipients_max: count(it.recipients_per_message_max),
            messages_per_connection_max: count(it.messages_per_connection_max),
            connections: site.connections,
            connections_max: site.connections_max,
        });
        let mut hosts = site.hosts;
        // Those that failed lately are tried last.
        hosts.sort_by_key(|it| it.state != SiteState::Up && it.last_error.is_some());
        let (site_state, tls) = (Some(site.state), Some(site.tls));
        Explanation { site_state, hosts, tls, limits, ..explanation }
    }

    /// Without an address, as a stranger at the MX; with one, as whoever may relay from there.
    fn admission(&self, ip: Option<&str>) -> Result<Admission, BackendError> {
        let Some(ip) = ip else { return Ok(Admission::RelayDomainsOnly) };
        let ip: std::net::IpAddr =
            ip.parse().map_err(|_| BackendError::invalid("ip", "want an IPv4 or IPv6 address"))?;
        let config = self.config.load();
        let relays =
            config.listeners.iter().flat_map(|it| &it.relay_from).any(|it| it.contains(&ip));
        Ok(if relays { Admission::Any } else { Admission::RelayDomainsOnly })
    }

    /// Decides for mail of the past by the table of now, and by that with the edits.
    pub(super) async fn simulate_edits(&self, what: Simulate) -> Result<Simulation, BackendError> {
        let wishes = match &what.plan {
            Some(plan) => edits_of(self.rows_of_stored(plan).await?),
            None => self.wishes(&what.edits)?,
        };
        let now = self.now();
        let since = match &what.since {
            None => Timestamp::from_micros(now.as_micros().saturating_sub(micros(A_DAY))),
            Some(text) => text
                .parse()
                .map_err(|it: mail::NotATime| BackendError::invalid("since", it.to_string()))?,
        };
        let from = what.cursor.as_deref().map(place).transpose()?;
        let limit = page_limit(what.limit);
        let before = self.routes.directory().snapshot();
        let domains = Arc::clone(&self.routes.domains());
        let spool = self.spool.clone();
        let recipients = self.routes.recipients().cloned();
        blocking(move || {
            let changes = before.plan(&wishes, now);
            let changes = changes.map_err(|it| edit_error(directory::EditError::Problems(it)))?;
            let after = before.apply(&changes);
            let known = recipients.as_ref().map(Recipients::view);
            let mut page = Page::new(&before, &after, &domains, limit);
            page.known = known.as_ref().map(|it| it as &dyn Known);
            let next = read(&spool, since, from, &mut page)?;
            page.with_past(&spool, since, from);
            Ok(Simulation {
                generation: before.generation(),
                since: since.to_string(),
                messages_seen: page.messages,
                recipients_seen: page.recipients,
                changed: page.changed.into_iter().map(|it| it.1).collect(),
                next_cursor: next.map(|it| format!("{}-{}", it.file, it.offset)),
            })
        })
        .await
    }
}

/// What makes the rows of a plan, whatever the table says of them now.
fn edits_of(rows: Vec<RowChange>) -> Vec<Edit> {
    fn field<T: Clone>(value: Option<&T>) -> Field<T> {
        value.map_or(Field::Clear, |it| Field::Is(it.clone()))
    }
    let edit = |it: RowChange| match it.after {
        Some(row) => Some(Edit::Put(Box::new(Put {
            address: row.address.clone(),
            home: row.home.clone(),
            home_said: true,
            state: StateRule::Is(row.state),
            batch: field(row.batch.as_ref()),
            cloud_address: field(row.cloud_address.as_ref()),
            aliases: Field::Is(row.aliases.clone()),
            note: field(row.note.as_ref()),
        }))),
        None => it.key().cloned().map(Edit::Remove),
    };
    rows.into_iter().filter_map(edit).collect()
}

fn micros(span: Duration) -> u64 {
    u64::try_from(span.as_micros()).unwrap_or(u64::MAX)
}

/// `FILE-OFFSET`, as we wrote it.
fn place(cursor: &str) -> Result<Place, BackendError> {
    let parts = cursor.split_once('-');
    let parsed = parts.and_then(|(file, offset)| {
        Some(Place { file: file.parse().ok()?, offset: offset.parse().ok()? })
    });
    parsed.ok_or_else(|| BackendError::invalid("cursor", "want next_cursor of the page before"))
}

fn failed(error: spool::SpoolError) -> BackendError {
    BackendError::Failed { detail: error.to_string() }
}

fn read(
    spool: &Spool,
    since: Timestamp,
    from: Option<Place>,
    page: &mut Page<'_>,
) -> Result<Option<Place>, BackendError> {
    let began = Instant::now();
    let next = spool.ledger().accepted_since(since, from, |it| {
        page.look(&it);
        let full = page.changed.len() >= page.limit || page.messages >= LOOKED_AT_MAX;
        // The clock is asked now and then only.
        let late = page.messages.is_multiple_of(256) && began.elapsed() >= LOOKS_FOR;
        if full || late { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    next.map_err(failed)
}

/// What one request has found.
struct Page<'a> {
    before: &'a Table,
    after: &'a Table,
    domains: &'a Domains,
    sites: SiteStates,
    known: Option<&'a dyn Known>,
    limit: usize,
    messages: u64,
    recipients: u64,
    /// With the recipient's place in the envelope.
    changed: Vec<((SpoolId, u16), Rerouted)>,
}

impl<'a> Page<'a> {
    fn new(before: &'a Table, after: &'a Table, domains: &'a Domains, limit: usize) -> Self {
        let sites = SiteStates::default();
        let changed = Vec::new();
        Self {
            before,
            after,
            domains,
            sites,
            known: None,
            limit,
            messages: 0,
            recipients: 0,
            changed,
        }
    }

    fn look(&mut self, it: &Arrival) {
        self.messages += 1;
        for (index, recipient) in (0..=u16::MAX).zip(&it.envelope.recipients) {
            if recipient.kind != RecipientKind::Named {
                continue;
            }
            self.recipients += 1;
            let facts = |table| Facts {
                table,
                domains: self.domains,
                sites: &self.sites,
                admission: Admission::Any,
                known: self.known,
            };
            let (before, after) = (facts(self.before), facts(self.after));
            let before = router::decide(&before, &recipient.address);
            let after = router::decide(&after, &recipient.address);
            if before.route == after.route {
                continue;
            }
            let row = Rerouted {
                id: it.id.to_string(),
                accepted_at: it.accepted_at.to_string(),
                recipient: recipient.address.to_string(),
                went: in_words(&before.route),
                would_go: in_words(&after.route),
                why: router::explain(&after).conclusion,
            };
            self.changed.push(((it.id, index), row));
        }
    }

    /// Where those on the page really went, as far as the ledger says so within the time.
    fn with_past(&mut self, spool: &Spool, since: Timestamp, from: Option<Place>) {
        let places: HashMap<(SpoolId, u16), usize> =
            self.changed.iter().enumerate().map(|(n, it)| (it.0, n)).collect();
        let ids: std::collections::HashSet<SpoolId> =
            self.changed.iter().map(|it| it.0.0).collect();
        if ids.is_empty() {
            return;
        }
        let began = Instant::now();
        let mut n = 0_u64;
        let changed = &mut self.changed;
        let found = spool.ledger().events_since(
            since,
            from,
            |id| ids.contains(&id),
            |event| {
                if let What::Delivered { hop, .. } = &event.what {
                    for index in &event.recipients {
                        if let Some(place) = places.get(&(event.id, *index)) {
                            changed[*place].1.went.clone_from(hop);
                        }
                    }
                }
                n += 1;
                let late = n.is_multiple_of(64) && began.elapsed() >= LOOKS_FOR;
                if late { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
            },
        );
        if let Err(error) = found {
            tracing::warn!(%error, "The ledger cannot say where some mail went.");
        }
    }
}

/// A route as short as can be.
fn in_words(route: &Route) -> String {
    match route {
        Route::Site { site, copy_to: None, .. } => site.to_string(),
        Route::Site { site, copy_to: Some(copy), .. } => format!("{site}, with a copy to {copy}"),
        Route::Hold { site, reason: HoldReason::Cutover } => format!("held for {site}"),
        Route::Hold { site, reason: HoldReason::UnknownSite } => {
            format!("held: there is no site {site}")
        }
        Route::Remote { domain } => format!("the MX of {domain}"),
        Route::Reject(reply) => format!("refused with {reply}"),
    }
}

/// What the sender and the recipient will see.
fn expected(decision: &Decision<'_>, onward: Option<&str>) -> String {
    let as_whom = onward.unwrap_or_default();
    match decision.doubt() {
        None => (),
        Some(Doubt::Ask { site, .. }) => return format!("as {site} answers to RCPT"),
        Some(doubt) => return format!("{} at RCPT", doubt.reply()),
    }
    match &decision.route {
        Route::Site { site, up: true, .. } => {
            format!("250 at RCPT; delivered at once to {site} as {as_whom}")
        }
        Route::Site { site, up: false, .. } => {
            format!("250 at RCPT; kept, and delivered to {site} as {as_whom} when it is back")
        }
        Route::Hold { reason: HoldReason::Cutover, .. } => {
            "250 at RCPT; held, and delivered to the home of after the cutover".to_owned()
        }
        Route::Hold { site, reason: HoldReason::UnknownSite } => {
            format!("250 at RCPT; held until {site} is configured or the row names another site")
        }
        Route::Remote { domain } => {
            format!("250 at RCPT; delivered to a server of {domain}, or by the smart host")
        }
        Route::Reject(reply) => format!("{reply} at RCPT: the sender hears of it at once"),
    }
}
