//! `[alerts]`

use crate::key::Default::{Absent, Value};
use crate::key::{Key, Kind};
use crate::reader::{Found, Reader};
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
    Key::new("mail_to", Kind::Mailbox, Absent("nobody"), "Who gets a message when an alert begins or ends. Best an address that is not behind this gateway: mail for a site that is down waits."),
];

pub(crate) fn read(found: Found<'_, '_>, reader: &mut Reader) -> Alerts {
    let mut section = reader.section("alerts", KEYS, found);
    let alerts = Alerts {
        site_after: section.get("site_after"),
        mail_waits_over: section.get("mail_waits_over"),
        free_bytes_under: section.get("free_bytes_under"),
        certificate_within: section.get("certificate_within"),
        mail_to: section.get_opt("mail_to"),
    };
    section.finish();
    alerts
}
