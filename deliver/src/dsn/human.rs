//! The part for people who have never heard of SMTP.

use std::fmt::Write as _;

use mail::Enhanced;

use super::encode::one_line;
use super::fields::diagnostic;
use super::{Action, DsnRecipient, DsnRequest, original, status};

/// Characters of the original subject that the notification repeats.
const SUBJECT_MAX: usize = 150;

/// `Undelivered: Lunch on Friday`
pub(super) fn subject(request: &DsnRequest<'_>) -> String {
    let what = match gravest(request) {
        Action::Failed => "Undelivered",
        Action::Delayed => "Delayed",
        Action::Relayed => "Passed on",
        Action::Delivered => "Delivered",
    };
    match original::subject(request.original).filter(|it| it.len() <= SUBJECT_MAX) {
        Some(subject) => format!("{what}: {subject}"),
        None => format!("{what}: your message"),
    }
}

/// What of several actions decides the subject.
fn gravest(request: &DsnRequest<'_>) -> Action {
    let has = |action| request.recipients.iter().any(|it| it.action == action);
    [Action::Failed, Action::Delayed, Action::Relayed]
        .into_iter()
        .find(|&it| has(it))
        .unwrap_or(Action::Delivered)
}

/// CRLF line ends.
pub(super) fn text(request: &DsnRequest<'_>) -> String {
    let mut text =
        format!("This is an automatic message from the mail system at {}.\n", request.hostname);
    for action in [Action::Failed, Action::Delayed, Action::Relayed, Action::Delivered] {
        let about: Vec<_> = request.recipients.iter().filter(|it| it.action == action).collect();
        if !about.is_empty() {
            push_section(&mut text, action, &about);
        }
    }
    let _ = write!(
        text,
        "\nYour message reached us on {}.\nPlease do not reply to this message, \
         nobody reads the answers.\nIf you need help, show it to your mail administrator.\n",
        request.accepted_at.rfc5322()
    );
    text.replace('\n', "\r\n")
}

fn push_section(text: &mut String, action: Action, about: &[&DsnRecipient<'_>]) {
    let _ = write!(text, "\n{}\n", introduction(action));
    for it in about {
        let _ = write!(text, "\n    {}\n", one_line(&it.recipient.address.to_string()));
        if let Action::Failed | Action::Delayed = action {
            let _ = writeln!(text, "        {}", explanation(status(it), action));
            match &it.remote {
                Some(remote) => {
                    let _ = writeln!(text, "        {} said: {}", one_line(remote), diagnostic(it));
                }
                None => {
                    let _ = writeln!(text, "        Details: {}", diagnostic(it));
                }
            }
        }
    }
}

const fn introduction(action: Action) -> &'static str {
    match action {
        Action::Failed => {
            "Your message was NOT delivered to these recipients, and we have stopped trying:"
        }
        Action::Delayed => {
            "Your message has not been delivered to these recipients yet. You do not need to send\n\
             it again: we keep trying, and tell you if we have to give up."
        }
        Action::Relayed => {
            "Your message was passed on for these recipients, to a system that does not report\n\
             whether it arrives:"
        }
        Action::Delivered => "Your message was delivered to these recipients:",
    }
}

/// The status in plain words. The registry of codes is RFC 5248.
fn explanation(status: Enhanced, action: Action) -> &'static str {
    if action == Action::Delayed {
        return match (status.subject, status.detail) {
            (2, 2) => "The mailbox is full at the moment.",
            (4, _) => "The receiving system cannot be reached at the moment.",
            _ => "The receiving system asks to try again later.",
        };
    }
    match (status.subject, status.detail) {
        (1, 1 | 6 | 10 | 11) => "There is no such mailbox. Is the address spelled correctly?",
        (1, 2) => "The part after the @ does not exist. Is the address spelled correctly?",
        (1, _) => "The address was not accepted. Is it spelled correctly?",
        (2, 1) => "The mailbox is switched off.",
        (2, 2) => "The mailbox is full. Try again when the recipient has made room.",
        (2, 3) | (3, 4) => "The message is too large. Send a smaller one, or a link to the files.",
        (4, 1) => "The receiving system does not accept mail for this address.",
        (4, 4) => "No mail server could be found for the address. Is it spelled correctly?",
        (4, 6 | 14) => "The message went in circles between mail systems.",
        (4, 7) => "The receiving system could not be reached for too long.",
        (6, 7) => "The receiving system cannot take addresses with these characters.",
        (6, _) => "The message has a form that the receiving system cannot take.",
        (7, _) => "The receiving system, or its rules, did not accept the message from you.",
        _ => "The receiving system did not accept the message.",
    }
}
