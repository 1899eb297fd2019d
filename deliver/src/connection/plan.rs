//! Which transactions of a batch are sent, in how many parts, and which are refused before a
//! single octet is.

use std::sync::Arc;

use mail::Reply;
use smtp::client::{
    BodyFacts, Capabilities, Obstacle, Outcome, Pipeline, Request, RequestRecipient, Stage,
    Transfer,
};
use spool::Body;

use super::{AttemptError, RecipientResult, Transaction, TransactionResult, TxRecipient, body};

/// A batch on its way.
pub(super) struct Plan<'a> {
    batch: &'a [Transaction],
    pub pipeline: Pipeline,
    /// For each transaction of the pipeline, its place in the batch: one message may need several
    /// when the host limits recipients.
    parts: Vec<usize>,
    /// What was settled without asking the host.
    settled: Vec<Vec<Option<RecipientResult>>>,
}

impl<'a> Plan<'a> {
    /// `room`: how many transactions the host still takes on this connection.
    pub(super) async fn new(
        batch: &'a [Transaction],
        capabilities: &Capabilities,
        is_dirty: bool,
        room: usize,
    ) -> Plan<'a> {
        let mut plan = Plan {
            batch,
            pipeline: Pipeline::new(capabilities, is_dirty),
            parts: Vec::with_capacity(batch.len()),
            settled: Vec::with_capacity(batch.len()),
        };
        for transaction in batch {
            let checked = check(transaction, capabilities).await;
            plan.add(transaction, capabilities, room, checked);
        }
        plan
    }

    fn add(
        &mut self,
        transaction: &'a Transaction,
        capabilities: &Capabilities,
        room: usize,
        checked: Result<(), RecipientResult>,
    ) {
        let number = self.settled.len();
        let all = &transaction.recipients;
        if let Err(result) = checked {
            self.settled.push(vec![Some(result); all.len()]);
            return;
        }
        let is_sent = |it: &&TxRecipient| !recipient(it).needs_missing_utf8(capabilities);
        let unnamable =
            || RecipientResult::Refused { reply: Obstacle::SmtpUtf8.reply(), stage: Stage::Rcpt };
        let mut settled: Vec<_> = all.iter().map(|it| (!is_sent(&it)).then(unnamable)).collect();
        let max = capabilities.limits.rcpt_max.map_or(usize::MAX, |it| it as usize);
        let n_sent = all.iter().filter(is_sent).count();
        let mut first = 0;
        while first < n_sent && self.parts.len() < room {
            let part = all.iter().filter(is_sent).skip(first).take(max).map(recipient);
            self.pipeline.push(&request(transaction, capabilities), part);
            self.parts.push(number);
            first = first.saturating_add(max);
        }
        let open = settled.iter_mut().filter(|it| it.is_none());
        open.skip(first)
            .for_each(|it| *it = Some(RecipientResult::Failed(AttemptError::NotReached)));
        self.settled.push(settled);
    }

    /// Transactions that the pipeline has.
    pub(super) fn n_parts(&self) -> usize {
        self.parts.len()
    }

    /// The bodies of the pipeline's transactions, by their numbers there.
    pub(super) fn bodies(&self) -> Vec<Body> {
        self.parts.iter().map(|&it| self.batch[it].message.body.clone()).collect()
    }

    /// Joins what the host said with what was settled before. `error`: why the pipeline broke
    /// off, if it did.
    pub(super) fn settle(self, error: Option<&AttemptError>) -> Vec<TransactionResult> {
        let mut settled = self.settled;
        for (outcomes, number) in self.pipeline.into_outcomes().zip(self.parts) {
            let open = settled[number].iter_mut().filter(|it| it.is_none());
            for (place, outcome) in open.zip(outcomes) {
                *place = Some(result(outcome, error));
            }
        }
        let not_reached = || RecipientResult::Failed(AttemptError::NotReached);
        let with_index = |(settled, transaction): (Vec<Option<_>>, &Transaction)| {
            let indexes = transaction.recipients.iter().map(|it| it.index);
            let results = settled.into_iter().map(|it| it.unwrap_or_else(not_reached));
            TransactionResult { recipients: indexes.zip(results).collect() }
        };
        settled.into_iter().zip(self.batch).map(with_index).collect()
    }
}

fn request<'a>(transaction: &'a Transaction, capabilities: &Capabilities) -> Request<'a> {
    let message = &transaction.message;
    let transfer = Transfer::choose(capabilities);
    Request { envelope: &message.envelope, size: message.body.len(), transfer }
}

fn recipient(it: &TxRecipient) -> RequestRecipient<'_> {
    RequestRecipient { address: &it.address, notify: it.notify, orcpt: it.orcpt.as_deref() }
}

/// Looks for obstacles, and into the body only where one could be there.
async fn check(
    transaction: &Transaction,
    capabilities: &Capabilities,
) -> Result<(), RecipientResult> {
    let request = request(transaction, capabilities);
    let needs_look =
        request.transfer == Transfer::Data || (request.envelope.smtputf8 && !capabilities.smtputf8);
    let mut facts = BodyFacts::default();
    if needs_look && Obstacle::of(capabilities, &request, facts).is_none() {
        facts = body::facts(&transaction.message.body)
            .await
            .map_err(|it| RecipientResult::Failed(AttemptError::Body(Arc::new(it))))?;
    }
    match Obstacle::of(capabilities, &request, facts) {
        None => Ok(()),
        Some(obstacle) => Err(refused(obstacle.reply())),
    }
}

fn refused(reply: Reply) -> RecipientResult {
    RecipientResult::Refused { reply, stage: Stage::Mail }
}

fn result(outcome: Outcome, error: Option<&AttemptError>) -> RecipientResult {
    let error = || error.cloned().unwrap_or(AttemptError::NotReached);
    match outcome {
        Outcome::Delivered(reply) => RecipientResult::Delivered(reply),
        Outcome::Refused { reply, stage } => RecipientResult::Refused { reply, stage },
        Outcome::NotHandedOver => RecipientResult::Failed(error()),
        Outcome::Unknown => RecipientResult::Unknown(error()),
    }
}
