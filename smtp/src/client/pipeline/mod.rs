//! The transactions of one or many messages on one connection, in as few writes as the server
//! allows.
//!
//! ```text
//!   per transaction:  [RSET] ─ MAIL ─ RCPT… ─┬─ BDAT n LAST + octets ─┬─ settled
//!                                            └─ DATA ─ 354 ─ body ────┘
//!
//!   server offers                what goes out in one write
//!   PIPELINING and CHUNKING      everything of every message, small bodies included
//!   PIPELINING                   MAIL, RCPT…, DATA; then the body
//!   neither                      one command
//! ```
//!
//! RSET goes before a MAIL whenever the transaction before it has not been seen to end well: a
//! server that kept recipients of a failed BDAT would otherwise add them to the next message.
//!
//! Source: RFC 5321 §4.1, RFC 2920 §3.1, RFC 3030 §2 and §4.

mod outcome;
mod replies;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::ops::Range;

use mail::{Envelope, Reply};

pub use outcome::{End, Outcome, Stage, Violation};

use super::{Capabilities, Request, RequestRecipient, Transfer, command};

/// Largest body, in octets, that is sent before the server has answered MAIL and RCPT. A larger
/// one that nobody accepts would cost more than the round trip that it saves.
const EAGER_MAX: u64 = 256 * 1024;

const RSET: &[u8] = b"RSET\r\n";

/// What to write next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Chunk {
    /// Octets of [`Pipeline::text`].
    Text(Range<usize>),
    /// The body of the transaction with this number, in the form of its transfer. When the last
    /// octet has been written, [`Pipeline::body_sent`] must be called.
    Body { transaction: usize, transfer: Transfer },
}

/// Transactions under way. Ask for chunks until there is none, feed replies, repeat until done.
#[derive(Debug)]
pub struct Pipeline {
    capabilities: Capabilities,
    text: Vec<u8>,
    transactions: Vec<Transaction>,
    cursor: Cursor,
    /// Commands sent and not answered yet, in order.
    expected: VecDeque<Expected>,
    /// A chunk that could not be joined to the one before it.
    held: Option<Chunk>,
    /// Small bodies need not wait for a recipient.
    is_eager: bool,
    /// A transaction may be open at the server.
    dirty: bool,
    end: Option<End>,
}

/// Where in the batch the next command is.
#[derive(Clone, Copy, Debug)]
struct Cursor {
    transaction: usize,
    step: Step,
    /// Start of the next command in the text.
    at: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    Reset,
    Mail,
    Rcpt(usize),
    /// `BDAT n LAST` or `DATA`.
    Hand,
    Body,
}

#[derive(Clone, Copy, Debug)]
struct Expected {
    transaction: usize,
    what: What,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum What {
    Reset,
    Mail,
    Rcpt(usize),
    Data,
    /// What settles the transaction.
    Last,
}

#[derive(Debug)]
struct Transaction {
    /// `RSET MAIL RCPT… BDAT|DATA`, one command a line.
    text: Range<usize>,
    transfer: Transfer,
    size: u64,
    mail: Answer,
    recipients: Vec<Answer>,
    data: Answer,
    body: Body,
    last: Answer,
}

/// What the server said to one command.
#[derive(Debug)]
enum Answer {
    None,
    Accepted,
    /// Accepted, and the reply is kept.
    Taken(Reply),
    Refused(Reply),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Body {
    Unsent,
    /// Given out as a chunk.
    Begun,
    /// The server may have all of it.
    Sent,
    /// Nobody accepted, yet the server said 354: a lone dot.
    Withdrawn,
}

enum Next {
    Chunk(Chunk),
    /// Go on with the step that the cursor is at now.
    Skip,
    /// A reply must come first.
    Wait,
}

impl Pipeline {
    /// For a connection whose server offered `capabilities`. `dirty`: the batch before this one
    /// left the server in doubt, see [`Pipeline::is_dirty`].
    pub fn new(capabilities: &Capabilities, dirty: bool) -> Self {
        Self {
            capabilities: capabilities.clone(),
            text: Vec::with_capacity(1024),
            transactions: Vec::new(),
            cursor: Cursor { transaction: 0, step: Step::Reset, at: 0 },
            expected: VecDeque::new(),
            held: None,
            is_eager: true,
            dirty,
            end: None,
        }
    }

    /// From now on even small bodies wait for a recipient. For servers that have refused the
    /// recipients of several bodies already: some close a connection after five commands that
    /// came out of order, and BDAT without a recipient is one.
    pub fn wait_for_recipients(&mut self) {
        self.is_eager = false;
    }

    /// Adds a transaction and returns its number: 0, 1, … The caller has made sure that there is
    /// no [`super::Obstacle`] and at least one recipient.
    pub fn push<'a>(
        &mut self,
        request: &Request<'_>,
        recipients: impl Iterator<Item = RequestRecipient<'a>> + Clone,
    ) -> usize {
        let start = self.text.len();
        let utf8 = self.capabilities.smtputf8
            && (request.envelope.smtputf8
                || has_utf8(request.envelope)
                || recipients.clone().any(|it| !it.address.is_ascii()));
        self.text.extend_from_slice(RSET);
        command::mail(&mut self.text, &self.capabilities, request, utf8);
        let mut answers = Vec::new();
        for recipient in recipients {
            command::rcpt(&mut self.text, &self.capabilities, &recipient);
            answers.push(Answer::None);
        }
        match request.transfer {
            Transfer::Bdat => command::bdat_last(&mut self.text, request.size),
            Transfer::Data => self.text.extend_from_slice(b"DATA\r\n"),
        }
        self.transactions.push(Transaction {
            text: start..self.text.len(),
            transfer: request.transfer,
            size: request.size,
            mail: Answer::None,
            recipients: answers,
            data: Answer::None,
            body: Body::Unsent,
            last: Answer::None,
        });
        self.transactions.len() - 1
    }

    /// The commands that [`Chunk::Text`] points into. Grows, never changes.
    pub fn text(&self) -> &[u8] {
        &self.text
    }

    /// What can be written now without waiting for a reply; `None` when nothing can.
    pub fn next_chunk(&mut self) -> Option<Chunk> {
        if self.end.is_some() {
            return None;
        }
        let mut ready = self.held.take();
        while !matches!(ready, Some(Chunk::Body { .. }))
            && self.cursor.transaction < self.transactions.len()
        {
            let more = match self.step() {
                Next::Skip => continue,
                Next::Wait => break,
                Next::Chunk(more) => more,
            };
            match (&mut ready, more) {
                (None, more) => ready = Some(more),
                (Some(Chunk::Text(text)), Chunk::Text(more)) if text.end == more.start => {
                    text.end = more.end;
                }
                (Some(_), more) => {
                    self.held = Some(more);
                    break;
                }
            }
        }
        ready
    }

    /// The last octet of this body has been handed to the connection.
    pub fn body_sent(&mut self, transaction: usize) {
        if let Some(it) = self.transactions.get_mut(transaction) {
            it.body = Body::Sent;
        }
    }

    /// What the server must answer next; `None` when it owes nothing.
    pub fn awaited(&self) -> Option<Stage> {
        self.expected.front().map(|it| match it.what {
            What::Reset | What::Mail => Stage::Mail,
            What::Rcpt(_) => Stage::Rcpt,
            What::Data => Stage::Data,
            What::Last => Stage::Body,
        })
    }

    /// Nothing is left to write or to wait for.
    pub fn is_done(&self) -> bool {
        self.end.is_some()
            || (self.expected.is_empty() && self.cursor.transaction >= self.transactions.len())
    }

    /// The next batch on this connection has to begin with RSET.
    pub fn is_dirty(&self) -> bool {
        self.dirty
    }

    /// Why the batch broke off, if it did. The connection is then of no more use.
    pub fn end(&self) -> Option<&End> {
        self.end.as_ref()
    }

    /// The server has taken some message of this batch.
    pub fn has_delivered(&self) -> bool {
        self.transactions.iter().any(|it| matches!(it.last, Answer::Taken(_)))
    }

    /// Bodies that were sent though the server had refused all their recipients.
    pub fn n_wasted(&self) -> u32 {
        let is_wasted = |it: &&Transaction| it.body == Body::Sent && !it.has_accepted();
        u32::try_from(self.transactions.iter().filter(is_wasted).count()).unwrap_or(u32::MAX)
    }

    /// What became of each recipient of each transaction, in order.
    pub fn into_outcomes(self) -> impl Iterator<Item = Vec<Outcome>> {
        let is_closing = matches!(self.end, Some(End::Closing(_)));
        self.transactions.into_iter().map(move |it| it.into_outcomes(is_closing))
    }

    fn step(&mut self) -> Next {
        let Cursor { transaction: number, step, .. } = self.cursor;
        match step {
            Step::Reset => self.step_reset(number),
            Step::Mail if self.may_send() => self.send(What::Mail, Step::Rcpt(0)),
            Step::Rcpt(_) if self.is_hopeless(number) => self.skip_transaction(),
            Step::Rcpt(n) if n == self.transactions[number].recipients.len() => {
                self.cursor.step = Step::Hand;
                Next::Skip
            }
            Step::Rcpt(n) if self.may_send() => self.send(What::Rcpt(n), Step::Rcpt(n + 1)),
            Step::Hand => self.step_hand(number),
            Step::Body => self.step_body(number),
            Step::Mail | Step::Rcpt(_) => Next::Wait,
        }
    }

    fn step_reset(&mut self, number: usize) -> Next {
        let is_bdat = self.transactions[number].transfer == Transfer::Bdat;
        let is_waiting = !self.expected.is_empty();
        let can_follow = self.capabilities.pipelining && is_bdat;
        if is_waiting && !can_follow {
            return Next::Wait;
        }
        if self.dirty || is_waiting {
            self.dirty = false;
            return self.send(What::Reset, Step::Mail);
        }
        self.cursor.at += RSET.len();
        self.cursor.step = Step::Mail;
        Next::Skip
    }

    fn step_hand(&mut self, number: usize) -> Next {
        let transaction = &self.transactions[number];
        let (what, is_eager) = match transaction.transfer {
            Transfer::Bdat => (What::Last, self.is_eager && transaction.size <= EAGER_MAX),
            Transfer::Data => (What::Data, true),
        };
        let is_waiting = !self.expected.is_empty();
        let can_follow = self.capabilities.pipelining && is_eager;
        if is_waiting && !can_follow {
            return Next::Wait;
        }
        if !is_waiting && !transaction.has_accepted() {
            return self.skip_transaction();
        }
        self.send(what, Step::Body)
    }

    fn step_body(&mut self, number: usize) -> Next {
        let transaction = &mut self.transactions[number];
        match (transaction.transfer, &transaction.data) {
            (Transfer::Data, Answer::None) => Next::Wait,
            (Transfer::Data, Answer::Refused(_)) => self.skip_transaction(),
            (Transfer::Data, _) if !transaction.has_accepted() => {
                transaction.body = Body::Withdrawn;
                self.expected.push_back(Expected { transaction: number, what: What::Last });
                self.next_transaction();
                let start = self.text.len();
                self.text.extend_from_slice(b".\r\n");
                Next::Chunk(Chunk::Text(start..self.text.len()))
            }
            (transfer, _) => {
                transaction.body = Body::Begun;
                if transfer == Transfer::Data {
                    self.expected.push_back(Expected { transaction: number, what: What::Last });
                }
                self.next_transaction();
                Next::Chunk(Chunk::Body { transaction: number, transfer })
            }
        }
    }

    /// Sends the command that the cursor is at.
    fn send(&mut self, what: What, then: Step) -> Next {
        let start = self.cursor.at;
        let length = memchr::memchr(b'\n', &self.text[start..]).map_or(0, |it| it + 1);
        self.expected.push_back(Expected { transaction: self.cursor.transaction, what });
        self.cursor.at += length;
        self.cursor.step = then;
        Next::Chunk(Chunk::Text(start..start + length))
    }

    fn may_send(&self) -> bool {
        self.capabilities.pipelining || self.expected.is_empty()
    }

    /// MAIL was refused before its RCPTs went out.
    fn is_hopeless(&self, number: usize) -> bool {
        self.expected.is_empty() && matches!(self.transactions[number].mail, Answer::Refused(_))
    }

    /// Leaves a transaction that has no body to send; RSET clears what the server knows of it.
    fn skip_transaction(&mut self) -> Next {
        self.dirty = true;
        self.next_transaction();
        Next::Skip
    }

    fn next_transaction(&mut self) {
        let transaction = self.cursor.transaction + 1;
        let at = self.transactions.get(transaction).map_or(0, |it| it.text.start);
        self.cursor = Cursor { transaction, step: Step::Reset, at };
    }
}

impl Transaction {
    fn has_accepted(&self) -> bool {
        !matches!(self.mail, Answer::Refused(_))
            && self.recipients.iter().any(|it| matches!(it, Answer::Accepted))
    }
}

fn has_utf8(envelope: &Envelope) -> bool {
    match &envelope.reverse_path {
        mail::ReversePath::Null => false,
        mail::ReversePath::Mailbox(address) => !address.is_ascii(),
    }
}
