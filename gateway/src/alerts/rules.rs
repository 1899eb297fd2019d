//! Which facts are a reason for an alert. Pure.

use std::collections::BTreeMap;
use std::time::Duration;

use api::{Severity, SiteState};
use config::Alerts;
use mail::Timestamp;

/// Every name there is, for the metric.
pub(super) const NAMES: &[&str] = &[
    "SiteDown",
    "SiteHeld",
    "MailWaits",
    "SpoolFull",
    "DiskFillsUp",
    "DamageOnDisk",
    "CertificateExpires",
    "DirectoryStale",
    "BreakGlassUsed",
    "LedgerUnbalanced",
    "NoInboundMail",
    "CanaryRolledBack",
    "CutoverExpired",
];

/// What the gateway knows of itself at a moment.
#[derive(Clone, Debug, Default)]
pub(super) struct Facts {
    pub(super) sites: Vec<SiteFact>,
    /// Why no mail is taken.
    pub(super) full: Option<String>,
    pub(super) free_bytes: u64,
    pub(super) stuck_segments: u64,
    /// By listener, when it expires.
    pub(super) certificates: Vec<(String, Timestamp)>,
    /// Those that are stale.
    pub(super) directories: Vec<DirectoryFact>,
    /// When something was changed by `admin.token` last, and what; `None` if nobody has another way.
    pub(super) glass: Option<(Timestamp, String)>,
    /// What does not add up.
    pub(super) ledger: Option<String>,
    /// How long no mail came, in working hours.
    pub(super) quiet: Option<Duration>,
}

#[derive(Clone, Debug)]
pub(super) struct DirectoryFact {
    pub(super) name: String,
    pub(super) why: Option<String>,
}

#[derive(Clone, Debug)]
pub(super) struct SiteFact {
    pub(super) name: String,
    pub(super) state: SiteState,
    pub(super) reason: Option<String>,
    /// Age of the oldest mail for it.
    pub(super) oldest: Option<Duration>,
}

/// Something that is true now and, once it has been so for `hold`, is an alert.
#[derive(Clone, Debug)]
pub(super) struct Condition {
    pub(super) name: &'static str,
    pub(super) severity: Severity,
    pub(super) page: &'static str,
    pub(super) hold: Duration,
    pub(super) summary: String,
    pub(super) labels: BTreeMap<String, String>,
}

pub(super) fn conditions(facts: &Facts, settings: &Alerts, now: Timestamp) -> Vec<Condition> {
    let sites = facts.sites.iter().flat_map(|it| [of_site(it, settings), waits(it, settings)]);
    let disk = [full(facts), low(facts, settings), damage(facts)];
    let certificates = facts.certificates.iter().map(|it| expires(it, settings, now));
    let directories = facts.directories.iter().map(|it| Some(stale(it, settings)));
    let others = [glass(facts, settings, now), ledger(facts), silence(facts, settings)];
    let all = sites.chain(disk).chain(certificates).chain(directories).chain(others);
    all.flatten().collect()
}

fn of_site(site: &SiteFact, settings: &Alerts) -> Option<Condition> {
    let because = site.reason.as_deref().map(|it| format!(": {it}")).unwrap_or_default();
    let (name, page, what) = match site.state {
        SiteState::Up | SiteState::Probing => return None,
        SiteState::Down => ("SiteDown", "alert-site-down", "is down"),
        SiteState::Held => ("SiteHeld", "alert-site-held", "is stopped"),
    };
    Some(Condition {
        name,
        severity: Severity::Page,
        page,
        hold: settings.site_after,
        summary: format!("Site {} {what}{because}", site.name),
        labels: label("site", &site.name),
    })
}

fn waits(site: &SiteFact, settings: &Alerts) -> Option<Condition> {
    let oldest = site.oldest.filter(|it| *it > settings.mail_waits_over)?;
    Some(Condition {
        name: "MailWaits",
        severity: Severity::Warning,
        page: "alert-mail-waits",
        hold: Duration::ZERO,
        summary: format!("Mail for {} has waited for {} min", site.name, oldest.as_secs() / 60),
        labels: label("site", &site.name),
    })
}

fn full(facts: &Facts) -> Option<Condition> {
    let why = facts.full.as_ref()?;
    Some(Condition {
        name: "SpoolFull",
        severity: Severity::Page,
        page: "alert-disk",
        hold: Duration::ZERO,
        summary: format!("No mail is taken: {why}"),
        labels: BTreeMap::new(),
    })
}

fn low(facts: &Facts, settings: &Alerts) -> Option<Condition> {
    if facts.free_bytes >= settings.free_bytes_under {
        return None;
    }
    Some(Condition {
        name: "DiskFillsUp",
        severity: Severity::Warning,
        page: "alert-disk",
        hold: Duration::from_secs(60),
        summary: format!("The spool's disk has {} MiB left", facts.free_bytes >> 20),
        labels: BTreeMap::new(),
    })
}

fn damage(facts: &Facts) -> Option<Condition> {
    let n = Some(facts.stuck_segments).filter(|it| *it > 0)?;
    Some(Condition {
        name: "DamageOnDisk",
        severity: Severity::Page,
        page: "alert-damage-on-disk",
        hold: Duration::ZERO,
        summary: format!("{n} files of the spool cannot be read or copied"),
        labels: BTreeMap::new(),
    })
}

fn expires(
    (listener, at): &(String, Timestamp),
    settings: &Alerts,
    now: Timestamp,
) -> Option<Condition> {
    if *at > now.plus(settings.certificate_within) {
        return None;
    }
    let when = if *at <= now { "expired" } else { "expires" };
    Some(Condition {
        name: "CertificateExpires",
        severity: if *at <= now { Severity::Page } else { Severity::Warning },
        page: "alert-certificate-expires",
        hold: Duration::ZERO,
        summary: format!("The certificate of listener {listener} {when} on {}", day(*at)),
        labels: label("listener", listener),
    })
}

fn stale(it: &DirectoryFact, settings: &Alerts) -> Condition {
    let because = it.why.as_deref().map(|it| format!(": {it}")).unwrap_or_default();
    Condition {
        name: "DirectoryStale",
        severity: Severity::Warning,
        page: "alert-directory-stale",
        hold: settings.directory_after,
        summary: format!(
            "The copy of directory {} is stale{because}. Whom it does not know is deferred until it can be read",
            it.name
        ),
        labels: label("directory", &it.name),
    }
}

fn glass(facts: &Facts, settings: &Alerts, now: Timestamp) -> Option<Condition> {
    let (at, what) = facts.glass.as_ref()?;
    settings.break_glass_for.filter(|it| now.since(*at) < *it)?;
    Some(Condition {
        name: "BreakGlassUsed",
        severity: Severity::Warning,
        page: "alert-break-glass",
        hold: Duration::ZERO,
        summary: format!(
            "Something was changed with admin.token: {what}. Ask who it was, and look at the audit log"
        ),
        labels: BTreeMap::new(),
    })
}

fn ledger(facts: &Facts) -> Option<Condition> {
    let problem = facts.ledger.as_ref()?;
    Some(Condition {
        name: "LedgerUnbalanced",
        severity: Severity::Page,
        page: "alert-ledger",
        hold: Duration::ZERO,
        summary: format!("The ledger does not add up: {problem}. Run causeway ledger verify"),
        labels: BTreeMap::new(),
    })
}

fn silence(facts: &Facts, settings: &Alerts) -> Option<Condition> {
    let (quiet, bound) = (facts.quiet?, settings.no_mail_for?);
    if quiet < bound {
        return None;
    }
    Some(Condition {
        name: "NoInboundMail",
        severity: Severity::Warning,
        page: "alert-no-inbound-mail",
        hold: Duration::ZERO,
        summary: format!(
            "No mail has come for {} min of working hours. Can the world reach port 25?",
            bound.as_secs() / 60
        ),
        labels: BTreeMap::new(),
    })
}

fn day(at: Timestamp) -> String {
    at.to_string().split('T').next().unwrap_or_default().to_owned()
}

fn label(name: &str, value: &str) -> BTreeMap<String, String> {
    BTreeMap::from([(name.to_owned(), value.to_owned())])
}
