//! Revisions: one per change of the table, each with the hash of the one before it. A revision that
//! was altered afterwards, or its rows, does not fit its hash; one that is missing does not fit its
//! successor. The text that is hashed: docs/formats/table.md.

use aws_lc_rs::digest::{Context, SHA256};
use mail::Timestamp;
use router::RowChange;

use crate::lines;

/// Why a change is made, beyond who and what for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Because {
    pub ticket: Option<String>,
    /// The plan that is applied.
    pub plan: Option<String>,
    pub approvers: Vec<String>,
    /// Rails that it passes by an override, with the reason.
    pub overrides: Vec<String>,
}

/// A change of the table as it is written down.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Revision {
    pub(crate) generation: u64,
    pub(crate) at: Timestamp,
    pub(crate) author: String,
    pub(crate) reason: String,
    pub(crate) because: Because,
}

/// SHA-256.
pub type Hash = [u8; 32];

/// What the chain of revisions looks like from one end to the other.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Chain {
    pub revisions: u64,
    /// Of the last revision that fits.
    pub head: Option<Hash>,
    /// The first revision that does not fit, and why.
    pub broken: Option<(u64, String)>,
}

impl Because {
    /// As it is kept: the lists have one item a line.
    pub(crate) fn in_lines(&self) -> Self {
        let list = |all: &[String]| all.iter().map(|it| it.replace(['\n', '\r'], " ")).collect();
        Self {
            ticket: self.ticket.clone(),
            plan: self.plan.clone(),
            approvers: list(&self.approvers),
            overrides: list(&self.overrides),
        }
    }
}

impl Revision {
    /// `rows` sorted by key.
    pub(crate) fn hash(&self, previous: Option<&Hash>, rows: &[&RowChange]) -> Hash {
        let mut digest = Context::new(&SHA256);
        digest.update(self.head(previous, rows.len()).as_bytes());
        for row in rows {
            digest.update(lines::change(row).as_bytes());
        }
        finished(digest)
    }

    fn head(&self, previous: Option<&Hash>, rows: usize) -> String {
        let Because { ticket, plan, approvers, overrides } = &self.because;
        let list = |all: &[String]| all.iter().map(|it| lines::escaped(it)).collect::<Vec<_>>();
        let text = |it: &Option<String>| lines::escaped(it.as_deref().unwrap_or_default());
        format!(
            "causeway table revision 1\ngeneration {}\nat {}\nprevious {}\nauthor {}\nreason {}\n\
             ticket {}\nplan {}\napprovers {}\noverrides {}\nrows {rows}\n",
            self.generation,
            self.at.as_micros(),
            previous.map(hex).unwrap_or_default(),
            lines::escaped(&self.author),
            lines::escaped(&self.reason),
            text(ticket),
            text(plan),
            list(approvers).join("\t"),
            list(overrides).join("\t"),
        )
    }
}

/// SHA-256 of the rows of a plan.
pub fn plan_hash(rows: &[RowChange]) -> Hash {
    let mut digest = Context::new(&SHA256);
    for row in rows {
        digest.update(lines::change(row).as_bytes());
    }
    finished(digest)
}

fn finished(digest: Context) -> Hash {
    let mut hash = Hash::default();
    hash.copy_from_slice(digest.finish().as_ref());
    hash
}

pub fn hex(hash: &Hash) -> String {
    hash.iter().map(|it| format!("{it:02x}")).collect()
}
