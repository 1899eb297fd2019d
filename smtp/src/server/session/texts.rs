//! Every reply that the session itself gives, in one place. None repeats what the peer said.

use mail::Reply;

use crate::server::data::Flaw;

pub(in crate::server) const BYE: Reply = Reply::new(221, (2, 0, 0), "Closing connection");
pub(in crate::server) const SENDER_OK: Reply = Reply::new(250, (2, 1, 0), "Sender OK");
pub(in crate::server) const RECIPIENT_OK: Reply = Reply::new(250, (2, 1, 5), "Recipient OK");
pub(in crate::server) const RESET_OK: Reply = Reply::new(250, (2, 0, 0), "Reset OK");
pub(in crate::server) const NOOP_OK: Reply = Reply::new(250, (2, 0, 0), "OK");
pub(in crate::server) const CHUNK_OK: Reply = Reply::new(250, (2, 0, 0), "Chunk received");
pub(in crate::server) const HELP: Reply =
    Reply::new(214, (2, 0, 0), "See RFC 5321; for trouble with mail, write to postmaster");
pub(in crate::server) const VRFY: Reply =
    Reply::new(252, (2, 1, 5), "Cannot verify; send mail and it will be tried");
pub(in crate::server) const EXPN: Reply = Reply::new(502, (5, 5, 1), "EXPN is not offered");
pub(in crate::server) const AUTH: Reply = Reply::new(502, (5, 5, 1), "AUTH is not offered here");
pub(in crate::server) const TLS_GO: Reply = Reply::new(220, (2, 0, 0), "Ready to start TLS");
pub(in crate::server) const TLS_NOT_OFFERED: Reply =
    Reply::new(502, (5, 5, 1), "STARTTLS is not offered");
pub(in crate::server) const TLS_ALREADY: Reply =
    Reply::new(503, (5, 5, 1), "TLS is already in use");
pub(in crate::server) const XCLIENT_DENIED: Reply =
    Reply::new(550, (5, 7, 0), "XCLIENT is not for you");
pub(in crate::server) const XCLIENT_BAD: Reply =
    Reply::new(501, (5, 5, 4), "Bad XCLIENT attribute");

pub(in crate::server) const HELLO_FIRST: Reply = Reply::new(503, (5, 5, 1), "Send EHLO first");
pub(in crate::server) const MAIL_FIRST: Reply = Reply::new(503, (5, 5, 1), "Send MAIL first");
pub(in crate::server) const NESTED: Reply = Reply::new(503, (5, 5, 1), "Sender already given");
pub(in crate::server) const IN_TRANSACTION: Reply =
    Reply::new(503, (5, 5, 1), "Not within a mail transaction; send RSET first");
pub(in crate::server) const CHUNKS_BEGAN: Reply =
    Reply::new(503, (5, 5, 1), "Message has begun with BDAT; go on with BDAT or send RSET");
pub(in crate::server) const NEEDS_BDAT: Reply =
    Reply::new(503, (5, 5, 1), "BODY=BINARYMIME needs BDAT");
pub(in crate::server) const NO_RECIPIENTS: Reply =
    Reply::new(554, (5, 5, 1), "No valid recipients");

pub(in crate::server) const TOO_MANY_RECIPIENTS: Reply =
    Reply::new(452, (4, 5, 3), "Too many recipients; send the rest in another transaction");
pub(in crate::server) const NEEDS_UTF8: Reply =
    Reply::new(553, (5, 6, 7), "Address beyond ASCII needs SMTPUTF8 in MAIL");
pub(in crate::server) const ORCPT_NEEDS_UTF8: Reply =
    Reply::new(501, (5, 5, 4), "ORCPT beyond ASCII needs SMTPUTF8 in MAIL");
pub(in crate::server) const TOO_BIG: Reply =
    Reply::new(552, (5, 3, 4), "Message is larger than the SIZE offered");
pub(in crate::server) const HEADER_TOO_BIG: Reply =
    Reply::new(554, (5, 6, 0), "Message header is too large");
pub(in crate::server) const TOO_MANY_HOPS: Reply =
    Reply::new(554, (5, 4, 6), "Too many Received fields: the message is in a loop");

pub(in crate::server) const EARLY: Reply =
    Reply::new(554, (5, 5, 0), "Sent before the reply to the last command, closing");
pub(in crate::server) const TOO_MANY_ERRORS: Reply =
    Reply::new(421, (4, 7, 0), "Too many errors, closing");
pub(in crate::server) const TOO_MANY_UNKNOWN: Reply =
    Reply::new(421, (4, 7, 0), "Too many unknown recipients, closing");
pub(in crate::server) const TOO_MANY_MESSAGES: Reply =
    Reply::new(421, (4, 7, 0), "Too many messages in one session; connect again");
pub(in crate::server) const FAR_TOO_BIG: Reply =
    Reply::new(552, (5, 3, 4), "Message is far larger than the SIZE offered, closing");
pub(in crate::server) const UNWANTED: Reply =
    Reply::new(421, (4, 7, 0), "Too much that nobody asked for, closing");

pub(in crate::server) fn go_ahead() -> Reply {
    Reply::plain(354, "End data with <CR><LF>.<CR><LF>")
}

/// The last word to a client that goes on sending what is owed `reply`. It must not say for ever
/// where the reply says for now.
pub(in crate::server) fn swallowed_enough(reply: &Reply) -> Reply {
    match reply {
        reply if !reply.is_permanent() => reply.clone(),
        reply if *reply == MAIL_FIRST => UNWANTED,
        _ => FAR_TOO_BIG,
    }
}

pub(in crate::server) fn flawed(flaw: Flaw) -> Reply {
    match flaw {
        Flaw::BareNewline => Reply::new(
            550,
            (5, 6, 11),
            "Message has a bare CR or LF; send it with BDAT or repair it",
        ),
        Flaw::Nul => Reply::new(550, (5, 6, 11), "Message has a NUL; send it with BDAT"),
        Flaw::LineTooLong => Reply::new(554, (5, 6, 0), "Message has a line that is too long"),
        Flaw::TooBig => TOO_BIG,
    }
}
