//! The part for programs.

use super::address::{final_recipient, from_xtext, original_recipient};
use super::encode::{one_line, push_field};
use super::{DsnRecipient, DsnRequest, status};

/// Octets of a diagnostic; what hosts say beyond that explains nothing more.
const DIAGNOSTIC_MAX: usize = 1000;

/// Some address needs the eight-bit form of the part, and the sender can take it.
pub(super) fn is_global(request: &DsnRequest<'_>) -> bool {
    request.envelope.smtputf8
        && request.recipients.iter().any(|it| {
            let orcpt = it.recipient.orcpt.as_deref().unwrap_or_default();
            !it.recipient.address.is_ascii() || !orcpt.is_ascii()
        })
}

/// Source: RFC 3464 §2, RFC 6533 §4.
pub(super) fn push(out: &mut Vec<u8>, request: &DsnRequest<'_>, is_global: bool) {
    if is_global {
        out.extend_from_slice(b"Content-Type: message/global-delivery-status\r\n");
        out.extend_from_slice(b"Content-Transfer-Encoding: 8bit\r\n\r\n");
    } else {
        out.extend_from_slice(b"Content-Type: message/delivery-status\r\n\r\n");
    }
    push_field(out, "Reporting-MTA", &format!("dns; {}", request.hostname), false);
    if let Some(envid) = request.envelope.envid.as_deref().and_then(from_xtext) {
        push_field(out, "Original-Envelope-Id", &envid, false);
    }
    push_field(out, "Arrival-Date", &request.accepted_at.rfc5322(), false);
    for recipient in request.recipients {
        out.extend_from_slice(b"\r\n");
        push_recipient(out, request, recipient, is_global);
    }
}

fn push_recipient(
    out: &mut Vec<u8>,
    request: &DsnRequest<'_>,
    it: &DsnRecipient<'_>,
    is_global: bool,
) {
    let orcpt = it.recipient.orcpt.as_deref();
    if let Some(original) = orcpt.and_then(|it| original_recipient(it, is_global)) {
        push_field(out, "Original-Recipient", &original, is_global);
    }
    let address = final_recipient(&it.recipient.address, is_global);
    push_field(out, "Final-Recipient", &address, is_global);
    push_field(out, "Action", it.action.as_str(), false);
    push_field(out, "Status", &status(it).to_string(), false);
    if let Some(remote) = &it.remote {
        push_field(out, "Remote-MTA", &format!("dns; {remote}"), false);
    }
    push_field(out, "Diagnostic-Code", &format!("smtp; {}", diagnostic(it)), false);
    push_field(out, "Last-Attempt-Date", &request.at.rfc5322(), false);
}

/// What was said, on one line, cut to a bearable length.
pub(super) fn diagnostic(it: &DsnRecipient<'_>) -> String {
    let mut text = one_line(&it.reply.to_string());
    if text.len() > DIAGNOSTIC_MAX {
        let end = (0..=DIAGNOSTIC_MAX).rev().find(|&it| text.is_char_boundary(it));
        text.truncate(end.unwrap_or(0));
        text.push_str("...");
    }
    text
}
