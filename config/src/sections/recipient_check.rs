//! `[recipient_check]`

use crate::key::Default::Value;
use crate::key::{Key, Kind};
use crate::reader::{Found, Reader};
use crate::types::RecipientCheck;

const fn span(min_s: u64, max_s: u64) -> Kind {
    Kind::Duration { min_s, max_s }
}

const fn count(min: u64, max: u64) -> Kind {
    Kind::Count { min, max }
}

#[rustfmt::skip]
pub(crate) const KEYS: &[Key] = &[
    Key::new("accepted_for", span(0, 7 * 86_400), Value("\"10m\""), "How long an accepted recipient is not asked about again.").at_start(),
    Key::new("refused_for", span(0, 86_400), Value("\"2m\""), "The same for one that was refused.").at_start(),
    Key::new("failed_for", span(0, 3600), Value("\"5s\""), "How long a site is not asked after it could not be reached.").at_start(),
    Key::new("cache_max", count(2, 10_000_000), Value("100000"), "Answers that are remembered; of more the oldest are forgotten.").at_start(),
    Key::new("connections_max", count(2, 100), Value("3"), "Connections to a site for this at a time; one of them for checks of many recipients.").at_start(),
    Key::new("recipients_per_second", count(1, 1000), Value("20"), "RCPT commands a second at one site.").at_start(),
    Key::new("pause_after_refusal", span(0, 60), Value("\"200ms\""), "Pause after each refusal.").at_start(),
    Key::new("rcpt_timeout", span(1, 300), Value("\"10s\""), "For the reply to RCPT.").at_start(),
    Key::new("slow_after", span(1, 300), Value("\"3s\""), "A reply that takes longer is a delayed one: Exchange delays refusals by 5 s.").at_start(),
    Key::new("slow_max", count(1, 10_000), Value("5"), "After so many delayed replies the rest of a check is left unknown.").at_start(),
    Key::new("recipients_max", count(1, 100_000), Value("1000"), "Recipients asked about in one check; the rest is left unknown.").at_start(),
    Key::new("time_max", span(1, 3600), Value("\"60s\""), "For one check, however many recipients it has.").at_start(),
];

pub(crate) fn read(found: Found<'_, '_>, reader: &mut Reader) -> RecipientCheck {
    let mut section = reader.section("recipient_check", KEYS, found);
    let it = &mut section;
    let check = RecipientCheck {
        accepted_for: it.get("accepted_for"),
        refused_for: it.get("refused_for"),
        failed_for: it.get("failed_for"),
        cache_max: it.get("cache_max"),
        connections_max: it.get("connections_max"),
        recipients_per_second: it.get("recipients_per_second"),
        pause_after_refusal: it.get("pause_after_refusal"),
        rcpt_timeout: it.get("rcpt_timeout"),
        slow_after: it.get("slow_after"),
        slow_max: it.get("slow_max"),
        recipients_max: it.get("recipients_max"),
        time_max: it.get("time_max"),
    };
    section.finish();
    check
}
