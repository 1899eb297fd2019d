//! The part for the person who wrote the message: short, without jargon where it can be.

use super::{Action, DsnRequest};

pub(super) fn subject(action: Action) -> &'static str {
    match action {
        Action::Failed => "Your message could not be delivered",
        Action::Delayed => "Your message is delayed",
        Action::Relayed => "Your message was passed on",
    }
}

/// Recipients whose replies are spelled out; the rest is in the part for programs.
const SHOWN_MAX: usize = 50;

pub(super) fn text(request: &DsnRequest<'_>, action: Action, line: &mut impl FnMut(&str)) {
    let (first, last): (&str, &[&str]) = match action {
        Action::Failed => (
            "Your message could not be delivered to:",
            &["It will not be tried again. If the address is right, please reach the person",
              "another way, and send this notice to your support."],
        ),
        Action::Delayed => (
            "Your message has not been delivered yet to:",
            &["It is being tried further. You need not send it again; you will hear from us",
              "if it cannot be delivered in the end."],
        ),
        Action::Relayed => (
            "Your message was passed on for:",
            &["The system that has it now sends no confirmations, so this is the last one."],
        ),
    };
    line(&format!("This is the mail system at {}.", request.hostname));
    line("");
    line(first);
    line("");
    for about in request.recipients.iter().take(SHOWN_MAX) {
        line(&format!("    {}", about.recipient.address));
        if action != Action::Relayed {
            let said: String = about.reply.text.replace('\n', " ").chars().take(500).collect();
            let said: String = said.chars().map(|it| if it.is_ascii() { it } else { '?' }).collect();
            line(&format!("        {said}"));
        }
    }
    if request.recipients.len() > SHOWN_MAX {
        line(&format!("    and {} more", request.recipients.len() - SHOWN_MAX));
    }
    line("");
    last.iter().for_each(|it| line(it));
}
