//! `[alerts]`

use std::path::PathBuf;

use crate::key::Default::{Absent, Value};
use crate::key::{Key, Kind};
use crate::reader::{Found, Reader, Section};
use crate::types::Alerts;

const DAY_S: u64 = 86_400;

const fn span(min_s: u64) -> Kind {
    Kind::Duration { min_s, max_s: 60 * DAY_S }
}

#[rustfmt::skip]
pub(crate) const KEYS: &[Key] = &[
    Key::new("site_after", span(1), Value("\"1m\""), "A site that is down or held for so long is an alert."),
    Key::new("mail_waits_over", span(60), Value("\"1h\""), "So is mail for a site that has waited for longer."),
    Key::new("free_bytes_under", Kind::Size { min: 0, max: 1 << 50 }, Value("\"2GiB\""), "And a disk with less left than this."),
    Key::new("certificate_within", span(3600), Value("\"14d\""), "And a certificate of a listener that expires so soon."),
    Key::new("directory_after", span(1), Value("\"15m\""), "And a directory whose copy has been stale for so long."),
    Key::new("break_glass_for", span(60), Value("\"1h\""), "And a change by a line of `admin.token` once there is an account of an administrator; the alert ends so long after the last one. \"off\": it is none."),
    Key::new("ledger_every", span(600), Value("\"24h\""), "How often the ledger is added up; a sum that is not right is an alert. It is read as a whole: \"off\" for who does that by `causeway ledger verify` at a time of their own."),
    Key::new("no_mail_for", span(60), Absent("never"), "No inbound mail for so long of working hours is an alert. What is normal only you know."),
    Key::new("working_hours", Kind::Windows, Absent("always"), "When `no_mail_for` counts, as in [\"Mon-Fri 09:00-18:00 Europe/Berlin\"]; UTC without a zone."),
    Key::new("mail_to", Kind::Mailbox, Absent("nobody"), "Who gets a message when an alert begins or ends. Best an address that is not behind this gateway: mail for a site that is down waits."),
    Key::new("webhook_url", Kind::Url, Absent("none"), "Where a POST goes when an alert begins or ends: \"https://HOST/PATH\". Put no secret into it."),
    Key::new("webhook_secret_file", Kind::Path, Absent("webhook_url needs one"), "File with the secret that signs what is posted, not readable by everyone; read each time."),
    Key::new("webhook_ca_file", Kind::Path, Absent("the system's roots"), "Roots for the certificate of the webhook's server, PEM."),
    Key::new("webhook_timeout", Kind::Duration { min_s: 1, max_s: 60 }, Value("\"5s\""), "For each of up to four tries."),
];

pub(crate) fn read(found: Found<'_, '_>, reader: &mut Reader) -> Alerts {
    let mut section = reader.section("alerts", KEYS, found);
    let alerts = Alerts {
        site_after: section.get("site_after"),
        mail_waits_over: section.get("mail_waits_over"),
        free_bytes_under: section.get("free_bytes_under"),
        certificate_within: section.get("certificate_within"),
        directory_after: section.get("directory_after"),
        break_glass_for: section.get_or_off("break_glass_for"),
        ledger_every: section.get_or_off("ledger_every"),
        no_mail_for: section.get_opt("no_mail_for"),
        working_hours: section.get_opt("working_hours").unwrap_or_default(),
        mail_to: section.get_opt("mail_to"),
        webhook: webhook(&mut section),
        webhook_ca_file: section.path_opt("webhook_ca_file"),
        webhook_timeout: section.get("webhook_timeout"),
    };
    section.finish();
    alerts
}

/// Where, and with which secret.
fn webhook(section: &mut Section<'_, '_, '_>) -> Option<(String, PathBuf)> {
    let url: Option<String> = section.get_opt("webhook_url");
    let secret = section.path_opt("webhook_secret_file");
    if section.is_written("webhook_url") != section.is_written("webhook_secret_file") {
        let missing = if secret.is_some() { "webhook_url" } else { "webhook_secret_file" };
        section.note(missing, "webhook_url and webhook_secret_file go together");
    }
    url.zip(secret)
}
