//! Safety rails: what a change of the table is held against before it is made. Pure, over facts
//! that whoever asks has gathered; nothing here knows who may pass a rail.

use std::collections::BTreeMap;
use std::time::Duration;

use mail::{Address, AddressKey, Domain, SiteName};

use crate::{Changes, Domains, MoveState, Moved, RowChange, SiteState, SiteStates, Table, moved};

/// A rail. The words are those of configuration, API and command line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Rail {
    LargeChange,
    DomainRow,
    SiteNotHealthy,
    RecipientRefused,
    Loop,
    BatchNotSynced,
    FreezeWindow,
}

/// Which rails are up, and how high.
#[derive(Clone, Debug)]
pub struct RailPolicy {
    /// More rows than this are a large change.
    pub large_change_rows: Option<usize>,
    /// So is a larger share of the listed mailboxes of a domain, in percent, …
    pub large_change_percent: Option<u8>,
    /// … once it is so many rows.
    pub large_change_percent_from: usize,
    pub domain_row: bool,
    pub site_not_healthy: bool,
    pub loops: bool,
    pub batch_synced: BatchSynced,
    /// An older report of a sync is none.
    pub batch_synced_age: Duration,
}

/// Whether mailboxes must have been copied before they move.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BatchSynced {
    Off,
    /// Those that somebody reports on.
    WhenReported,
    /// All of them: no report is as bad as one that says no.
    Required,
}

/// How far the copy of a mailbox is, as a sidecar reported.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SyncFact {
    pub items_total: u64,
    pub items_done: u64,
    /// Since its last sync; `None`: there was none.
    pub age: Option<Duration>,
}

/// A site that does not want a recipient.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    pub recipient: String,
    pub site: SiteName,
    pub reply: String,
}

/// One consistent view of everything that the rails depend on.
#[derive(Clone, Copy)]
pub struct RailFacts<'a> {
    pub policy: &'a RailPolicy,
    /// Before the change.
    pub table: &'a Table,
    pub domains: &'a Domains,
    pub sites: &'a SiteStates,
    pub changes: &'a Changes,
    /// Answers of the future sites, as far as they were asked.
    pub refused: &'a [Refusal],
    /// Sites whose hosts are this gateway itself.
    pub ourselves: &'a [SiteName],
    /// Where the directory service sends a mailbox's mail on to.
    pub target_address: &'a dyn Fn(&AddressKey) -> Option<Address>,
    pub sync: &'a dyn Fn(&AddressKey) -> Option<SyncFact>,
    /// The freeze window that is open now, as it is configured.
    pub frozen: Option<&'a str>,
}

/// A rail that the change runs into.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tripped {
    pub rail: Rail,
    pub message: String,
    pub hint: String,
    pub rows: usize,
    /// Addresses, at most [`EXAMPLES_MAX`].
    pub examples: Vec<String>,
}

pub const EXAMPLES_MAX: usize = 5;

/// A domain with fewer listed mailboxes is moved whole without a word.
const DOMAIN_ROWS_MIN: usize = 10;

impl Rail {
    pub const ALL: [Self; 7] = [
        Self::LargeChange,
        Self::DomainRow,
        Self::SiteNotHealthy,
        Self::RecipientRefused,
        Self::Loop,
        Self::BatchNotSynced,
        Self::FreezeWindow,
    ];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::LargeChange => "large_change",
            Self::DomainRow => "domain_row",
            Self::SiteNotHealthy => "site_not_healthy",
            Self::RecipientRefused => "recipient_refused",
            Self::Loop => "loop",
            Self::BatchNotSynced => "batch_not_synced",
            Self::FreezeWindow => "freeze_window",
        }
    }
}

/// Every rail that the change runs into, each once, in the order of [`Rail::ALL`].
pub fn rails(facts: &RailFacts<'_>) -> Vec<Tripped> {
    let moved = moved(facts.domains, facts.changes);
    let mut tripped = Vec::new();
    tripped.extend(large_change(facts));
    tripped.extend(domain_row(facts));
    tripped.extend(site_not_healthy(facts, &moved));
    tripped.extend(recipient_refused(facts));
    tripped.extend(loops(facts, &moved));
    tripped.extend(batch_not_synced(facts));
    tripped.extend(freeze_window(facts));
    tripped
}

/// `48 recipients`: what one repeats to make a large change.
pub fn confirmation(rows: usize) -> String {
    if rows == 1 { "1 recipient".to_owned() } else { format!("{rows} recipients") }
}

fn address(row: &RowChange) -> String {
    let row = row.after.as_ref().or(row.before.as_ref());
    row.map(|it| it.address.to_string()).unwrap_or_default()
}

fn tripped<'a>(
    rail: Rail,
    (message, hint): (String, impl Into<String>),
    rows: impl IntoIterator<Item = &'a RowChange>,
) -> Tripped {
    let rows: Vec<&RowChange> = rows.into_iter().collect();
    let examples = rows.iter().take(EXAMPLES_MAX).map(|it| address(it)).collect();
    Tripped { rail, message, hint: hint.into(), rows: rows.len(), examples }
}

/// Mailboxes that move, lose an address or are held, and rows that go.
fn weighty<'a>(facts: &RailFacts<'a>) -> Vec<&'a RowChange> {
    facts.changes.rows.iter().filter(|it| it.weighs(facts.domains)).collect()
}

/// What would become of them, in as few words as tell it.
fn fate(rows: &[&RowChange], plain: &'static str) -> &'static str {
    match rows.iter().any(|it| it.is_touched()) {
        false => plain,
        true => {
            "would move, lose their entry, an alias or their cloud_address, or have their mail held"
        }
    }
}

fn by_domain<'a>(rows: &[&'a RowChange]) -> BTreeMap<&'a Domain, Vec<&'a RowChange>> {
    let mut domains: BTreeMap<&Domain, Vec<&RowChange>> = BTreeMap::new();
    for row in rows {
        if let Some(it) = row.after.as_ref().or(row.before.as_ref()) {
            domains.entry(it.address.domain()).or_default().push(row);
        }
    }
    domains
}

fn large_change(facts: &RailFacts<'_>) -> Option<Tripped> {
    let policy = facts.policy;
    // The first table of all is as large as it is.
    if facts.table.is_empty() {
        return None;
    }
    let rows = weighty(facts);
    let mut reasons = Vec::new();
    if policy.large_change_rows.is_some_and(|max| rows.len() > max) {
        let max = policy.large_change_rows.unwrap_or_default();
        reasons.push(format!("more than {max} mailboxes"));
    }
    if let Some(max) = policy.large_change_percent {
        for (domain, rows) in by_domain(&rows) {
            if rows.len() < policy.large_change_percent_from.max(1) {
                continue;
            }
            let added = rows.iter().filter(|it| it.before.is_none()).count();
            let listed = facts.table.len_of_domain(domain) + added;
            let percent = rows.len() * 100 / listed.max(1);
            if percent > usize::from(max) {
                reasons.push(format!("{percent} % of {domain}"));
            }
        }
    }
    if reasons.is_empty() {
        return None;
    }
    let n = rows.len();
    let fate = fate(&rows, "would move or lose their entry");
    let message = format!("{n} mailboxes {fate}: {}", reasons.join(", "));
    let hint = format!("look at the rows; if it is meant, confirm it: {}", confirmation(n));
    Some(tripped(Rail::LargeChange, (message, hint), rows))
}

fn domain_row(facts: &RailFacts<'_>) -> Option<Tripped> {
    if !facts.policy.domain_row {
        return None;
    }
    let rows = weighty(facts);
    let mut whole = Vec::new();
    let mut names = Vec::new();
    for (domain, rows) in by_domain(&rows) {
        let there: Vec<&RowChange> = rows.into_iter().filter(|it| it.before.is_some()).collect();
        if there.len() >= DOMAIN_ROWS_MIN && there.len() == facts.table.len_of_domain(domain) {
            names.push(domain.to_string());
            whole.extend(there);
        }
    }
    if names.is_empty() {
        return None;
    }
    let fate = fate(&whole, "would move or go");
    let message = format!("all listed mailboxes of {} {fate}", names.join(" and "));
    let hint = "is a whole domain meant? If so, confirm it";
    Some(tripped(Rail::DomainRow, (message, hint), whole))
}

fn site_not_healthy(facts: &RailFacts<'_>, moved: &[Moved<'_>]) -> Option<Tripped> {
    if !facts.policy.site_not_healthy {
        return None;
    }
    let state = |it: &Moved<'_>| it.to.map(|site| facts.sites.get(site));
    let ill: Vec<&Moved<'_>> =
        moved.iter().filter(|it| state(it).is_some_and(|it| it != SiteState::Up)).collect();
    let mut sites: Vec<String> = ill
        .iter()
        .filter_map(|it| {
            let word = if state(it)? == SiteState::Held { "held by an operator" } else { "down" };
            Some(format!("{} is {word}", it.to?))
        })
        .collect();
    sites.sort();
    sites.dedup();
    if sites.is_empty() {
        return None;
    }
    let hint = "wait until it is up: `causeway site list` says why it is not; or leave the \
                mailboxes where they are";
    let rows = ill.iter().map(|it| it.row);
    Some(tripped(Rail::SiteNotHealthy, (sites.join(", "), hint), rows))
}

fn recipient_refused(facts: &RailFacts<'_>) -> Option<Tripped> {
    let first = facts.refused.first()?;
    let n = facts.refused.len();
    let what = if n == 1 { "1 recipient".to_owned() } else { format!("{n} recipients") };
    Some(Tripped {
        rail: Rail::RecipientRefused,
        message: format!("the future site refuses {what}: {} says {}", first.site, first.reply),
        hint: "make the mailboxes there first, or wait for its directory sync; then check again"
            .to_owned(),
        rows: n,
        examples: facts.refused.iter().take(EXAMPLES_MAX).map(|it| it.recipient.clone()).collect(),
    })
}

fn loops(facts: &RailFacts<'_>, moved: &[Moved<'_>]) -> Option<Tripped> {
    if !facts.policy.loops {
        return None;
    }
    let to_us = |it: &Moved<'_>| it.to.is_some_and(|site| facts.ourselves.contains(site));
    // The directory service is that of the side which the mailboxes come from.
    let sent_back = |it: &Moved<'_>| {
        let Some(after) = &it.row.after else { return false };
        let is_origin = facts.domains.origin(after.address.domain()) == it.to;
        let target = if is_origin { (facts.target_address)(after.key()) } else { None };
        target.is_some_and(|it| facts.domains.is_relay_domain(it.domain()))
    };
    let (own, back): (Vec<&Moved<'_>>, Vec<&Moved<'_>>) = (
        moved.iter().filter(|it| to_us(it)).collect(),
        moved.iter().filter(|it| !to_us(it) && sent_back(it)).collect(),
    );
    let (message, hint) = if let Some(site) = own.first().and_then(|it| it.to) {
        let message = format!("the hosts of {site} are this gateway: it would send to itself");
        (message, "mend `hosts` of the site in the configuration")
    } else if let Some(site) = back.first().and_then(|it| it.to) {
        let message = format!("{site} would send the mail back here: its directory says so");
        (message, "clear targetAddress of the mailboxes in the directory first")
    } else {
        return None;
    };
    Some(tripped(Rail::Loop, (message, hint), own.iter().chain(&back).map(|it| it.row)))
}

/// Rows that leave the state in which mail goes to the old home.
fn leaves(row: &RowChange) -> bool {
    let (before, Some(after)) = (&row.before, &row.after) else { return false };
    let goes = matches!(after.state, MoveState::Cutover | MoveState::Cloud | MoveState::Settled);
    let stood = before.as_ref().is_some_and(|it| {
        matches!(it.state, MoveState::OnPrem | MoveState::Syncing) || it.home != after.home
    });
    goes && (stood || before.is_none())
}

fn batch_not_synced(facts: &RailFacts<'_>) -> Option<Tripped> {
    let policy = facts.policy;
    if policy.batch_synced == BatchSynced::Off {
        return None;
    }
    let missing = |row: &RowChange| {
        let Some(report) = row.key().and_then(|it| (facts.sync)(it)) else {
            return policy.batch_synced == BatchSynced::Required;
        };
        let fresh = report.age.is_some_and(|it| it <= policy.batch_synced_age);
        report.items_done < report.items_total || !fresh
    };
    let rows: Vec<&RowChange> =
        facts.changes.rows.iter().filter(|it| leaves(it) && missing(it)).collect();
    if rows.is_empty() {
        return None;
    }
    let n = rows.len();
    let what = if n == 1 { "1 mailbox is".to_owned() } else { format!("{n} mailboxes are") };
    let message = format!("{what} not wholly copied, or the last sync is too long ago");
    let hint = "let the copy finish, or leave these mailboxes out";
    Some(tripped(Rail::BatchNotSynced, (message, hint), rows))
}

fn freeze_window(facts: &RailFacts<'_>) -> Option<Tripped> {
    let window = facts.frozen?;
    if facts.changes.rows.is_empty() {
        return None;
    }
    let message = format!("the table is frozen now: {window}");
    let hint = "wait for its end, or schedule the change: --not-before TIME";
    Some(tripped(Rail::FreezeWindow, (message, hint), &facts.changes.rows))
}
