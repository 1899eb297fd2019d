//! Which command is allowed in which state: the match below is the specification.

use std::fmt::Write;

use mail::{Path, Protocol, Reply};

use super::state::{Hello, Receiving, State, Transaction, Way};
use super::{Session, Step, say, texts};
use crate::server::command::Command;
use crate::server::data::DataReader;
use crate::server::params::RcptParams;
use crate::server::xclient::{self, Told, Xclient};

impl Session {
    /// Carries out one command. `is_last`: nothing has come behind it yet.
    pub(super) fn obey(
        &mut self,
        command: Command<'_>,
        is_last: bool,
        out: &mut Vec<u8>,
    ) -> Option<Step> {
        if !is_last && self.must_be_last(&command) {
            return self.hangup(texts::EARLY, out);
        }
        match (self.take(), command) {
            (_, Command::Quit) => return self.hangup(texts::BYE, out),
            (state, Command::Ehlo(name)) => return self.ehlo(state, name, out),
            (state, Command::Helo(name)) => return self.helo(state, name, out),
            (state, Command::Rset) => return self.reset(state, out),
            (state, Command::Noop) => self.junk(state, &texts::NOOP_OK, out),
            (state, Command::Help) => self.junk(state, &texts::HELP, out),
            (state, Command::Vrfy) => self.junk(state, &texts::VRFY, out),
            (state, Command::Expn) => return self.wrong(state, texts::EXPN, out),
            (state, Command::Auth) => return self.wrong(state, texts::AUTH, out),
            (state, Command::Bdat { octets, last }) => return self.bdat(state, octets, last, out),
            (state, Command::StartTls) => return self.starttls(state, out),
            (state, Command::Xclient(text)) => return self.xclient(state, text, out),

            (State::Ready(hello) | State::Refused(hello), Command::Mail(path, params)) => {
                return self.mail(hello, Transaction::new(path, params), out);
            }
            (State::Mail(hello, transaction), Command::Rcpt(path, params)) => {
                return self.rcpt(hello, transaction, path, params, out);
            }
            (State::Mail(hello, transaction), Command::Data) => {
                return self.data(hello, transaction, out);
            }
            (state @ State::Start, _) => return self.wrong(state, texts::HELLO_FIRST, out),
            (state @ State::Ready(_), _) => return self.wrong(state, texts::MAIL_FIRST, out),
            (state @ State::Refused(_), _) => self.junk(state, &texts::MAIL_FIRST, out),
            (state @ State::Body(..), _) => return self.wrong(state, texts::CHUNKS_BEGAN, out),
            (state, _) => return self.wrong(state, texts::NESTED, out),
        }
        None
    }

    /// EHLO, HELO, DATA and STARTTLS end a group of commands, and a client that did not see
    /// PIPELINING offered must not send groups at all. Who speaks earlier may be two parties.
    ///
    /// Source: RFC 2920 §3.1.
    fn must_be_last(&self, command: &Command<'_>) -> bool {
        match command {
            Command::Ehlo(_) | Command::Helo(_) | Command::Data | Command::StartTls => true,
            Command::Quit => false,
            _ => self.hello().is_none_or(|it| it.protocol == Protocol::Smtp),
        }
    }

    /// Replies and stays in `state`.
    fn keep(&mut self, state: State, reply: &Reply, out: &mut Vec<u8>) {
        self.state = state;
        say(reply, out);
    }

    /// As [`Self::keep`], for a mistake.
    fn wrong(&mut self, state: State, reply: Reply, out: &mut Vec<u8>) -> Option<Step> {
        self.state = state;
        self.blame(reply, out)
    }

    fn junk(&mut self, state: State, reply: &Reply, out: &mut Vec<u8>) {
        self.state = state;
        let sentence = self.counters.junk(&self.rules);
        self.serve(sentence, reply, out);
    }

    /// EHLO at any time is also RSET: RFC 5321 §4.1.4.
    fn ehlo(&mut self, state: State, name: &str, out: &mut Vec<u8>) -> Option<Step> {
        self.state = State::Ready(Hello { name: name.into(), protocol: Protocol::Esmtp });
        let reply = Reply::plain(250, self.offers());
        let sentence = self.counters.junk(&self.rules);
        self.serve(sentence, &reply, out);
        abandoned(&state)
    }

    fn helo(&mut self, state: State, name: &str, out: &mut Vec<u8>) -> Option<Step> {
        self.state = State::Ready(Hello { name: name.into(), protocol: Protocol::Smtp });
        let reply = Reply::plain(250, self.rules.hostname.to_string());
        let sentence = self.counters.junk(&self.rules);
        self.serve(sentence, &reply, out);
        abandoned(&state)
    }

    /// The lines of the EHLO reply. STARTTLS is not offered twice.
    fn offers(&self) -> String {
        let rules = &self.rules;
        let mut text = format!("{}\nPIPELINING\nSIZE {}", rules.hostname, rules.message_bytes_max);
        text.push_str("\n8BITMIME\nBINARYMIME\nCHUNKING\nSMTPUTF8\nDSN\nENHANCEDSTATUSCODES");
        if rules.starttls && self.tls.is_none() {
            text.push_str("\nSTARTTLS");
        }
        if self.peer.may_xclient {
            text.push('\n');
            text.push_str(xclient::OFFER);
        }
        // Writing to a string cannot fail.
        let _ = write!(text, "\nLIMITS RCPTMAX={}", rules.recipients_max);
        text
    }

    fn reset(&mut self, state: State, out: &mut Vec<u8>) -> Option<Step> {
        let step = abandoned(&state);
        let state = match state {
            State::Refused(hello) | State::Mail(hello, _) | State::Body(hello, _) => {
                State::Ready(hello)
            }
            state => state,
        };
        self.junk(state, &texts::RESET_OK, out);
        step
    }

    fn mail(
        &mut self,
        hello: Hello,
        transaction: Box<Transaction>,
        out: &mut Vec<u8>,
    ) -> Option<Step> {
        if self.counters.is_spent(&self.rules) {
            return self.hangup(texts::TOO_MANY_MESSAGES, out);
        }
        let size = transaction.size;
        if size.is_some_and(|it| it > self.rules.message_bytes_max) {
            self.state = State::Refused(hello);
            return self.blame(texts::TOO_BIG, out);
        }
        self.state = State::AskSender(hello, transaction);
        Some(Step::Sender { size })
    }

    fn rcpt(
        &mut self,
        hello: Hello,
        transaction: Box<Transaction>,
        path: Path,
        params: RcptParams,
        out: &mut Vec<u8>,
    ) -> Option<Step> {
        let is_ascii = match &path {
            Path::Postmaster => true,
            Path::Mailbox(address) => address.is_ascii(),
        };
        if !is_ascii && !transaction.envelope.smtputf8 {
            return self.wrong(State::Mail(hello, transaction), texts::NEEDS_UTF8, out);
        }
        // Source: RFC 6533 §3: only where SMTPUTF8 is in use may it be other than 7-bit.
        let orcpt_is_ascii = params.orcpt.as_ref().is_none_or(|it| it.is_ascii());
        if !orcpt_is_ascii && !transaction.envelope.smtputf8 {
            return self.wrong(State::Mail(hello, transaction), texts::ORCPT_NEEDS_UTF8, out);
        }
        if !transaction.has_room(self.rules.recipients_max) {
            self.keep(State::Mail(hello, transaction), &texts::TOO_MANY_RECIPIENTS, out);
            return None;
        }
        self.state = State::AskRecipient(hello, transaction, params);
        Some(Step::Recipient(path))
    }

    fn data(
        &mut self,
        hello: Hello,
        transaction: Box<Transaction>,
        out: &mut Vec<u8>,
    ) -> Option<Step> {
        if transaction.is_binary() {
            return self.wrong(State::Mail(hello, transaction), texts::NEEDS_BDAT, out);
        }
        if transaction.envelope.recipients.is_empty() {
            self.keep(State::Refused(hello), &texts::NO_RECIPIENTS, out);
            return None;
        }
        let rules = &self.rules;
        let reader =
            DataReader::new(rules.bare_newline, rules.message_bytes_max, rules.data_line_max);
        let receiving = Receiving::new(transaction, Way::Data(reader));
        self.state = State::Opening(hello, Box::new(receiving));
        Some(Step::Open)
    }

    /// Refused inside a transaction, after TLS, and where there is no certificate.
    fn starttls(&mut self, state: State, out: &mut Vec<u8>) -> Option<Step> {
        let reply = match &state {
            _ if self.tls.is_some() => texts::TLS_ALREADY,
            _ if !self.rules.starttls => texts::TLS_NOT_OFFERED,
            State::Mail(..) | State::Body(..) => texts::IN_TRANSACTION,
            _ => {
                self.state = State::Handshake;
                say(&texts::TLS_GO, out);
                return Some(Step::StartTls);
            }
        };
        self.wrong(state, reply, out)
    }

    /// Starts the session over, as if the client that the peer speaks for had connected itself.
    fn xclient(&mut self, state: State, text: &str, out: &mut Vec<u8>) -> Option<Step> {
        if !self.peer.may_xclient {
            return self.wrong(state, texts::XCLIENT_DENIED, out);
        }
        if matches!(state, State::Mail(..) | State::Body(..)) {
            return self.wrong(state, texts::IN_TRANSACTION, out);
        }
        let Some(told) = Xclient::parse(text) else {
            return self.wrong(state, texts::XCLIENT_BAD, out);
        };
        self.become_client(&told);
        self.state = match told.helo {
            Some(name) => {
                State::Ready(Hello { name, protocol: told.protocol.unwrap_or(Protocol::Esmtp) })
            }
            None => State::Start,
        };
        self.greet(out);
        None
    }
}

impl Session {
    /// Nothing of the filter's own may be taken for its client's: neither its address, which may
    /// be admitted where the client's is not, nor its certificate. Attributes may come in several
    /// commands, so what an earlier one told stays.
    fn become_client(&mut self, told: &Xclient) {
        let is_first = self.filter.is_none();
        self.filter.get_or_insert_with(|| Box::new(self.peer.clone()));
        let before = if is_first { (None, 0) } else { (self.peer.address, self.peer.port) };
        self.peer.address = match told.address {
            Told::Nothing => before.0,
            Told::Unknown => None,
            Told::Is(address) => Some(address),
        };
        self.peer.port = told.port.unwrap_or(before.1);
        self.peer.name = told.name.clone();
        if let Some(tls) = &mut self.tls {
            tls.certificate = None;
        }
    }
}

/// A body that had begun with BDAT is thrown away with its transaction.
fn abandoned(state: &State) -> Option<Step> {
    matches!(state, State::Body(_, it) if it.intake.refusal().is_none()).then_some(Step::Discard)
}
