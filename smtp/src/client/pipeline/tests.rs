//! Dialogues with scripted servers, and a property over all servers.

use mail::{Address, BodyType, Envelope, Notify, ReversePath};
use proptest::prelude::*;

use super::*;

const BOTH: u8 = PIPELINING | CHUNKING;
const PIPELINING: u8 = 1;
const CHUNKING: u8 = 2;

fn capabilities(flags: u8) -> Capabilities {
    Capabilities {
        pipelining: flags & PIPELINING != 0,
        chunking: flags & CHUNKING != 0,
        ..Capabilities::default()
    }
}

/// A pipeline of messages with so many recipients each, all of `size` octets.
fn pipeline(flags: u8, recipients: &[usize], size: u64) -> Pipeline {
    let capabilities = capabilities(flags);
    let envelope = Envelope {
        reverse_path: ReversePath::Mailbox("s@x.example".parse().unwrap()),
        recipients: vec![],
        body: BodyType::SevenBit,
        smtputf8: false,
        ret: None,
        envid: None,
    };
    let transfer = Transfer::choose(&capabilities);
    let request = Request { envelope: &envelope, size, transfer };
    let mut pipeline = Pipeline::new(&capabilities, false);
    for &n in recipients {
        let addresses: Vec<Address> =
            (0..n).map(|it| format!("r{it}@y").parse().unwrap()).collect();
        let notify = Notify::DEFAULT;
        let recipients =
            addresses.iter().map(|address| RequestRecipient { address, notify, orcpt: None });
        pipeline.push(&request, recipients);
    }
    pipeline
}

/// Everything that can be written now: verbs, and `body` for a body.
fn write(pipeline: &mut Pipeline) -> String {
    let mut words = Vec::new();
    while let Some(chunk) = pipeline.next_chunk() {
        match chunk {
            Chunk::Body { transaction, .. } => {
                pipeline.body_sent(transaction);
                words.push("body".to_owned());
            }
            Chunk::Text(range) => {
                let text = std::str::from_utf8(&pipeline.text()[range]).unwrap();
                assert!(text.ends_with("\r\n"), "{text:?}");
                words.extend(text.lines().map(|it| it.split(' ').next().unwrap().to_owned()));
            }
        }
    }
    words.join(" ")
}

fn show(outcomes: &[Outcome]) -> String {
    let words: Vec<String> = outcomes
        .iter()
        .map(|it| match it {
            Outcome::Delivered(_) => "delivered".to_owned(),
            Outcome::Refused { reply, stage } => format!("{} at {stage:?}", reply.code),
            Outcome::NotHandedOver => "not handed over".to_owned(),
            Outcome::Unknown => "unknown".to_owned(),
        })
        .collect();
    words.join(", ")
}

/// Plays `script`, lines of `written > code code …`, then compares the outcomes, one line a
/// message.
#[track_caller]
fn check(mut pipeline: Pipeline, script: &[&str], outcomes: &[&str]) {
    for line in script {
        let (want, codes) = line.split_once(" >").unwrap();
        assert_eq!(write(&mut pipeline), want);
        for code in codes.split_whitespace() {
            assert!(!pipeline.is_done(), "done before {code}");
            pipeline.reply(Reply::plain(code.parse().unwrap(), ""));
        }
    }
    let got: Vec<String> = pipeline.into_outcomes().map(|it| show(&it)).collect();
    assert_eq!(got, outcomes);
}

#[test]
fn several_messages_go_out_in_one_write() {
    check(
        pipeline(BOTH, &[2, 1], 10),
        &["MAIL RCPT RCPT BDAT body RSET MAIL RCPT BDAT body > 250 250 250 250 250 250 250 250"],
        &["delivered, delivered", "delivered"],
    );
}

#[test]
fn without_chunking_the_body_waits_for_354() {
    check(
        pipeline(PIPELINING, &[1, 1], 10),
        &[
            "MAIL RCPT DATA > 250 250 354",
            "body > 250",
            "MAIL RCPT DATA > 250 250 354",
            "body > 250",
        ],
        &["delivered", "delivered"],
    );
}

#[test]
fn without_pipelining_every_command_waits() {
    check(
        pipeline(0, &[2], 10),
        &["MAIL > 250", "RCPT > 250", "RCPT > 550", "DATA > 354", "body > 250"],
        &["delivered, 550 at Rcpt"],
    );
    check(
        pipeline(CHUNKING, &[1], 10),
        &["MAIL > 250", "RCPT > 250", "BDAT body > 250"],
        &["delivered"],
    );
}

#[test]
fn a_large_body_waits_for_a_recipient() {
    check(
        pipeline(BOTH, &[1, 1], EAGER_MAX + 1),
        &["MAIL RCPT > 250 550", "RSET MAIL RCPT > 250 250 250", "BDAT body > 250"],
        &["550 at Rcpt", "delivered"],
    );
}

#[test]
fn after_wasted_bodies_small_ones_wait_too() {
    let mut wasteful = pipeline(BOTH, &[1, 1], 10);
    write(&mut wasteful);
    for code in [250, 550, 503, 250, 250, 250, 250] {
        wasteful.reply(Reply::plain(code, ""));
    }
    assert_eq!(wasteful.n_wasted(), 1);
    let mut careful = pipeline(BOTH, &[1, 1], 10);
    careful.wait_for_recipients();
    check(
        careful,
        &["MAIL RCPT > 250 250", "BDAT body RSET MAIL RCPT > 250 250 250 550", " >"],
        &["delivered", "550 at Rcpt"],
    );
}

#[test]
fn when_all_recipients_fail_a_354_is_answered_with_a_lone_dot() {
    check(
        pipeline(PIPELINING, &[1, 1], 10),
        &["MAIL RCPT DATA > 250 550 354", ". > 554", "RSET MAIL RCPT DATA > 250 250 250 354"],
        &["550 at Rcpt", "not handed over"],
    );
}

#[test]
fn octets_of_a_refused_chunk_are_sent_and_its_reply_is_read() {
    check(
        pipeline(BOTH, &[1, 1], 10),
        &["MAIL RCPT BDAT body RSET MAIL RCPT BDAT body > 452 503 503 250 250 250 250"],
        &["452 at Mail", "delivered"],
    );
    check(
        pipeline(BOTH, &[2], 10),
        &["MAIL RCPT RCPT BDAT body > 250 550 451 554"],
        &["550 at Rcpt, 451 at Rcpt"],
    );
}

#[test]
fn a_refusal_of_the_message_is_for_those_who_were_accepted() {
    check(
        pipeline(BOTH, &[2], 10),
        &["MAIL RCPT RCPT BDAT body > 250 250 551 452"],
        &["452 at Body, 551 at Rcpt"],
    );
    check(
        pipeline(PIPELINING, &[2], 10),
        &["MAIL RCPT RCPT DATA > 250 250 551 451"],
        &["451 at Data, 551 at Rcpt"],
    );
}

#[test]
fn refused_mail_ends_the_transaction_in_lock_step() {
    check(
        pipeline(0, &[2, 1], 10),
        &["MAIL > 452", "RSET > 250", "MAIL > 250", "RCPT > 550", " >"],
        &["452 at Mail, 452 at Mail", "550 at Rcpt"],
    );
}

#[test]
fn after_421_nothing_that_was_not_answered_counts_as_handed_over() {
    check(
        pipeline(BOTH, &[1, 1, 1], 10),
        &[
            "MAIL RCPT BDAT body RSET MAIL RCPT BDAT body RSET MAIL RCPT BDAT body > 250 250 250 250 421",
        ],
        &["delivered", "421 at Mail", "not handed over"],
    );
    check(
        pipeline(BOTH, &[2], 10),
        &["MAIL RCPT RCPT BDAT body > 250 421"],
        &["421 at Rcpt, not handed over"],
    );
}

#[test]
fn a_lost_connection_leaves_only_whole_messages_in_doubt() {
    check(
        pipeline(BOTH, &[2], 10),
        &["MAIL RCPT RCPT BDAT body > 250 250 550"],
        &["unknown, 550 at Rcpt"],
    );
    check(pipeline(BOTH, &[1], 10), &["MAIL RCPT BDAT body >"], &["unknown"]);
    check(pipeline(PIPELINING, &[1], 10), &["MAIL RCPT DATA > 250 250"], &["not handed over"]);
}

#[test]
fn replies_that_nobody_asked_for_end_the_batch() {
    let mut pipeline = pipeline(BOTH, &[1], 10);
    pipeline.reply(Reply::plain(250, "ok"));
    assert!(matches!(pipeline.end(), Some(End::Violation(Violation::Unasked(_)))));
    assert_eq!(pipeline.next_chunk(), None);
    assert!(pipeline.is_done());
}

#[test]
fn a_message_cannot_be_accepted_before_it_was_sent() {
    for (code, want) in [(250, "not handed over"), (552, "552 at Body")] {
        let mut pipeline = pipeline(BOTH, &[1], 10);
        while pipeline.next_chunk().is_some() {}
        for code in [250, 250, code] {
            pipeline.reply(Reply::plain(code, ""));
        }
        assert!(pipeline.end().is_some());
        assert_eq!(show(&pipeline.into_outcomes().next().unwrap()), want);
    }
}

#[test]
fn the_next_batch_begins_with_rset_only_when_the_last_one_ended_in_doubt() {
    for (codes, dirty) in
        [([250, 250, 250], false), ([250, 250, 452], true), ([250, 550, 503], true)]
    {
        let mut pipeline = pipeline(BOTH, &[1], 10);
        write(&mut pipeline);
        codes.into_iter().for_each(|it| pipeline.reply(Reply::plain(it, "")));
        assert_eq!(pipeline.is_dirty(), dirty, "{codes:?}");
    }
    let mut pipeline = pipeline(BOTH, &[1], 10);
    pipeline.dirty = true;
    assert_eq!(write(&mut pipeline), "RSET MAIL RCPT BDAT body");
}

/// A server that follows the RFC, with refusals as the dice say. Tells what it took.
struct Server {
    dice: std::vec::IntoIter<u8>,
    recipients: Vec<usize>,
    in_mail: bool,
    n_rcpt: usize,
    taken: Vec<Vec<usize>>,
}

impl Server {
    fn answer(&mut self, verb: &str) -> Option<u16> {
        let is_lucky = self.dice.next().is_some_and(|it| it < 200);
        let code = match verb {
            "RSET" => 250,
            "MAIL" if self.in_mail => 503,
            "MAIL" if is_lucky => 250,
            "RCPT" if !self.in_mail => 503,
            "RCPT" if is_lucky => 250,
            "DATA" | "BDAT" if self.recipients.is_empty() => 503,
            "DATA" if is_lucky => 354,
            "BDAT" => return None,
            "body" | "." if is_lucky && !self.recipients.is_empty() => 250,
            _ => 451,
        };
        match (verb, code) {
            ("RSET", _) => (self.in_mail, self.recipients) = (false, vec![]),
            ("MAIL", 250) => (self.in_mail, self.n_rcpt) = (true, 0),
            ("RCPT", _) => {
                if code == 250 {
                    self.recipients.push(self.n_rcpt);
                }
                self.n_rcpt += 1;
            }
            ("body", 250) => {
                self.taken.push(std::mem::take(&mut self.recipients));
                self.in_mail = false;
            }
            // It keeps the failed transaction open, as some do after BDAT.
            _ => (),
        }
        Some(code)
    }
}

proptest! {
    /// What the server took is what we call delivered, no more and no less, whatever it refuses.
    #[test]
    fn delivered_means_taken(
        flags in 0_u8..4,
        recipients in prop::collection::vec(1_usize..4, 1..5),
        is_large in any::<bool>(),
        is_careful in any::<bool>(),
        dice in prop::collection::vec(any::<u8>(), 0..80),
    ) {
        let mut pipeline = pipeline(flags, &recipients, if is_large { EAGER_MAX + 1 } else { 1 });
        if is_careful {
            pipeline.wait_for_recipients();
        }
        let mut server = Server {
            dice: dice.into_iter(), recipients: vec![], in_mail: false, n_rcpt: 0, taken: vec![],
        };
        while !pipeline.is_done() {
            let written = write(&mut pipeline);
            prop_assert!(!written.is_empty() || pipeline.is_done());
            let mut refused_chunk = false;
            for verb in written.split_whitespace() {
                if std::mem::take(&mut refused_chunk) {
                    continue;
                }
                if let Some(code) = server.answer(verb) {
                    refused_chunk = verb == "BDAT";
                    pipeline.reply(Reply::plain(code, ""));
                }
            }
        }
        prop_assert_eq!(pipeline.end(), None);
        let mut delivered: Vec<Vec<usize>> = Vec::new();
        for (outcomes, n) in pipeline.into_outcomes().zip(&recipients) {
            prop_assert_eq!(outcomes.len(), *n);
            let is_delivered = |it: &Outcome| matches!(it, Outcome::Delivered(_));
            let of_it: Vec<usize> = (0..*n).filter(|&it| is_delivered(&outcomes[it])).collect();
            let is_settled = |it: &Outcome| is_delivered(it) || matches!(it, Outcome::Refused { .. });
            prop_assert!(outcomes.iter().all(is_settled), "{:?}", outcomes);
            if !of_it.is_empty() {
                delivered.push(of_it);
            }
        }
        prop_assert_eq!(delivered, server.taken);
    }

    /// No sequence of replies panics, and every recipient has an outcome.
    #[test]
    fn any_replies_are_survived(
        flags in 0_u8..4,
        recipients in prop::collection::vec(1_usize..4, 1..4),
        codes in prop::collection::vec(200_u16..600, 0..40),
    ) {
        let mut pipeline = pipeline(flags, &recipients, 1);
        for code in codes {
            write(&mut pipeline);
            if pipeline.end().is_none() {
                pipeline.reply(Reply::plain(code, "x"));
            }
        }
        let counts: Vec<usize> = pipeline.into_outcomes().map(|it| it.len()).collect();
        prop_assert_eq!(counts, recipients);
    }
}
