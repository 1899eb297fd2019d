//! The part for programs.

use super::xtext::decoded;
use super::{Action, DsnRecipient, DsnRequest};

/// Longer diagnostics are cut: a line must not pass 998 octets.
const DIAGNOSTIC_MAX: usize = 800;

/// An address beyond ASCII is reported on; then the report is in UTF-8. RFC 6533.
pub(super) fn is_global(request: &DsnRequest<'_>) -> bool {
    let sender = request.envelope.reverse_path.to_string();
    let all_ascii = request.recipients.iter().all(|it| it.recipient.address.is_ascii());
    request.envelope.smtputf8 && !(sender.is_ascii() && all_ascii)
}

pub(super) fn fields(request: &DsnRequest<'_>, global: bool, line: &mut impl FnMut(&str)) {
    line(&format!("Reporting-MTA: dns; {}", request.hostname));
    if let Some(envid) = &request.envelope.envid {
        line(&format!("Original-Envelope-Id: {}", decoded(envid)));
    }
    line(&format!("Arrival-Date: {}", request.accepted_at.rfc5322()));
    line("");
    for recipient in request.recipients {
        one(request, recipient, global, line);
        line("");
    }
}

fn one(
    request: &DsnRequest<'_>,
    about: &DsnRecipient<'_>,
    global: bool,
    line: &mut impl FnMut(&str),
) {
    let kind = if global && !about.recipient.address.is_ascii() { "utf-8" } else { "rfc822" };
    if let Some(orcpt) = &about.recipient.orcpt {
        line(&format!("Original-Recipient: {}", decoded(orcpt).replacen(';', "; ", 1)));
    }
    line(&format!("Final-Recipient: {kind}; {}", about.recipient.address));
    line(&format!("Action: {}", about.action.as_str()));
    line(&format!("Status: {}", status(about)));
    if let Some(remote) = &about.remote {
        line(&format!("Remote-MTA: dns; {remote}"));
    }
    let said: String = about.reply.to_string().chars().take(DIAGNOSTIC_MAX).collect();
    let said: String = said.chars().map(|it| if it.is_ascii() { it } else { '?' }).collect();
    line(&format!("Diagnostic-Code: smtp; {said}"));
    if about.action != Action::Delayed {
        line(&format!("Last-Attempt-Date: {}", request.at.rfc5322()));
    }
}

/// The enhanced code of the reply, with the class that the action has. RFC 3464 §2.3.4.
fn status(about: &DsnRecipient<'_>) -> String {
    let class = match about.action {
        Action::Failed => 5,
        Action::Delayed => 4,
        Action::Relayed => 2,
    };
    match about.reply.enhanced {
        Some(it) => format!("{class}.{}.{}", it.subject, it.detail),
        None => format!("{class}.0.0"),
    }
}
