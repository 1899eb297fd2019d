//! The audit log: a chain of records, each of which holds the hash of the one before.
//!
//! Whoever can write the file can write another chain. What they cannot do is keep the old head: it
//! is also in the file `audit.head`, in this process while it runs, in the gateway's log, and
//! wherever an operator noted it.

use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Read as _};
use std::os::unix::fs::{FileExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use api::{AuditAnchor, AuditList, AuditQuery, AuditRecord, AuditVerification, Via};
use mail::Timestamp;
use serde_json::json;

use crate::store::{Search, Store};
use crate::time::{parse, rfc3339};
use crate::{Access, AccessError, Principal, secret};

/// The `previous_hash` of the very first record.
const NOTHING: &str = "0000000000000000000000000000000000000000000000000000000000000000";
/// Names the text that is hashed, so that another one cannot be taken for it.
const FORMAT: &str = "causeway-audit-1";
/// Bytes kept of a target, and of details.
const TARGET_BYTES_MAX: usize = 512;
const DETAILS_BYTES_MAX: usize = 4096;
/// Records read at once by whoever walks along the chain.
const STRIDE: u32 = 1000;

/// What is to be written.
#[derive(Clone, Debug)]
pub struct Event {
    kind: &'static str,
    actor: String,
    via: String,
    source: String,
    action: String,
    target: String,
    details: String,
    status: Option<u16>,
    code: String,
    begun: Option<u64>,
}

impl Event {
    /// `action` is method and route; `target` what the route's variable parts were.
    pub fn new(action: impl Into<String>, target: impl Into<String>, source: &str) -> Self {
        Self {
            kind: "begun",
            actor: String::new(),
            via: Via::None.as_str().to_owned(),
            source: source.to_owned(),
            action: action.into(),
            target: target.into(),
            details: String::new(),
            status: None,
            code: String::new(),
            begun: None,
        }
    }

    #[must_use]
    pub fn by(mut self, principal: &Principal) -> Self {
        principal.name().clone_into(&mut self.actor);
        self.via = principal.via_words();
        self
    }

    /// Somebody who only says who they are.
    #[must_use]
    pub fn claimed(mut self, name: &str) -> Self {
        self.actor = name.chars().filter(|it| !it.is_control()).take(64).collect();
        self
    }

    #[must_use]
    pub fn details(mut self, details: impl Into<String>) -> Self {
        self.details = details.into();
        self
    }

    /// The same call, after its answer. `code` is the problem's.
    #[must_use]
    pub fn ended(mut self, begun: u64, status: u16, code: &str) -> Self {
        self.kind = "ended";
        self.begun = Some(begun);
        self.answered(status, code)
    }

    /// A call that changed nothing, by one record: `shown`, `refused` or `login`.
    #[must_use]
    pub fn alone(mut self, kind: &'static str, status: u16, code: &str) -> Self {
        self.kind = kind;
        self.answered(status, code)
    }

    fn answered(mut self, status: u16, code: &str) -> Self {
        self.status = Some(status);
        code.clone_into(&mut self.code);
        self
    }
}

/// The end of the chain, as this process knows it.
pub(crate) struct Chain {
    seq: u64,
    hash: String,
    file: File,
    path: PathBuf,
}

impl Chain {
    /// Compares the file of the head with the log; what does not fit is written into the log.
    pub(crate) fn open(
        store: &mut Store,
        path: &Path,
        now: Timestamp,
    ) -> Result<Self, AccessError> {
        let failed = |what, source| AccessError::File { what, path: path.to_owned(), source };
        let noted = read_head(path).map_err(|it| failed("read", it))?;
        let mut options = OpenOptions::new();
        options.create(true).truncate(false).write(true).mode(0o600);
        let file = options.open(path).map_err(|it| failed("open", it))?;
        let (seq, hash) = store.audit_head()?.unwrap_or_else(|| (0, NOTHING.to_owned()));
        let mut chain = Self { seq, hash, file, path: path.to_owned() };
        if let Some(alarm) = alarm(store, noted, seq)? {
            tracing::error!(alarm, "The audit log is not as this gateway left it.");
            let event = Event { kind: "alarm", ..Event::new("start", "", "") };
            chain.append(store, event.details(json!({ "found": alarm }).to_string()), now)?;
        }
        chain.note()?;
        chain.file.sync_all().map_err(|it| failed("sync", it))?;
        Ok(chain)
    }

    /// On disk when this returns, with its number.
    pub(crate) fn append(
        &mut self,
        store: &mut Store,
        event: Event,
        now: Timestamp,
    ) -> Result<u64, AccessError> {
        let mut record = AuditRecord {
            seq: self.seq + 1,
            at: rfc3339(now),
            kind: event.kind.to_owned(),
            actor: event.actor,
            via: event.via,
            source: event.source,
            action: event.action,
            target: cut(event.target, TARGET_BYTES_MAX),
            details: cut(event.details, DETAILS_BYTES_MAX),
            status: event.status,
            code: event.code,
            begun: event.begun,
            previous_hash: self.hash.clone(),
            hash: String::new(),
        };
        record.hash = hash(&record);
        store.append(&record, now)?;
        self.seq = record.seq;
        self.hash = record.hash;
        tracing::info!(
            seq = self.seq,
            hash = self.hash,
            actor = record.actor,
            action = record.action,
            kind = record.kind,
            status = record.status,
            "Audited."
        );
        // The record counts; the next one writes the head again.
        if let Err(error) = self.note() {
            tracing::error!(%error, "Cannot note the head of the audit log.");
        }
        Ok(self.seq)
    }

    /// In place, one small write: it is there whole or not at all.
    fn note(&self) -> Result<(), AccessError> {
        let text = format!("{:020} {}\n", self.seq, self.hash);
        self.file.write_all_at(text.as_bytes(), 0).map_err(|source| AccessError::File {
            what: "write",
            path: self.path.clone(),
            source,
        })
    }
}

/// `None` if there is no such file.
fn read_head(path: &Path) -> std::io::Result<Option<String>> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let mut text = String::new();
    file.take(256).read_to_string(&mut text)?;
    Ok(Some(text))
}

/// What is wrong between the noted head and the log, whose last record is `seq`.
fn alarm(store: &Store, noted: Option<String>, seq: u64) -> Result<Option<String>, AccessError> {
    let Some(noted) = noted else {
        return Ok((seq > 0).then(|| "the head's file is missing".to_owned()));
    };
    let parts =
        noted.trim().split_once(' ').and_then(|(seq, hash)| Some((seq.parse().ok()?, hash)));
    let Some((noted_seq, noted_hash)) = parts else {
        return Ok(Some("the head's file cannot be read".to_owned()));
    };
    Ok(missing(store, noted_seq, noted_hash)?.map(|why| format!("{why}; the last record is {seq}")))
}

/// Why an earlier head is not in the log any more.
fn missing(store: &Store, seq: u64, hash: &str) -> Result<Option<String>, AccessError> {
    if seq == 0 {
        return Ok(None);
    }
    Ok(match store.audit_hash(seq)? {
        None => Some(format!("record {seq} with hash {hash} is gone")),
        Some(found) if found != hash => Some(format!("record {seq} had hash {hash}")),
        Some(_) => None,
    })
}

/// SHA-256 of the record as a JSON list in a fixed order: docs/formats/access.md.
fn hash(it: &AuditRecord) -> String {
    let text = json!([
        FORMAT,
        it.seq,
        it.at,
        it.kind,
        it.actor,
        it.via,
        it.source,
        it.action,
        it.target,
        it.details,
        it.status,
        it.code,
        it.begun,
        it.previous_hash,
    ]);
    secret::hex(&secret::hash(text.to_string().as_bytes()))
}

/// At a character's boundary.
fn cut(mut text: String, bytes_max: usize) -> String {
    if text.len() > bytes_max {
        let end = text.floor_char_boundary(bytes_max);
        text.truncate(end);
        text.push('…');
    }
    text
}

impl Access {
    /// Writes `event`; on disk when this returns. Blocking.
    pub fn record(&self, event: Event, now: Timestamp) -> Result<u64, AccessError> {
        let written = self.with_store(|store, chain| chain.append(store, event, now));
        match &written {
            Ok(_) => self.metrics.audit_records.inc(),
            Err(error) => {
                self.metrics.audit_failures.inc();
                tracing::error!(%error, "Cannot write the audit log.");
            }
        }
        written
    }

    /// `query.limit` is set. Blocking.
    pub fn audit(&self, query: &AuditQuery) -> Result<AuditList, AccessError> {
        let time = |place, text: &Option<String>| match text {
            None => Ok(None),
            Some(text) => parse(text)
                .map(Some)
                .ok_or_else(|| AccessError::invalid(place, "want a time as 2026-11-27T16:00:00Z")),
        };
        let below = match &query.cursor {
            None => None,
            Some(text) => Some(text.parse().map_err(|_| {
                AccessError::invalid("cursor", "want the next_cursor of an earlier page")
            })?),
        };
        let limit = query.limit.unwrap_or(200);
        let search = Search {
            actor: query.actor.clone(),
            action: query.action.clone(),
            after: time("after", &query.after)?,
            before: time("before", &query.before)?,
            below,
            limit: limit + 1,
        };
        let mut records = self.with_store(|store, _| store.audit_page(&search))?;
        let more = records.len() > limit as usize;
        records.truncate(limit as usize);
        let last = records.last().filter(|_| more);
        let next_cursor = last.map(|it| it.seq.to_string());
        Ok(AuditList { records, next_cursor })
    }

    /// The records after `seq`, the oldest first; for an export. Blocking.
    pub fn audit_after(&self, seq: u64) -> Result<Vec<AuditRecord>, AccessError> {
        self.with_store(|store, _| store.audit_after(seq, STRIDE))
    }

    /// The number of the last record. Blocking.
    pub fn audit_head(&self) -> Result<u64, AccessError> {
        self.with_store(|_, chain| Ok(chain.seq))
    }

    /// Walks along the whole chain. Blocking; others get their turn in between.
    pub fn verify_audit(&self, anchor: &AuditAnchor) -> Result<AuditVerification, AccessError> {
        let (mut walk, mut head_hash) = self.walk(anchor)?;
        let first = self.audit_after(0)?.first().map(|it| it.seq);
        if walk.broken.is_some() && walk.first < first {
            // Old records went while we walked: what is missing may be just those.
            (walk, head_hash) = self.walk(anchor)?;
        }
        Ok(AuditVerification {
            intact: walk.broken.is_none(),
            records: walk.n,
            first_seq: walk.first.unwrap_or(0),
            last_seq: walk.last.0,
            head_hash,
            broken_seq: walk.broken.as_ref().map(|it| it.0),
            broken: walk.broken.map(|it| it.1),
        })
    }

    fn walk(&self, anchor: &AuditAnchor) -> Result<(Walk, String), AccessError> {
        let (head_seq, head_hash) =
            self.with_store(|_, chain| Ok((chain.seq, chain.hash.clone())))?;
        let mut walk = Walk { anchor: anchor.seq.zip(anchor.hash.clone()), ..Walk::default() };
        while walk.broken.is_none() && walk.last.0 < head_seq {
            let records = self.audit_after(walk.last.0)?;
            if records.is_empty() {
                break;
            }
            records.iter().take_while(|it| it.seq <= head_seq).for_each(|it| walk.step(it));
        }
        walk.end(head_seq, &head_hash);
        Ok((walk, head_hash))
    }

    /// Lets records go that are older than `kept`, and says so in a record. Blocking.
    pub(crate) fn forget_audit(&self, kept: Duration, now: Timestamp) -> Result<u64, AccessError> {
        let oldest = Timestamp::from_micros(
            now.as_micros().saturating_sub(u64::try_from(kept.as_micros()).unwrap_or(u64::MAX)),
        );
        self.with_store(|store, chain| {
            let Some((seq, hash)) = store.audit_before(oldest)? else { return Ok(0) };
            let details = json!({ "up_to": seq, "hash": hash, "older_than": rfc3339(oldest) });
            let event = Event { kind: "kept", ..Event::new("retention", "", "") };
            chain.append(store, event.details(details.to_string()), now)?;
            store.audit_forget(seq)
        })
    }
}

/// The state of a walk along the chain.
#[derive(Default)]
struct Walk {
    n: u64,
    first: Option<u64>,
    /// Number and hash of the record before.
    last: (u64, String),
    /// Where the chain may begin, by the record before the first one: seen in `kept`.
    beginning: Option<(u64, String)>,
    begins_after: Option<(u64, String)>,
    anchor: Option<(u64, String)>,
    /// What a start found, if nothing worse is found.
    alarm: Option<(u64, String)>,
    broken: Option<(u64, String)>,
}

impl Walk {
    fn step(&mut self, it: &AuditRecord) {
        if self.broken.is_some() {
            return;
        }
        let broken = if self.first.is_none() {
            self.first = Some(it.seq);
            self.beginning = Some((it.seq.saturating_sub(1), it.previous_hash.clone()));
            None
        } else if it.seq != self.last.0 + 1 {
            Some(format!("records {} to {} are missing", self.last.0 + 1, it.seq - 1))
        } else if it.previous_hash != self.last.1 {
            Some("it does not follow the record before it".to_owned())
        } else {
            None
        };
        let broken = broken
            .or_else(|| (hash(it) != it.hash).then(|| "it was changed: its hash differs".into()));
        if it.kind == "alarm" {
            // It stays in the log for years: what was done after it must show too.
            self.alarm.get_or_insert_with(|| (it.seq, format!("at a start, {}", it.details)));
        }
        if let Some((_, hash)) = self.anchor.as_ref().filter(|(seq, _)| *seq == it.seq) {
            if *hash != it.hash {
                self.broken = Some((it.seq, format!("it had hash {hash}")));
                return;
            }
            self.anchor = None;
        }
        if let Some(why) = broken {
            self.broken = Some((it.seq, why));
            return;
        }
        if it.kind == "kept" {
            let details: serde_json::Value = serde_json::from_str(&it.details).unwrap_or_default();
            let hash = details["hash"].as_str().unwrap_or_default().to_owned();
            self.begins_after = details["up_to"].as_u64().map(|seq| (seq, hash));
        }
        self.n += 1;
        self.last = (it.seq, it.hash.clone());
    }

    fn end(&mut self, head_seq: u64, head_hash: &str) {
        if self.broken.is_some() {
            return;
        }
        let nothing = Some((0, NOTHING.to_owned()));
        let may_begin = self.begins_after.clone().or(nothing);
        if self.beginning.is_some() && self.beginning != may_begin {
            let first = self.first.unwrap_or(0);
            self.broken = Some((first, "records before it are missing".to_owned()));
        } else if self.last.0 != head_seq || (head_seq > 0 && self.last.1 != head_hash) {
            let why = format!("records up to {head_seq} are missing");
            self.broken = Some((self.last.0 + 1, why));
        } else if let Some((seq, hash)) = self.anchor.take() {
            self.broken = Some((seq, format!("there is no record {seq} with hash {hash}")));
        } else {
            self.broken = self.alarm.take();
        }
    }
}
