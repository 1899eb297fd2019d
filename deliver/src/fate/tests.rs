//! Every row of the catalogue, and the rules for what is in no row.

use std::collections::HashSet;
use std::sync::Arc;

use mail::Reply;

use super::*;

const HOUR: Duration = Duration::from_secs(3600);

fn context(hop: HopKind) -> FateContext {
    FateContext { hop, age: HOUR, since_move: None, directory_lag_grace: 4 * HOUR }
}

fn moved(hours: u32) -> FateContext {
    FateContext { since_move: Some(hours * HOUR), ..context(HopKind::Site) }
}

fn reply(line: &str) -> Reply {
    let mut parser = smtp::client::ReplyParser::default();
    let (_, reply) = parser.push(format!("{line}\r\n").as_bytes()).unwrap();
    reply.unwrap()
}

fn refused(line: &str, stage: Stage) -> RecipientResult {
    RecipientResult::Refused { reply: reply(line), stage }
}

fn show(verdict: &Verdict) -> String {
    let fate = match &verdict.fate {
        Fate::Delivered => "delivered".to_owned(),
        Fate::Retry { class: RetryClass::Throttle { after } } => {
            format!("wait {} s", after.as_secs())
        }
        Fate::Retry { class } => format!("retry {class:?}"),
        Fate::Hold { .. } => "hold".to_owned(),
        Fate::HoldSite { .. } => "hold site".to_owned(),
        Fate::Bounce { reply } => match reply.enhanced {
            Some(enhanced) => format!("bounce {enhanced}"),
            None => format!("bounce {}", reply.code),
        },
    };
    format!("{}: {fate}, {:?}", verdict.row.unwrap_or("-"), verdict.hop)
}

fn at_site(line: &str) -> String {
    show(&fate(&refused(line, Stage::Rcpt), &context(HopKind::Site)))
}

/// Replies as the documentation of Exchange words them, and what they come to at a site.
const ROWS: &[(&str, &str)] = &[
    (
        "432 4.3.2 STOREDRV.Deliver; recipient thread limit exceeded",
        "mailbox_concurrency: wait 120 s, Healthy",
    ),
    ("554 4.3.2 mailbox busy", "mailbox_busy: retry Refusal, Healthy"),
    (
        "421 4.3.2 The maximum number of concurrent connections has exceeded a limit",
        "connection_limit: wait 60 s, SlowDown",
    ),
    ("450 too many connections from you", "too_many_connections: wait 60 s, SlowDown"),
    ("550 5.7.230 Connecting Exchange server is blocked", "outdated_exchange: hold site, Failing"),
    (
        "451 4.7.500 Server busy. Please try later (AS761)",
        "reputation_deferral: wait 900 s, SlowDown",
    ),
    ("451 4.7.699 Server busy", "reputation_deferral: wait 900 s, SlowDown"),
    ("451 4.7.850 Access denied, please try later", "address_throttling: wait 600 s, SlowDown"),
    ("452 4.5.3 Too many recipients", "too_many_recipients: wait 10 s, Healthy"),
    ("450 4.7.26 Access denied, message over IPv6", "ipv6_not_trusted: retry Refusal, PreferIpv4"),
    ("550 5.7.25 Access denied, IPv6 without PTR", "ipv6_not_trusted: retry Refusal, PreferIpv4"),
    ("550 5.4.1 Recipient address rejected: Access denied", "dbeb_unknown: bounce 5.4.1, Healthy"),
    ("550 5.4.1 Relay Access Denied", "relay_refused: hold site, Failing"),
    ("554 5.7.1 <a@contoso.example>: Relay access denied", "relay_refused: hold site, Failing"),
    ("550 5.7.54 SMTP; Unable to relay recipient", "relay_refused: hold site, Failing"),
    (
        "530 5.7.57 Client not authenticated to send mail",
        "authentication_wanted: hold site, Failing",
    ),
    ("530 5.7.1 Client was not authenticated", "authentication_wanted: hold site, Failing"),
    ("550 5.4.1 All recipient addresses rejected", "relay_denied: hold site, Failing"),
    ("550 5.7.64 TenantAttribution; Relay Access Denied", "tenant_attribution: hold site, Failing"),
    ("550 5.7.68 TenantInboundAttribution; Direct Send", "tenant_attribution: hold site, Failing"),
    ("550 5.7.51 RestrictDomainsToIPAddresses", "tenant_attribution: hold site, Failing"),
    ("550 5.7.750 Unregistered domain", "tenant_attribution: hold site, Failing"),
    ("550 5.7.506 Bad HELO", "helo_rejected: hold site, Failing"),
    ("550 5.7.509 DMARC", "domain_policy_rejected: bounce 5.7.509, Healthy"),
    ("550 5.7.23 SPF", "domain_policy_rejected: bounce 5.7.23, Healthy"),
    ("550 5.7.606 Access denied, banned sending IP", "sender_blocked: hold site, Failing"),
    ("550 5.7.705 tenant has exceeded threshold", "sender_blocked: hold site, Failing"),
    ("550 5.1.1 User unknown", "user_unknown: bounce 5.1.1, Healthy"),
    ("550 5.1.10 RESOLVER.ADR.RecipientNotFound", "user_unknown: bounce 5.1.10, Healthy"),
    ("554 5.4.14 Hop count exceeded", "loop: hold, Healthy"),
    ("550 5.4.6 Routing loop", "loop: hold, Healthy"),
    ("550 5.6.11 SMTPSEND.BareLinefeedsAreIllegal", "bare_newline: bounce 5.6.11, Healthy"),
    ("552 5.3.4 Message size exceeds limit", "message_too_large: bounce 5.3.4, Healthy"),
    ("552 5.2.3 Mailbox size limit", "message_too_large: bounce 5.2.3, Healthy"),
    ("452 4.2.2 Mailbox full", "quota_temporary: retry Refusal, Healthy"),
    ("552 5.2.2 Mailbox full", "quota_exceeded: bounce 5.2.2, Healthy"),
    ("550 5.2.121 Recipient's hourly limit", "mailbox_rate_limit: wait 3600 s, Healthy"),
    ("550 5.2.122 Recipient's hourly limit", "mailbox_rate_limit: wait 3600 s, Healthy"),
    ("550 5.3.190 Journaling", "journal_to_cloud_mailbox: hold site, Failing"),
    ("550 5.7.124 Sender not allowed", "recipient_restricts_senders: bounce 5.7.124, Healthy"),
    ("452 4.3.1 Insufficient system resources", "back_pressure: wait 60 s, SlowDown"),
    ("421 4.4.2 Connection dropped", "shutting_down: retry Refusal, Failing"),
    ("450 Greylisted, come back", "greylisted: retry Refusal, Healthy"),
    ("552 too many recipients", "recipient_limit_old_style: wait 10 s, Healthy"),
];

#[test]
fn known_replies_mean_what_the_catalogue_says() {
    for (line, want) in ROWS {
        assert_eq!(at_site(line), *want, "{line}");
    }
}

#[test]
fn every_row_has_a_test_and_a_name_of_its_own() {
    let tested: HashSet<&str> = ROWS.iter().filter_map(|it| it.1.split(':').next()).collect();
    let mut seen = HashSet::new();
    for name in Row::names() {
        assert!(tested.contains(name), "{name} has no example");
        assert!(seen.insert(name), "{name} stands there twice");
    }
}

#[test]
fn unknown_replies_go_by_their_first_digit() {
    for (line, stage, want) in [
        ("450 4.9.9 hm", Stage::Rcpt, "-: retry Refusal, Healthy"),
        ("451 hm", Stage::Body, "-: retry Refusal, Healthy"),
        ("421 hm", Stage::Mail, "-: retry Refusal, None"),
        ("550 5.9.9 hm", Stage::Rcpt, "-: bounce 5.9.9, Healthy"),
        ("599 hm", Stage::Body, "-: bounce 599, Healthy"),
        ("550 5.7.1 spam", Stage::Body, "-: bounce 5.7.1, Healthy"),
        ("552 hm", Stage::Rcpt, "-: retry Refusal, Healthy"),
        ("552 hm", Stage::Body, "-: bounce 552, Healthy"),
    ] {
        let verdict = fate(&refused(line, stage), &context(HopKind::Site));
        assert_eq!(show(&verdict), want, "{line} at {stage:?}");
    }
}

#[test]
fn a_mailbox_that_has_just_moved_is_not_unknown() {
    for line in ["550 5.1.10 not found", "550 5.4.1 Recipient address rejected: Access denied"] {
        let of = |context| fate(&refused(line, Stage::Rcpt), &context).fate;
        assert_eq!(of(moved(3)), Fate::Retry { class: RetryClass::DirectoryLag });
        assert!(matches!(of(moved(4)), Fate::Bounce { .. }), "{line}");
    }
}

#[test]
fn what_exchange_means_by_a_code_is_not_what_strangers_mean() {
    for (line, want) in [
        ("550 5.7.606 blocked", "-: bounce 5.7.606, Healthy"),
        ("550 5.4.6 loop", "-: bounce 5.4.6, Healthy"),
        ("550 5.1.1 unknown", "user_unknown: bounce 5.1.1, Healthy"),
        ("452 4.3.1 disk", "back_pressure: wait 60 s, SlowDown"),
    ] {
        let verdict = fate(&refused(line, Stage::Rcpt), &context(HopKind::Stranger));
        assert_eq!(show(&verdict), want, "{line}");
    }
}

#[test]
fn a_temporary_reply_with_a_limit_bounces_as_a_permanent_one() {
    let old = FateContext { age: 25 * HOUR, ..context(HopKind::Site) };
    let verdict = fate(&refused("554 4.3.2 mailbox busy", Stage::Body), &old);
    assert_eq!(show(&verdict), "mailbox_busy: bounce 5.3.2, Healthy");
}

#[test]
fn our_own_doubt_never_bounces() {
    let lost = || AttemptError::Timeout { during: Stage::Body };
    let refused_us = |line: &str, during| AttemptError::Refused { reply: reply(line), during };
    let broken = || AttemptError::Connect(Arc::new(std::io::Error::other("refused")));
    for hop in [HopKind::Site, HopKind::SmartHost, HopKind::Stranger] {
        for (error, want) in [
            (lost(), "-: retry Connection, Failing"),
            (broken(), "-: retry Connection, Failing"),
            (AttemptError::Stale, "-: retry Free, None"),
            (AttemptError::NotReached, "-: retry Free, None"),
            (refused_us("554 5.7.1 go away", Stage::Greeting), "-: retry Connection, Failing"),
            (refused_us("550 5.1.1 what", Stage::Hello), "-: retry Connection, Failing"),
            (refused_us("452 4.3.1 disk", Stage::Greeting), "back_pressure: wait 60 s, SlowDown"),
        ] {
            let verdict = fate(&RecipientResult::Failed(error), &context(hop));
            assert_eq!(show(&verdict), want, "{hop:?}");
        }
        let unknown = fate(&RecipientResult::Unknown(lost()), &context(hop));
        assert_eq!(show(&unknown), "-: retry MaybeDuplicate, Failing");
    }
}

#[test]
fn only_a_stranger_may_say_that_it_takes_no_mail() {
    let error =
        || AttemptError::Refused { reply: reply("521 no mail here"), during: Stage::Greeting };
    let of = |hop| show(&fate_of_error(&error(), &context(hop)));
    assert_eq!(of(HopKind::Stranger), "-: bounce 521, Healthy");
    assert_eq!(of(HopKind::Site), "-: retry Connection, Failing");
}
