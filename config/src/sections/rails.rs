//! `[rails]`

use crate::key::Default::{Absent, Value};
use crate::key::{Key, Kind};
use crate::reader::{Found, Reader};
use crate::types::{Rails, Switch};

const DAY_S: u64 = 86_400;
const SWITCH: Kind = Kind::OneOf(&["on", "off"]);

const fn count(min: u64, max: u64) -> Kind {
    Kind::Count { min, max }
}

#[rustfmt::skip]
pub(crate) const KEYS: &[Key] = &[
    Key::new("large_change_rows", count(1, 10_000_000), Value("500"), "A change that moves or removes more mailboxes than this must be confirmed; \"off\": any number may go."),
    Key::new("large_change_percent", count(1, 100), Value("10"), "So must one that moves or removes a larger share of the listed mailboxes of a domain; \"off\": any share may go."),
    Key::new("large_change_percent_from", count(1, 10_000_000), Value("25"), "The share counts from so many mailboxes on: a small domain moves in batches of any share."),
    Key::new("domain_row", SWITCH, Value("\"on\""), "Whether a change of every listed mailbox of a domain, ten or more, must be confirmed."),
    Key::new("site_not_healthy", SWITCH, Value("\"on\""), "Whether mailboxes may not move to a site that is down or held."),
    Key::new("loop", SWITCH, Value("\"on\""), "Whether mailboxes may not move to a site that would send their mail back here."),
    Key::new("recipient_check", Kind::OneOf(&["off", "plans", "all"]), Value("\"plans\""), "Whether the future site is asked by RCPT for the mailboxes that move: of plans and steps of moves only, or of small direct edits too."),
    Key::new("recipient_check_rows_max", count(1, 10_000), Value("20"), "Direct edits of more mailboxes are made without asking: make them a plan."),
    Key::new("batch_synced", Kind::OneOf(&["off", "when_reported", "required"]), Value("\"when_reported\""), "Whether mailboxes may not be cut over that are not copied: those that somebody reports on, or all."),
    Key::new("batch_synced_age", Kind::Duration { min_s: 60, max_s: 60 * DAY_S }, Value("\"1d\""), "A report whose last sync is older says that the mailbox is not copied."),
    Key::new("second_person", Kind::OneOf(&["off", "large", "always"]), Value("\"off\""), "Who must agree: nobody; somebody other than the author if the change is large or of a whole domain; or always, and then there are no direct edits."),
    Key::new("freeze", Kind::Windows, Absent("none"), "When the table is left alone, as in [\"Mon-Fri 08:00-18:00 Europe/Berlin\", \"2026-12-20..2027-01-06\"]; UTC without a zone."),
    Key::new("plans_max", count(1, 100_000), Value("1000"), "Plans that are open at once, and as many of the past that are kept; a new one is refused beyond."),
    Key::new("plan_rows_max", count(1, 10_000_000), Value("200000"), "Rows of a plan that change."),
    Key::new("plan_lifetime", Kind::Duration { min_s: 60, max_s: 365 * DAY_S }, Value("\"30d\""), "A plan that was not applied by then is cancelled."),
];

pub(crate) fn read(found: Found<'_, '_>, reader: &mut Reader) -> Rails {
    let mut section = reader.section("rails", KEYS, found);
    let rails = Rails {
        large_change_rows: section.get_or_off("large_change_rows"),
        large_change_percent: section.get_or_off("large_change_percent"),
        large_change_percent_from: section.get("large_change_percent_from"),
        domain_row: section.get::<Switch>("domain_row") == Switch::On,
        site_not_healthy: section.get::<Switch>("site_not_healthy") == Switch::On,
        loops: section.get::<Switch>("loop") == Switch::On,
        recipient_check: section.get("recipient_check"),
        recipient_check_rows_max: section.get("recipient_check_rows_max"),
        batch_synced: section.get("batch_synced"),
        batch_synced_age: section.get("batch_synced_age"),
        second_person: section.get("second_person"),
        freeze: section.get_opt("freeze").unwrap_or_default(),
        plans_max: section.get("plans_max"),
        plan_rows_max: section.get("plan_rows_max"),
        plan_lifetime: section.get("plan_lifetime"),
    };
    section.finish();
    rails
}
