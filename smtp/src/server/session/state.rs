//! What a session knows, by how far it has come.

use std::collections::HashSet;

use mail::{
    Address, AddressKey, BodyType, Envelope, Protocol, Recipient, RecipientKind, ReversePath,
    SiteName,
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
    /// Of all recipients, once there is a second one.
    keys: HashSet<AddressKey>,
}

/// Recipients of one transaction, copies included, that the spool can tell apart.
const RECIPIENTS_MAX: usize = u16::MAX as usize;

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
        let (head, copies, keys) = (Head::default(), Vec::new(), HashSet::new());
        Box::new(Self { envelope, size: params.size, head, octets: 0, copies, keys })
    }

    pub(super) fn is_binary(&self) -> bool {
        self.envelope.body == BodyType::BinaryMime
    }

    /// Whether there is room for one more recipient and its copy.
    pub(super) fn has_room(&self, recipients_max: usize) -> bool {
        let named = self.envelope.recipients.len();
        named < recipients_max && named + self.copies.len() + 2 <= RECIPIENTS_MAX
    }

    /// Naming a mailbox twice does not make two deliveries, however it is spelled.
    pub(super) fn add(&mut self, address: Address, params: RcptParams, copy_to: Option<SiteName>) {
        if self.is_named(&address) {
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

    /// Takes note of `address`. Most messages have one recipient, and pay nothing.
    fn is_named(&mut self, address: &Address) -> bool {
        match self.envelope.recipients.as_slice() {
            [] => return false,
            [first] => self.keys.insert(first.address.key()),
            _ => false,
        };
        !self.keys.insert(address.key())
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

#[cfg(test)]
mod tests {
    use super::*;

    fn transaction() -> Box<Transaction> {
        Transaction::new(ReversePath::Null, MailParams::default())
    }

    fn add(to: &mut Transaction, address: &str, copy_to: Option<&str>) {
        let copy_to = copy_to.map(SiteName::new);
        to.add(address.parse().unwrap(), RcptParams::default(), copy_to);
    }

    #[test]
    fn a_mailbox_is_named_once_however_it_is_spelled() {
        let mut it = transaction();
        for address in ["Anna@x.example", "anna@X.example", "\"anna\"@x.example"] {
            add(&mut it, address, Some("cloud"));
        }
        add(&mut it, "ben@x.example", None);
        add(&mut it, "BEN@x.example", None);
        add(&mut it, "anna@x.example", None);
        let named: Vec<_> =
            it.envelope.recipients.iter().map(|it| it.address.to_string()).collect();
        assert_eq!(named, ["Anna@x.example", "ben@x.example"]);
        assert_eq!(it.copies.len(), 1);
    }

    #[test]
    fn there_is_never_a_recipient_that_the_spool_cannot_count() {
        let mut it = transaction();
        for n in 0.. {
            if !it.has_room(usize::MAX) {
                break;
            }
            add(&mut it, &format!("u{n}@x.example"), Some("cloud"));
        }
        it.complete(Intake::default());
        let n = it.envelope.recipients.len();
        assert!((65_000..=usize::from(u16::MAX)).contains(&n), "{n}");
    }
}
