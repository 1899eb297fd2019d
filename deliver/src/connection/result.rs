//! What is sent in a batch, and what each recipient's part in it came to.

use std::sync::Arc;

use mail::{Address, Notify, Reply};
use smtp::client::Stage;
use spool::Message;

use super::AttemptError;

/// One message for those of its recipients that live at this hop.
#[derive(Clone, Debug)]
pub struct Transaction {
    pub message: Arc<Message>,
    pub recipients: Vec<TxRecipient>,
}

#[derive(Clone, Debug)]
pub struct TxRecipient {
    /// Its place in the message's envelope.
    pub index: u16,
    /// As the hop knows it.
    pub address: Address,
    pub notify: Notify,
    /// As it came, or made by [`crate::dsn::orcpt_of`] when `address` is not what the sender used.
    pub orcpt: Option<Box<str>>,
}

/// One for each recipient of the transaction, in its order, with the recipient's index.
#[derive(Clone, Debug)]
pub struct TransactionResult {
    pub recipients: Vec<(u16, RecipientResult)>,
}

#[derive(Clone, Debug)]
pub enum RecipientResult {
    Delivered(Reply),
    Refused {
        reply: Reply,
        stage: Stage,
    },
    /// The host cannot have the message: trying again makes no duplicate.
    Failed(AttemptError),
    /// All of the message was sent and no answer came: trying again may make a duplicate.
    Unknown(AttemptError),
}
