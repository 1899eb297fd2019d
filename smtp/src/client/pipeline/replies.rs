//! What each reply settles.

use mail::Reply;

use super::{Answer, Body, End, Pipeline, Violation, What};

/// RFC 5321 §4.2.3: the server closes the connection, whatever it was asked.
const CLOSING: u16 = 421;

impl Pipeline {
    /// Takes the next reply. When it makes [`Pipeline::end`] anything but `None`, no further one
    /// may be given.
    pub fn reply(&mut self, reply: Reply) {
        let Some(expected) = self.expected.pop_front() else {
            return self.break_off(match reply.code {
                CLOSING => End::Closing(reply),
                _ => End::Violation(Violation::Unasked(reply)),
            });
        };
        if reply.code == CLOSING {
            self.break_off(End::Closing(reply.clone()));
        }
        let number = expected.transaction;
        match expected.what {
            What::Reset => self.reset_answered(reply),
            What::Mail => self.mail_answered(number, reply),
            What::Rcpt(n) => self.rcpt_answered(number, n, reply),
            What::Data => self.data_answered(number, reply),
            What::Last => self.last_answered(number, reply),
        }
    }

    fn break_off(&mut self, end: End) {
        self.end.get_or_insert(end);
    }

    fn unfitting(&mut self, reply: Reply, to: &'static str) {
        self.break_off(End::Violation(Violation::Unfitting { reply, to }));
    }

    /// A server that refuses RSET leaves us in doubt whose recipients it holds.
    fn reset_answered(&mut self, reply: Reply) {
        if !is_success(&reply) {
            self.unfitting(reply, "RSET");
        }
    }

    fn mail_answered(&mut self, number: usize, reply: Reply) {
        match kind(&reply) {
            Kind::Success => self.transactions[number].mail = Answer::Accepted,
            Kind::Failure => self.transactions[number].mail = Answer::Refused(reply),
            Kind::GoOn => self.unfitting(reply, "MAIL"),
        }
    }

    fn rcpt_answered(&mut self, number: usize, n: usize, reply: Reply) {
        let answer = match kind(&reply) {
            Kind::Success => Answer::Accepted,
            Kind::Failure => Answer::Refused(reply),
            Kind::GoOn => return self.unfitting(reply, "RCPT"),
        };
        self.transactions[number].recipients[n] = answer;
    }

    fn data_answered(&mut self, number: usize, reply: Reply) {
        match kind(&reply) {
            Kind::GoOn => self.transactions[number].data = Answer::Accepted,
            Kind::Failure => self.transactions[number].data = Answer::Refused(reply),
            Kind::Success => self.unfitting(reply, "DATA"),
        }
    }

    fn last_answered(&mut self, number: usize, reply: Reply) {
        let transaction = &mut self.transactions[number];
        let is_complete = matches!(transaction.body, Body::Sent | Body::Withdrawn);
        match kind(&reply) {
            Kind::Success if !is_complete => {
                self.break_off(End::Violation(Violation::AcceptedEarly(reply)));
            }
            Kind::Success if transaction.body == Body::Withdrawn => self.dirty = true,
            Kind::Success if matches!(transaction.mail, Answer::Refused(_)) => {
                self.break_off(End::Violation(Violation::AcceptedRefused(reply)));
            }
            Kind::Success => {
                transaction.last = Answer::Taken(reply);
                self.dirty = false;
            }
            Kind::Failure => {
                transaction.last = Answer::Refused(reply);
                self.dirty = true;
                if !is_complete {
                    self.break_off(End::AnsweredEarly);
                }
            }
            Kind::GoOn => self.unfitting(reply, "the end of a message"),
        }
    }
}

enum Kind {
    Success,
    GoOn,
    Failure,
}

/// The first digit decides. RFC 5321 §4.2.1.
fn kind(reply: &Reply) -> Kind {
    match reply.code / 100 {
        2 => Kind::Success,
        3 => Kind::GoOn,
        _ => Kind::Failure,
    }
}

fn is_success(reply: &Reply) -> bool {
    matches!(kind(reply), Kind::Success)
}
