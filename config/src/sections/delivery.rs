//! `[delivery]`

use crate::HostPort;
use crate::key::Default::{Absent, Value};
use crate::key::{Key, Kind};
use crate::reader::{Found, Reader, Section};
use crate::types::{DeliverySettings, DeliveryTimeouts};

const DAY_S: u64 = 86_400;

const fn span(min_s: u64, max_s: u64) -> Kind {
    Kind::Duration { min_s, max_s }
}

#[rustfmt::skip]
pub(crate) const KEYS: &[Key] = &[
    Key::new("retry", Kind::Durations { max_s: DAY_S }, Value("[\"1m\", \"2m\", \"5m\", \"10m\", \"15m\", \"30m\"]"), "Waits before the second, third, … attempt; the last one repeats.").at_start(),
    Key::new("lifetime", span(60, 60 * DAY_S), Value("\"5d\""), "After this a recipient that was not reached is bounced. RFC 5321 §4.5.4.1 wants 4 to 5 days.").at_start(),
    Key::new("dsn_lifetime", span(60, 60 * DAY_S), Value("\"5d\""), "The same for messages with a null reverse-path, which are dropped with a line in the ledger.").at_start(),
    Key::new("delay_notice_after", span(60, 60 * DAY_S), Value("\"4h\""), "After this the sender is told once that the message is late; \"off\": never.").at_start(),
    Key::new("directory_lag_grace", span(0, 7 * DAY_S), Value("\"4h\""), "After a mailbox moved, how long \"no such mailbox\" from its new home is taken for a directory that lags, and retried.").at_start(),
    Key::new("smart_host", Kind::Hosts, Absent("by MX"), "Next hops for all domains that are not ours, tried in order.").at_start(),
    Key::new("pipeline_messages_max", Kind::Count { min: 1, max: 1000 }, Value("16"), "Messages written to a connection in one go.").at_start(),
    Key::new("connect_timeout", span(1, 600), Value("\"30s\""), "For a TCP connection.").at_start(),
    Key::new("tls_timeout", span(1, 600), Value("\"30s\""), "For a TLS handshake.").at_start(),
    Key::new("greeting_timeout", span(1, 3600), Value("\"5m\""), "For the banner.").at_start(),
    Key::new("ehlo_timeout", span(1, 3600), Value("\"5m\""), "For the reply to EHLO.").at_start(),
    Key::new("mail_timeout", span(1, 3600), Value("\"5m\""), "For the reply to MAIL.").at_start(),
    Key::new("rcpt_timeout", span(1, 3600), Value("\"5m\""), "For the reply to RCPT.").at_start(),
    Key::new("data_timeout", span(1, 3600), Value("\"2m\""), "For the 354 after DATA.").at_start(),
    Key::new("data_block_timeout", span(1, 3600), Value("\"3m\""), "For a piece of the body to be taken.").at_start(),
    Key::new("data_done_timeout", span(1, 3600), Value("\"10m\""), "For the reply after the body.").at_start(),
    Key::new("quit_timeout", span(1, 600), Value("\"5s\""), "For the reply to QUIT.").at_start(),
    Key::new("mx_port", Kind::Count { min: 1, max: 65_535 }, Value("25"), "Port of servers found by MX; other than 25 in tests only.").at_start(),
    Key::new("resolver", Kind::Addresses, Absent("the system's"), "DNS servers.").at_start(),
    Key::new("bounce_bytes_max", Kind::Size { min: 0, max: 1 << 30 }, Value("\"50KiB\""), "How much of a message its bounce brings back; of larger ones the header only.").at_start(),
];

pub(crate) fn read(found: Found<'_, '_>, reader: &mut Reader) -> DeliverySettings {
    let mut section = reader.section("delivery", KEYS, found);
    let delivery = DeliverySettings {
        retry: section.get("retry"),
        lifetime: section.get("lifetime"),
        dsn_lifetime: section.get("dsn_lifetime"),
        delay_notice_after: section.get_or_off("delay_notice_after"),
        directory_lag_grace: section.get("directory_lag_grace"),
        smart_host: section.get_opt::<Vec<HostPort>>("smart_host"),
        pipeline_messages_max: section.get("pipeline_messages_max"),
        timeouts: timeouts(&mut section),
        mx_port: section.get("mx_port"),
        resolver: section.get_opt("resolver"),
        bounce_bytes_max: section.get("bounce_bytes_max"),
    };
    check(&mut section, &delivery);
    section.finish();
    delivery
}

fn timeouts(section: &mut Section<'_, '_, '_>) -> DeliveryTimeouts {
    DeliveryTimeouts {
        connect: section.get("connect_timeout"),
        tls: section.get("tls_timeout"),
        greeting: section.get("greeting_timeout"),
        ehlo: section.get("ehlo_timeout"),
        mail: section.get("mail_timeout"),
        rcpt: section.get("rcpt_timeout"),
        data: section.get("data_timeout"),
        data_block: section.get("data_block_timeout"),
        data_done: section.get("data_done_timeout"),
        quit: section.get("quit_timeout"),
    }
}

fn check(section: &mut Section<'_, '_, '_>, delivery: &DeliverySettings) {
    if section.is_written("retry") && delivery.retry.is_empty() {
        section.note("retry", "want at least one duration, as in [\"1m\", \"5m\", \"30m\"]");
    }
    for key in ["smart_host", "resolver"] {
        let is_empty = match key {
            "smart_host" => delivery.smart_host.as_ref().is_some_and(Vec::is_empty),
            _ => delivery.resolver.as_ref().is_some_and(Vec::is_empty),
        };
        if is_empty {
            section.note(key, "want at least one, or leave the key out");
        }
    }
    if delivery.delay_notice_after.is_some_and(|it| it >= delivery.lifetime) {
        section.note("delay_notice_after", "want less than lifetime, or \"off\"");
    }
}
