//! The body of a message on its way through a session: DATA and BDAT.

use mail::{Protocol, Reply};

use super::abuse::Sentence;
use super::intake::Intake;
use super::state::{Hello, Receiving, State, Transaction, Way};
use super::{Session, Step, say, texts};
use crate::server::data::Flaw;

impl Receiving {
    pub(super) fn new(transaction: Box<Transaction>, way: Way) -> Self {
        Self { transaction, intake: Intake::default(), way }
    }

    /// Why the body is refused. A flaw in its form is named before its size, which is noticed
    /// earlier or later depending on how the body was cut into packets.
    fn refusal(&self) -> Option<Reply> {
        let flaw = match &self.way {
            Way::Data(reader) => reader.flaw().filter(|it| *it != Flaw::TooBig),
            Way::Chunk { .. } | Way::BetweenChunks => None,
        };
        flaw.map(texts::flawed).or_else(|| self.intake.refusal().cloned())
    }

    pub(super) const fn is_between_chunks(&self) -> bool {
        matches!(self.way, Way::BetweenChunks)
    }
}

impl Session {
    /// The answer to [`Step::Open`]. On refusal the octets of a chunk are still read.
    pub fn opened(&mut self, answer: Result<(), Reply>, out: &mut Vec<u8>) {
        let State::Opening(hello, receiving) = self.take() else { return };
        match (answer, &receiving.way) {
            (Ok(()), way) => {
                if matches!(way, Way::Data(_)) {
                    say(&texts::go_ahead(), out);
                }
                self.state = State::Body(hello, receiving);
            }
            (Err(reply), Way::Chunk { left, .. }) => {
                self.state = State::Swallow(hello, *left, Box::new(reply));
            }
            (Err(reply), _) => {
                self.state = State::Refused(hello);
                say(&reply, out);
            }
        }
    }

    /// The body cannot be kept any more, for a reason outside of it. What is still to come of it is
    /// read and thrown away, and then answered with `reply`.
    pub fn spoil(&mut self, reply: Reply) {
        if let State::Body(_, receiving) = &mut self.state {
            receiving.intake.refuse(reply);
        }
    }

    /// `BDAT`: however it is answered, exactly `octets` are read first.
    ///
    /// Source: RFC 3030 §2.
    pub(super) fn bdat(
        &mut self,
        state: State,
        octets: u64,
        last: bool,
        out: &mut Vec<u8>,
    ) -> Option<Step> {
        match state {
            State::Start => {
                // Without a name there is no transaction to spoil, and no reason to go on.
                let _ = self.unwanted(None, octets, texts::HELLO_FIRST, out);
                None
            }
            State::Body(hello, receiving) => self.next_chunk(hello, receiving, octets, last, out),
            State::Mail(hello, transaction) if !transaction.envelope.recipients.is_empty() => {
                if octets > self.rules.message_bytes_max {
                    return self.unwanted(Some(hello), octets, texts::TOO_BIG, out);
                }
                let way = Way::Chunk { left: octets, last };
                self.state = State::Opening(hello, Box::new(Receiving::new(transaction, way)));
                Some(Step::Open)
            }
            State::Mail(hello, _) => self.unwanted(Some(hello), octets, texts::NO_RECIPIENTS, out),
            State::Ready(hello) | State::Refused(hello) => {
                self.unwanted(Some(hello), octets, texts::MAIL_FIRST, out)
            }
            state => {
                self.state = state;
                None
            }
        }
    }

    fn next_chunk(
        &mut self,
        hello: Hello,
        mut receiving: Box<Receiving>,
        octets: u64,
        last: bool,
        out: &mut Vec<u8>,
    ) -> Option<Step> {
        let total = receiving.intake.octets().saturating_add(octets);
        if total > self.rules.message_bytes_max {
            let _ = self.unwanted(Some(hello), octets, texts::TOO_BIG, out);
            return Some(Step::Discard);
        }
        receiving.way = Way::Chunk { left: octets, last };
        self.state = State::Body(hello, receiving);
        None
    }

    /// A chunk that is read only to stay in step with the client.
    fn unwanted(
        &mut self,
        hello: Option<Hello>,
        octets: u64,
        reply: Reply,
        out: &mut Vec<u8>,
    ) -> Option<Step> {
        let Some(hello) = hello else { return self.hangup(reply, out) };
        if let Sentence::Hangup(last) = self.counters.swallow(octets, &reply, &self.rules) {
            return self.hangup(last, out);
        }
        self.state = State::Swallow(hello, octets, Box::new(reply));
        None
    }

    pub(super) fn swallow(&mut self, input: &mut &[u8], out: &mut Vec<u8>) -> Option<Step> {
        let State::Swallow(hello, left, reply) = self.take() else { return None };
        let (n, rest) = split(left, input);
        *input = &input[n..];
        if rest > 0 {
            self.state = State::Swallow(hello, rest, reply);
            return Some(Step::Read);
        }
        self.state = State::Refused(hello);
        self.count(&reply);
        let sentence = self.counters.junk(&self.rules);
        self.serve(sentence, &reply, out);
        None
    }

    /// Takes in what has come of a body.
    pub(super) fn receive(
        &mut self,
        input: &mut &[u8],
        out: &mut Vec<u8>,
        body: &mut Vec<u8>,
    ) -> Option<Step> {
        let State::Body(hello, mut it) = self.take() else { return None };
        let was_refused = it.intake.refusal().is_some();
        it.intake.begin(body);
        let (before, offered) = (body.len(), input.len());
        let is_end = match &mut it.way {
            Way::Data(reader) => {
                if was_refused {
                    reader.discard();
                }
                let fed = reader.feed(input, body);
                *input = &input[fed.used..];
                if let Some(flaw) = reader.flaw() {
                    it.intake.refuse(texts::flawed(flaw));
                }
                fed.is_end
            }
            Way::Chunk { left, .. } => {
                let (n, rest) = split(*left, input);
                if !was_refused {
                    body.extend_from_slice(&input[..n]);
                }
                *input = &input[n..];
                *left = rest;
                rest == 0
            }
            Way::BetweenChunks => false,
        };
        it.intake.grown(body, body.len() - before, &self.rules);
        let used = offered - input.len();
        if let Some(step) = self.bound_waste(&it, used, out) {
            return Some(step);
        }
        if is_end {
            // A client without PIPELINING that says goodbye with its last line harms nobody.
            let is_last = input.is_empty() || input.eq_ignore_ascii_case(b"QUIT\r\n");
            return self.ended(hello, it, was_refused, is_last, out, body);
        }
        let is_refused = it.intake.refusal().is_some();
        self.state = State::Body(hello, it);
        Some(if is_refused && !was_refused { Step::Discard } else { Step::Read })
    }

    /// Hangs up on who goes on sending what was refused long ago.
    fn bound_waste(&mut self, it: &Receiving, used: usize, out: &mut Vec<u8>) -> Option<Step> {
        let reply = it.intake.refusal()?;
        match self.counters.swallow(used as u64, reply, &self.rules) {
            Sentence::Hangup(last) => self.hangup(last, out),
            _ => None,
        }
    }

    /// The end of DATA, or of a chunk.
    fn ended(
        &mut self,
        hello: Hello,
        mut it: Box<Receiving>,
        was_discarded: bool,
        is_last: bool,
        out: &mut Vec<u8>,
        body: &mut Vec<u8>,
    ) -> Option<Step> {
        if hello.protocol == Protocol::Smtp && !is_last {
            return self.hangup(texts::EARLY, out);
        }
        if let Way::Chunk { last: false, .. } = it.way
            && it.intake.refusal().is_none()
        {
            it.way = Way::BetweenChunks;
            self.state = State::Body(hello, it);
            say(&texts::CHUNK_OK, out);
            return None;
        }
        it.intake.end(body, &self.rules);
        if let Some(reply) = it.refusal() {
            self.state = State::Refused(hello);
            self.refuse(reply, out);
            return (!was_discarded).then_some(Step::Discard);
        }
        let Receiving { mut transaction, intake, .. } = *it;
        transaction.complete(intake);
        self.state = State::Storing(hello);
        Some(Step::Store(transaction))
    }
}

/// How many octets of `input` belong to the `left` that are wanted, and how many stay wanted.
fn split(left: u64, input: &[u8]) -> (usize, u64) {
    let n = usize::try_from(left).unwrap_or(usize::MAX).min(input.len());
    (n, left - n as u64)
}
