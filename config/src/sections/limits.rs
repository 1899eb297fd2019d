//! `[limits]`

use crate::key::Default::Value;
use crate::key::{Key, Kind};
use crate::reader::{Found, Reader, Section};
use crate::types::Limits;

/// The spool counts the recipients of a message with 16 bits, and each may have a copy.
pub(crate) const RECIPIENTS_MAX: u64 = 32_000;

const fn count(min: u64, max: u64) -> Kind {
    Kind::Count { min, max }
}

const fn span(max_s: u64) -> Kind {
    Kind::Duration { min_s: 1, max_s }
}

#[rustfmt::skip]
pub(crate) const KEYS: &[Key] = &[
    Key::new("connections_max", count(1, 1_000_000), Value("10000"), "Connections in all; beyond it 421 4.3.2."),
    Key::new("connections_per_ip_max", count(1, 1_000_000), Value("50"), "Connections of one address of IPv4, or one /64 of IPv6; beyond it 421 4.7.0."),
    Key::new("connections_per_net_max", count(1, 1_000_000), Value("200"), "Connections of one /24 of IPv4 or /48 of IPv6; beyond it 421 4.7.0."),
    Key::new("recipients_max", count(100, RECIPIENTS_MAX), Value("1000"), "Recipients of a message; beyond it 452 4.5.3. RFC 5321 wants at least 100."),
    Key::new("message_bytes_max", Kind::Size { min: 1 << 16, max: 1 << 40 }, Value("\"150MiB\""), "Size of a message, offered in SIZE; beyond it 552 5.3.4."),
    Key::new("header_bytes_max", Kind::Size { min: 1 << 12, max: 1 << 26 }, Value("\"256KiB\""), "Size of a message's header; beyond it 554 5.6.0."),
    Key::new("header_lines_max", count(100, 100_000), Value("1000"), "Header fields of a message; beyond it 554 5.6.0."),
    Key::new("command_line_max", count(512, 65_536), Value("2048"), "Octets in a command line; beyond it 500 5.5.2."),
    Key::new("data_line_max", count(1000, 1 << 20), Value("10000"), "Octets in a line of a message; beyond it 554 5.6.0. Role relay: at least 65536."),
    Key::new("messages_per_session_max", count(1, 1_000_000), Value("1000"), "Messages in a session; then 421."),
    Key::new("errors_soft", count(1, 10_000), Value("10"), "Errors after which replies come slowly."),
    Key::new("errors_hard", count(1, 10_000), Value("20"), "Errors after which the session ends with 421."),
    Key::new("junk_max", count(1, 100_000), Value("100"), "Commands such as NOOP and RSET without mail; more count as errors."),
    Key::new("unknown_recipients_soft", count(1, 10_000), Value("5"), "Refused recipients after which replies come slowly. Not for role relay."),
    Key::new("unknown_recipients_hard", count(1, 10_000), Value("20"), "Refused recipients after which the session ends with 421. Not for role relay."),
    Key::new("hops_max", count(5, 200), Value("50"), "Received fields after which a message is in a loop: 554 5.4.6."),
    Key::new("greeting_timeout", span(600), Value("\"30s\""), "For the first command."),
    Key::new("command_timeout", span(3600), Value("\"300s\""), "For each further command. RFC 5321 §4.5.3.2.7 wants 5 minutes."),
    Key::new("command_timeout_stress", span(3600), Value("\"10s\""), "The same while the gateway is short of something."),
    Key::new("data_rate_min", Kind::Size { min: 1, max: 1 << 20 }, Value("500"), "Bytes a second that a body must keep up."),
    Key::new("data_block_timeout", span(3600), Value("\"180s\""), "For the next piece of a body."),
    Key::new("tls_handshake_timeout", span(600), Value("\"30s\""), "For a TLS handshake."),
    Key::new("stress_at_percent", count(10, 100), Value("80"), "Use of connections, descriptors or memory from which the gateway counts as short of it.").at_start(),
    Key::new("memory_bytes_max", Kind::Size { min: 1 << 26, max: 1 << 44 }, Value("\"1GiB\""), "Memory for bodies on their way in. From 90 % on they go to the disk, from 95 % on MAIL is answered 452 4.3.1, and beyond it what cannot go to the disk is.").at_start(),
];

pub(crate) fn read(found: Found<'_, '_>, reader: &mut Reader) -> Limits {
    let mut section = reader.section("limits", KEYS, found);
    let it = &mut section;
    let limits = Limits {
        connections_max: it.get("connections_max"),
        connections_per_ip_max: it.get("connections_per_ip_max"),
        connections_per_net_max: it.get("connections_per_net_max"),
        recipients_max: it.get("recipients_max"),
        message_bytes_max: it.get("message_bytes_max"),
        header_bytes_max: it.get("header_bytes_max"),
        header_lines_max: it.get("header_lines_max"),
        command_line_max: it.get("command_line_max"),
        data_line_max: it.get("data_line_max"),
        messages_per_session_max: it.get("messages_per_session_max"),
        errors_soft: it.get("errors_soft"),
        errors_hard: it.get("errors_hard"),
        junk_max: it.get("junk_max"),
        unknown_recipients_soft: it.get("unknown_recipients_soft"),
        unknown_recipients_hard: it.get("unknown_recipients_hard"),
        hops_max: it.get("hops_max"),
        greeting_timeout: it.get("greeting_timeout"),
        command_timeout: it.get("command_timeout"),
        command_timeout_stress: it.get("command_timeout_stress"),
        data_rate_min: it.get("data_rate_min"),
        data_block_timeout: it.get("data_block_timeout"),
        tls_handshake_timeout: it.get("tls_handshake_timeout"),
        stress_at_percent: it.get("stress_at_percent"),
        memory_bytes_max: it.get("memory_bytes_max"),
    };
    check(&mut section, &limits);
    section.finish();
    limits
}

fn check(section: &mut Section<'_, '_, '_>, limits: &Limits) {
    if limits.errors_soft > limits.errors_hard {
        section.note("errors_soft", "want at most errors_hard");
    }
    if limits.unknown_recipients_soft > limits.unknown_recipients_hard {
        section.note("unknown_recipients_soft", "want at most unknown_recipients_hard");
    }
    if limits.command_timeout_stress > limits.command_timeout {
        section.note("command_timeout_stress", "want at most command_timeout");
    }
}
