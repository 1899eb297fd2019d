//! A gateway in memory, for tests of whoever speaks the admin API. It keeps a table with history, a
//! queue and sites, and does to them what the real one would do, in a few lines each.

mod configuration;
mod moves;
mod plans;
mod recipients;
mod table;
mod watch;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use api::{
    Acted, Action, ActionRequest, Changed, Check, EntryList, Explain, Explanation, History,
    HistoryQuery, ImportOptions, Imported, ListQuery, Override, OverrideRequest, OverrideTo, Probe,
    ProbeStage, QueueList, QueueQuery, QueueState, QueueSummary, QueuedMessage, QueuedRecipient,
    Readiness, Reloaded, Selector, Site, SiteHealth, SiteList, SiteState, Stats, Step, TableEdits,
    TableInfo, TraceQuery, Traced, Verification, Version,
};
use bytes::Bytes;
use events::Events;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use crate::{Answer, Author, Backend, BackendError, ByteStream};
use table::FakeTable;

/// What it pretends to be; tests set it up through [`FakeBackend::state`].
#[derive(Debug)]
pub struct State {
    pub ready: bool,
    pub table: FakeTable,
    pub queue: Vec<QueuedMessage>,
    pub sites: Vec<Site>,
    pub stories: Vec<api::Story>,
    pub verification: Verification,
    /// What `reload` finds wrong.
    pub mistakes: Vec<api::FieldError>,
    /// The file says something else by now than what runs.
    pub file_differs: bool,
    pub plans: Vec<plans::FakePlan>,
    /// What stands in the way of every edit and every plan.
    pub blocked: Vec<api::Blocked>,
    /// What others changed since a plan was made.
    pub conflicts: Vec<api::RowConflict>,
    /// `(author, what)` of everything that changed something.
    pub log: Vec<(String, String)>,
    /// Changes that have begun.
    pub begun: usize,
    /// A change that has begun takes one permit before it is made.
    pub gate: Arc<Semaphore>,
    /// At most two listen.
    pub events: Events,
    pub closed: CancellationToken,
}

/// See the module.
#[derive(Debug)]
pub struct FakeBackend(Mutex<State>);

impl Default for FakeBackend {
    /// Two sites, one message for each, an empty table at generation 0.
    fn default() -> Self {
        let closed = CancellationToken::new();
        Self(Mutex::new(State {
            events: Events::new(7, 2, closed.clone()),
            closed,
            ready: true,
            table: FakeTable::default(),
            queue: vec![
                message("0000000000001", "anna@contoso.example", "cloud", QueueState::Deferred),
                message("0000000000002", "bert@contoso.example", "on_prem", QueueState::Held),
            ],
            sites: vec![site("cloud", SiteState::Down), site("on_prem", SiteState::Up)],
            stories: Vec::new(),
            verification: Verification { balanced: true, ..Verification::default() },
            mistakes: Vec::new(),
            file_differs: true,
            plans: Vec::new(),
            blocked: Vec::new(),
            conflicts: Vec::new(),
            log: Vec::new(),
            begun: 0,
            gate: Arc::new(Semaphore::new(Semaphore::MAX_PERMITS)),
        }))
    }
}

impl FakeBackend {
    pub fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes a change once the gate lets it.
    fn change<'a, T: Send + 'a>(
        &'a self,
        make: impl FnOnce(&mut State) -> Result<T, BackendError> + Send + 'a,
    ) -> Answer<'a, T> {
        Box::pin(async move {
            let gate = {
                let mut state = self.state();
                state.begun += 1;
                Arc::clone(&state.gate)
            };
            let _permit = gate.acquire().await;
            make(&mut self.state())
        })
    }
}

fn message(id: &str, recipient: &str, hop: &str, state: QueueState) -> QueuedMessage {
    QueuedMessage {
        id: id.to_owned(),
        accepted_at: "2026-01-05T08:00:00.000000Z".to_owned(),
        age_seconds: 90,
        size_bytes: 2048,
        reverse_path: "eve@elsewhere.example".to_owned(),
        recipients: vec![QueuedRecipient {
            address: recipient.to_owned(),
            state,
            hop: hop.to_owned(),
            attempts: 1,
            next_attempt_at: None,
            held_by: None,
            reason: None,
            last_reply: Some("451 4.3.0 Try again".to_owned()),
        }],
    }
}

fn site(name: &str, state: SiteState) -> Site {
    Site {
        name: name.to_owned(),
        state,
        since: None,
        reason: None,
        forced: None,
        hosts: vec![api::Host { name: format!("{name}.example:25"), state, last_error: None }],
        tls: "opportunistic".to_owned(),
        connections: 0,
        connections_max: 15,
        queued_recipients: 1,
        held_recipients: 0,
        oldest_seconds: Some(90),
    }
}

fn ready<'a, T: Send + 'a>(answer: Result<T, BackendError>) -> Answer<'a, T> {
    Box::pin(std::future::ready(answer))
}

fn stream(parts: Vec<Bytes>) -> ByteStream {
    Box::pin(futures_util::stream::iter(parts.into_iter().map(Ok)))
}

fn matches(selector: &Selector, message: &QueuedMessage, recipient: &QueuedRecipient) -> bool {
    (selector.ids.is_empty() || selector.ids.contains(&message.id))
        && selector.site.as_ref().is_none_or(|it| *it == recipient.hop)
        && selector.recipient.as_ref().is_none_or(|it| recipient.address.ends_with(it.as_str()))
        && selector.sender.as_ref().is_none_or(|it| message.reverse_path.ends_with(it.as_str()))
        && selector.state.is_none_or(|it| it == recipient.state)
        && selector.older_than_seconds.is_none_or(|it| message.age_seconds > it)
}

fn acted(queue: &mut Vec<QueuedMessage>, request: &ActionRequest) -> Acted {
    let mut acted = Acted { dry_run: request.dry_run, ..Acted::default() };
    for message in queue.iter_mut() {
        let matched = |it: &QueuedRecipient| matches(&request.selector, message, it);
        let n = message.recipients.iter().filter(|it| matched(it)).count() as u64;
        acted.messages += u64::from(n > 0);
        acted.recipients += n;
        if n > 0 && !request.dry_run {
            let becomes = match request.action {
                Action::Retry | Action::Release => QueueState::Active,
                Action::Hold => QueueState::Held,
                Action::Bounce | Action::Discard => {
                    message.recipients.clear();
                    continue;
                }
            };
            message.recipients.iter_mut().for_each(|it| it.state = becomes);
        }
    }
    queue.retain(|it| !it.recipients.is_empty());
    acted
}

impl Backend for FakeBackend {
    fn version(&self) -> Version {
        Version {
            name: "causeway".to_owned(),
            version: "0.0.0".to_owned(),
            hostname: "gw.example".to_owned(),
            started_at: "2026-01-05T07:00:00.000000Z".to_owned(),
        }
    }

    fn readiness(&self) -> Answer<'_, Readiness> {
        let state = self.state();
        let ok = state.ready;
        let reason = (!ok).then(|| "still indexing".to_owned());
        let checks = vec![Check { name: "spool".to_owned(), ok, reason }];
        let site = |it: &Site| SiteHealth { name: it.name.clone(), state: it.state };
        ready(Ok(Readiness::new(checks, state.sites.iter().map(site).collect())))
    }

    fn stats(&self) -> Answer<'_, Stats> {
        let state = self.state();
        ready(Ok(Stats {
            started_at: "2026-01-05T07:00:00.000000Z".to_owned(),
            generation: state.table.generation(),
            spool_messages: state.queue.len() as u64,
            ..Stats::default()
        }))
    }

    fn configuration(&self) -> Answer<'_, api::Configuration> {
        let state = self.state();
        ready(Ok(configuration::of(state.mistakes.clone(), state.file_differs)))
    }

    fn reload(&self, author: Author) -> Answer<'_, Reloaded> {
        self.change(|state| {
            if !state.mistakes.is_empty() {
                let errors = state.mistakes.clone();
                let detail = "the configuration has mistakes; the old one stays".to_owned();
                return Err(BackendError::Invalid { detail, errors });
            }
            state.log.push((author.0, "reload".to_owned()));
            let applied = vec!["site.cloud.connections_max".to_owned()];
            Ok(Reloaded { applied, needs_restart: vec!["server.data_dir".to_owned()] })
        })
    }

    fn table(&self) -> Answer<'_, TableInfo> {
        ready(Ok(self.state().table.info()))
    }

    fn history(&self, query: HistoryQuery) -> Answer<'_, History> {
        ready(Ok(self.state().table.history(&query)))
    }

    fn entries(&self, query: ListQuery) -> Answer<'_, EntryList> {
        ready(self.state().table.list(&query))
    }

    fn entry(&self, address: String) -> Answer<'_, (u64, api::Entry)> {
        ready(self.state().table.get(&address))
    }

    fn edit(&self, edits: TableEdits, author: Author) -> Answer<'_, Changed> {
        self.change(move |state| {
            plans::pass(&state.blocked, &edits.overrides)?;
            state.log.push((author.0, edits.reason.clone().unwrap_or_default()));
            state.table.edit(&edits)
        })
    }

    fn import(&self, csv: Bytes, options: ImportOptions, author: Author) -> Answer<'_, Imported> {
        self.change(move |state| {
            let overrides = options.overrides.as_deref().unwrap_or_default().split(',');
            let overrides: Vec<_> = overrides.filter_map(api::Rail::parse).collect();
            plans::pass(&state.blocked, &overrides)?;
            state.log.push((author.0, "import".to_owned()));
            state.table.import(&csv, &options)
        })
    }

    fn export(&self, generation: Option<u64>) -> Answer<'_, (u64, ByteStream)> {
        ready(self.state().table.export(generation).map(|(at, rows)| (at, stream(rows))))
    }

    fn explain(&self, question: Explain) -> Answer<'_, Explanation> {
        let state = self.state();
        let generation = question.generation.unwrap_or_else(|| state.table.generation());
        let home = state.table.get(&question.address).ok().map(|(_, entry)| entry.home);
        let answer = home.clone().unwrap_or_else(|| "nowhere".to_owned());
        let conclusion =
            home.as_ref().map_or_else(|| "reject".to_owned(), |it| format!("deliver to {it}"));
        ready(Ok(Explanation {
            text: format!("{}\n  where does it live?  {answer}\n=> {conclusion}", question.address),
            verdict: home.as_ref().map_or("reject", |_| "deliver").to_owned(),
            steps: vec![Step { number: 1, question: "where does it live?".to_owned(), answer }],
            address: question.address,
            generation,
            hop: home,
            conclusion,
            ..Explanation::default()
        }))
    }

    fn queue_summary(&self) -> Answer<'_, QueueSummary> {
        let state = self.state();
        let hops = state.sites.iter().map(|site| api::Hop {
            name: site.name.clone(),
            deferred: 1,
            oldest_seconds: Some(90),
            by_age: vec![0, 1, 0],
            ..api::Hop::default()
        });
        ready(Ok(QueueSummary {
            messages: state.queue.len() as u64,
            recipients: state.queue.len() as u64,
            bytes: 4096,
            hops: hops.collect(),
            age_bounds_seconds: vec![60, 300],
            recovering: false,
        }))
    }

    fn queue(&self, query: QueueQuery) -> Answer<'_, QueueList> {
        let selector = query.selector();
        let state = self.state();
        let found = state
            .queue
            .iter()
            .filter(|it| query.cursor.as_ref().is_none_or(|cursor| it.id > *cursor))
            .filter(|it| it.recipients.iter().any(|recipient| matches(&selector, it, recipient)));
        let limit = query.limit.unwrap_or(200) as usize;
        let mut messages: Vec<_> = found.take(limit + 1).cloned().collect();
        let more = messages.len() > limit;
        messages.truncate(limit);
        let next_cursor = messages.last().filter(|_| more).map(|it| it.id.clone());
        ready(Ok(QueueList { messages, next_cursor }))
    }

    fn queued(&self, id: String) -> Answer<'_, QueuedMessage> {
        let found = self.state().queue.iter().find(|it| it.id == id).cloned();
        ready(found.ok_or_else(|| BackendError::not_found(format!("message {id} in the spool"))))
    }

    fn message(&self, id: String) -> Answer<'_, ByteStream> {
        let found = self.state().queue.iter().any(|it| it.id == id);
        let parts =
            vec![Bytes::from_static(b"Subject: hi\r\n"), Bytes::from_static(b"\r\nhello\r\n")];
        let missing = || BackendError::not_found(format!("message {id} in the spool"));
        ready(found.then(|| stream(parts)).ok_or_else(missing))
    }

    fn act(&self, request: ActionRequest, author: Author) -> Answer<'_, Acted> {
        self.change(move |state| {
            let done = acted(&mut state.queue, &request);
            let what = format!("{} dry={}", request.action.as_str(), request.dry_run);
            state.log.push((author.0, what));
            Ok(done)
        })
    }

    fn sites(&self) -> Answer<'_, SiteList> {
        ready(Ok(SiteList { sites: self.state().sites.clone() }))
    }

    fn probe(&self, name: String) -> Answer<'_, Probe> {
        let state = self.state();
        let Some(site) = state.sites.iter().find(|it| it.name == name) else {
            return ready(Err(BackendError::not_found(format!("site {name}"))));
        };
        let ok = site.state == SiteState::Up;
        let stage = ProbeStage {
            host: site.hosts[0].name.clone(),
            stage: "connect".to_owned(),
            ok,
            detail: if ok { "connected" } else { "connection refused" }.to_owned(),
            milliseconds: 3,
        };
        ready(Ok(Probe { site: name, ok, stages: vec![stage] }))
    }

    fn force(&self, name: String, request: OverrideRequest, author: Author) -> Answer<'_, Site> {
        self.change(move |state| {
            let Some(site) = state.sites.iter_mut().find(|it| it.name == name) else {
                return Err(BackendError::not_found(format!("site {name}")));
            };
            let to = request.to;
            let forced = Override { to, by: author.0.clone(), reason: request.reason, until: None };
            site.forced = (to != OverrideTo::Auto).then_some(forced);
            let site = site.clone();
            state.log.push((author.0, format!("override {name} {}", to.as_str())));
            Ok(site)
        })
    }

    fn trace(&self, query: TraceQuery) -> Answer<'_, Traced> {
        let state = self.state();
        let found = state.stories.iter().filter(|it| {
            query.id.as_ref().is_none_or(|id| *id == it.id)
                && query.message_id.as_ref().is_none_or(|id| it.message_id.as_ref() == Some(id))
                && query.address.as_ref().is_none_or(|address| {
                    it.reverse_path == *address
                        || it.recipients.iter().any(|r| r.address == *address)
                })
        });
        ready(Ok(Traced { stories: found.cloned().collect() }))
    }

    fn verify_ledger(&self) -> Answer<'_, Verification> {
        ready(Ok(self.state().verification.clone()))
    }
}
