//! The message about an alert: accepted by our own spool and delivered as any other. Its reverse-path
//! is null, so that nothing comes back if it cannot be delivered, and no alert makes another.

use api::{Alert, AlertState};
use deliver::Delivery;
use mail::{
    Address, BodyType, Envelope, Notify, Origin, Recipient, RecipientKind, ReversePath, SpoolId,
    Timestamp,
};
use spool::Spool;

use crate::shared::now;

/// Queues the message; gives its id.
pub(super) async fn send(
    spool: &Spool,
    delivery: &Delivery,
    hostname: &str,
    to: &Address,
    alert: &Alert,
) -> Result<SpoolId, String> {
    let mut incoming = spool.receive();
    let text = compose(hostname, to, alert, incoming.id(), now());
    incoming.write(text.as_bytes()).map_err(|it| it.to_string())?;
    let body = if text.is_ascii() { BodyType::SevenBit } else { BodyType::EightBitMime };
    let envelope = Envelope {
        reverse_path: ReversePath::Null,
        recipients: vec![Recipient {
            address: to.clone(),
            notify: Notify { explicit: true, ..Notify::NEVER },
            orcpt: None,
            kind: RecipientKind::Named,
        }],
        body,
        smtputf8: false,
        ret: None,
        envid: None,
    };
    let accepted = incoming.commit(envelope, Origin::internal()).await;
    let accepted = accepted.map_err(|it| it.to_string())?;
    delivery.submit(accepted.message);
    Ok(accepted.receipt.id())
}

/// Header and body with CRLF. What others wrote, as a site's reply in the summary, is one line
/// without control characters.
fn compose(hostname: &str, to: &Address, alert: &Alert, id: SpoolId, at: Timestamp) -> String {
    let plain = |text: &str| {
        let text: String = text.chars().map(|it| if it.is_control() { ' ' } else { it }).collect();
        text.chars().take(400).collect::<String>()
    };
    let state = match alert.state {
        AlertState::Pending => "pending",
        AlertState::Firing => "firing",
        AlertState::Resolved => "resolved",
    };
    let (name, summary) = (plain(&alert.name), plain(&alert.summary));
    let lines = [
        format!("From: Causeway <postmaster@{hostname}>"),
        format!("To: <{to}>"),
        format!("Subject: [{hostname}] {name} is {state}"),
        format!("Date: {}", at.rfc5322()),
        format!("Message-ID: <{id}.alert@{hostname}>"),
        "Auto-Submitted: auto-generated".to_owned(),
        "MIME-Version: 1.0".to_owned(),
        "Content-Type: text/plain; charset=utf-8".to_owned(),
        "Content-Transfer-Encoding: 8bit".to_owned(),
        String::new(),
        summary,
        String::new(),
        format!("State: {state} since {}", alert.since),
        format!("What to do: {} on the admin address of {hostname}", alert.runbook),
        String::new(),
    ];
    lines.join("\r\n")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn a_sites_reply_cannot_add_header_fields() {
        let alert = Alert {
            name: "SiteHeld".into(),
            severity: api::Severity::Page,
            state: AlertState::Firing,
            since: "2026-11-27T18:00:00Z".into(),
            summary: "Site cloud is stopped: 550 no\r\nBcc: eve@x.example".into(),
            runbook: "/help/alert-site-held".into(),
            labels: BTreeMap::new(),
        };
        let to = "ops@elsewhere.example".parse().unwrap();
        let text =
            compose("gw.example", &to, &alert, SpoolId::from_u64(1), Timestamp::from_micros(0));
        assert!(text.starts_with("From: Causeway <postmaster@gw.example>\r\nTo: <ops@"), "{text}");
        assert!(!text.contains("\nBcc:"), "{text}");
        assert!(text.contains("Subject: [gw.example] SiteHeld is firing\r\n"), "{text}");
    }
}
