//! What senders hear: delivery status notifications.
//!
//! ```text
//!   multipart/report ─┬─ text/plain              for people: what happened, what to do
//!                     ├─ message/delivery-status for programs: one group per recipient
//!                     └─ message/rfc822 or       the message, or its header when it is large,
//!                        text/rfc822-headers     when RET=HDRS asks for it, or when nothing failed
//! ```
//!
//! One notification tells about all recipients of one attempt. It names the addresses that the
//! sender used; where they live behind the gateway is nobody's business. Pure: same request,
//! same octets.
//!
//! Source: RFC 3461 §6, RFC 3464, RFC 6522, RFC 6533 for addresses beyond ASCII, RFC 3834 §2.

mod address;
mod encode;
mod fields;
mod human;
mod original;
#[cfg(test)]
mod tests;

use mail::{Domain, Enhanced, Envelope, Recipient, Reply, ReversePath, SpoolId, Timestamp};

pub use address::orcpt_of;
use encode::{is_ascii_text, push_quoted_printable};
use original::Original;

/// What is told about a recipient. RFC 3464 §2.3.3.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Action {
    Failed,
    Delayed,
    /// Passed on to a host that does not tell what becomes of it.
    Relayed,
    Delivered,
}

impl Action {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Failed => "failed",
            Self::Delayed => "delayed",
            Self::Relayed => "relayed",
            Self::Delivered => "delivered",
        }
    }

    /// First number of the status. RFC 3464 §2.3.4.
    const fn class(self) -> u8 {
        match self {
            Self::Failed => 5,
            Self::Delayed => 4,
            Self::Relayed | Self::Delivered => 2,
        }
    }
}

/// One recipient of the message, as its sender named it, and the news about it.
#[derive(Clone, Debug)]
pub struct DsnRecipient<'a> {
    pub recipient: &'a Recipient,
    pub action: Action,
    /// What the next hop said, or we in its place.
    pub reply: Reply,
    /// The host that said it; `None` when it was us.
    pub remote: Option<String>,
}

/// Everything that a notification is made of.
#[derive(Clone, Debug)]
pub struct DsnRequest<'a> {
    /// Of the notification itself: its Message-ID and its boundary come from it.
    pub id: SpoolId,
    pub at: Timestamp,
    pub hostname: &'a Domain,
    /// Of the message that it is about. Its reverse-path must not be null.
    pub envelope: &'a Envelope,
    pub accepted_at: Timestamp,
    pub recipients: &'a [DsnRecipient<'a>],
    /// The message's first octets: all of its header at least, if it is to be returned.
    pub original: &'a [u8],
    /// Octets of the whole message.
    pub original_len: u64,
    /// A message larger than this comes back as its header.
    pub original_bytes_max: u64,
}

/// The notification as it goes to the spool: CRLF line ends, no line over 998 octets, seven bits
/// unless the returned message or an address needs eight.
pub fn build(request: &DsnRequest<'_>) -> Vec<u8> {
    debug_assert_ne!(request.envelope.reverse_path, ReversePath::Null, "RFC 5321 §4.5.5");
    let original = Original::choose(request);
    let is_global = fields::is_global(request);
    let boundary = boundary(request.id, original.bytes());
    let mut out = Vec::with_capacity(4096 + original.bytes().len());
    push_header(&mut out, request, &boundary, original.is_eight_bit() || is_global);
    push_boundary(&mut out, &boundary);
    push_human(&mut out, &human::text(request));
    push_boundary(&mut out, &boundary);
    fields::push(&mut out, request, is_global);
    push_boundary(&mut out, &boundary);
    original.push(&mut out);
    out.extend_from_slice(b"\r\n--");
    out.extend_from_slice(boundary.as_bytes());
    out.extend_from_slice(b"--\r\n");
    out
}

fn push_header(out: &mut Vec<u8>, request: &DsnRequest<'_>, boundary: &str, is_eight_bit: bool) {
    let DsnRequest { id, at, hostname, .. } = request;
    let mut line = |text: String| {
        out.extend_from_slice(text.as_bytes());
        out.extend_from_slice(b"\r\n");
    };
    line(format!("From: Mail Delivery System <MAILER-DAEMON@{hostname}>"));
    line(format!("To: <{}>", request.envelope.reverse_path));
    line(format!("Date: {}", at.rfc5322()));
    line(format!("Message-ID: <{id}@{hostname}>"));
    line(format!("Subject: {}", human::subject(request)));
    if let Some(original) = original::message_id(request.original) {
        line(format!("In-Reply-To: {original}"));
        line(format!("References: {original}"));
    }
    line("Auto-Submitted: auto-replied".into());
    line("MIME-Version: 1.0".into());
    line("Content-Type: multipart/report; report-type=delivery-status;".into());
    line(format!("\tboundary=\"{boundary}\""));
    if is_eight_bit {
        line("Content-Transfer-Encoding: 8bit".into());
    }
    line(String::new());
    line("This is a delivery status notification in several parts (MIME).".into());
}

fn push_boundary(out: &mut Vec<u8>, boundary: &str) {
    out.extend_from_slice(b"\r\n--");
    out.extend_from_slice(boundary.as_bytes());
    out.extend_from_slice(b"\r\n");
}

fn push_human(out: &mut Vec<u8>, text: &str) {
    out.extend_from_slice(b"Content-Type: text/plain; charset=utf-8\r\n");
    if is_ascii_text(text.as_bytes()) {
        out.extend_from_slice(b"\r\n");
        out.extend_from_slice(text.as_bytes());
    } else {
        out.extend_from_slice(b"Content-Transfer-Encoding: quoted-printable\r\n\r\n");
        push_quoted_printable(out, text.as_bytes());
    }
}

/// From the id, so that a repeated attempt makes the same notification; lengthened in the case
/// that the returned message has the same text in it. RFC 2046 §5.1.1.
fn boundary(id: SpoolId, original: &[u8]) -> String {
    let mut boundary = format!("=_{id}");
    while memchr::memmem::find(original, boundary.as_bytes()).is_some() {
        boundary.push('=');
    }
    boundary
}

/// The status of a recipient, its class always that of the action.
fn status(it: &DsnRecipient<'_>) -> Enhanced {
    let class = it.action.class();
    match it.reply.enhanced {
        Some(given) => Enhanced::new(class, given.subject, given.detail),
        None => Enhanced::new(class, 0, 0),
    }
}
