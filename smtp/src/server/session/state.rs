//! What a session knows, by how far it has come.

use mail::{
    Address, BodyType, Envelope, Protocol, Recipient, RecipientKind, ReversePath, SiteName,
};

use super::intake::Intake;
use crate::server::data::DataReader;
use crate::server::head::Head;
use crate::server::params::{MailParams, RcptParams};

/// ```text
///  Start ─EHLO─> Ready ─MAIL─> AskSender ──> Mail ─RCPT─> AskRecipient ──> Mail
///                  ▲ ▲            │ refused    │ DATA, BDAT
///                  │ └─ Refused <─┘            ▼
///                  │       ▲ Swallow <──── Opening ──> Body ─ end ─> Storing ──┐
///                  └───────┴───────────────────────────┴───────────────────────┘
/// ```
#[derive(Debug)]
pub(super) enum State {
    /// Nothing was said yet, or nothing that still counts.
    Start,
    Ready(Hello),
    /// A transaction has failed. What a client pipelined behind it is refused without blame.
    Refused(Hello),
    AskSender(Hello, Box<Transaction>),
    Mail(Hello, Box<Transaction>),
    AskRecipient(Hello, Box<Transaction>, RcptParams),
    /// The shell is to prepare for a body.
    Opening(Hello, Box<Receiving>),
    Body(Hello, Box<Receiving>),
    /// The rest of a chunk that nobody wants, and then the reply to it.
    Swallow(Hello, u64, Box<mail::Reply>),
    Storing(Hello),
    Handshake,
    Closed,
}

/// How the client introduced itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Hello {
    pub(super) name: Box<str>,
    pub(super) protocol: Protocol,
}

/// A mail transaction as far as it has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transaction {
    /// Named recipients in the order of RCPT; copies follow once the body is complete.
    pub envelope: Envelope,
    /// What the client announced with SIZE.
    pub size: Option<u64>,
    /// Empty until the body is complete.
    pub head: Head,
    /// Octets of the body as stored, without trace fields of ours.
    pub octets: u64,
    copies: Vec<Recipient>,
}

impl Transaction {
    pub(super) fn new(reverse_path: ReversePath, params: MailParams) -> Box<Self> {
        let envelope = Envelope {
            reverse_path,
            recipients: Vec::new(),
            body: params.body,
            smtputf8: params.smtputf8,
            ret: params.ret,
            envid: params.envid,
        };
        let (head, copies) = (Head::default(), Vec::new());
        Box::new(Self { envelope, size: params.size, head, octets: 0, copies })
    }

    pub(super) fn is_binary(&self) -> bool {
        self.envelope.body == BodyType::BinaryMime
    }

    /// Naming a recipient twice does not make two deliveries.
    pub(super) fn add(&mut self, address: Address, params: RcptParams, copy_to: Option<SiteName>) {
        if self.envelope.recipients.iter().any(|it| it.address == address) {
            return;
        }
        if let Some(site) = copy_to {
            self.copies.push(Recipient {
                address: address.clone(),
                notify: mail::Notify::NEVER,
                orcpt: None,
                kind: RecipientKind::Copy { site },
            });
        }
        let RcptParams { notify, orcpt } = params;
        let named = Recipient { address, notify, orcpt, kind: RecipientKind::Named };
        self.envelope.recipients.push(named);
    }

    pub(super) fn complete(&mut self, intake: Intake) {
        self.octets = intake.octets();
        self.head = intake.into_head();
        self.envelope.recipients.append(&mut self.copies);
    }
}

/// A body on its way in.
#[derive(Debug)]
pub(super) struct Receiving {
    pub(super) transaction: Box<Transaction>,
    pub(super) intake: Intake,
    pub(super) way: Way,
}

#[derive(Debug)]
pub(super) enum Way {
    Data(DataReader),
    /// Within a chunk of which `left` octets are still to come.
    Chunk {
        left: u64,
        last: bool,
    },
    /// A chunk is complete, and it was not the last.
    BetweenChunks,
}
