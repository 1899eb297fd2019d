//! What is checked about a body while it streams past: its size and its header block.

use mail::Reply;

use super::texts;
use crate::server::head::{self, Head};
use crate::server::rules::Rules;

/// The body is at the end of a buffer that the shell owns; the shell takes nothing out of the
/// buffer until the header block is complete.
#[derive(Debug, Default)]
pub(super) struct Intake {
    /// Where the body begins in the buffer: behind the trace fields.
    from: Option<usize>,
    /// Octets of the header block that were searched for its end.
    scanned: usize,
    head: Option<Head>,
    octets: u64,
    refusal: Option<Box<Reply>>,
}

impl Intake {
    pub(super) fn octets(&self) -> u64 {
        self.octets
    }

    pub(super) fn into_head(self) -> Head {
        self.head.unwrap_or_default()
    }

    pub(super) fn is_head_complete(&self) -> bool {
        self.head.is_some()
    }

    pub(super) fn refusal(&self) -> Option<&Reply> {
        self.refusal.as_deref()
    }

    /// The first reason counts.
    pub(super) fn refuse(&mut self, reply: Reply) {
        self.refusal.get_or_insert_with(|| Box::new(reply));
    }

    /// To be called before anything is appended to `buffer`.
    pub(super) fn begin(&mut self, buffer: &[u8]) {
        self.from.get_or_insert(buffer.len());
    }

    /// Looks at what was appended to `buffer`, `added` octets.
    pub(super) fn grown(&mut self, buffer: &mut Vec<u8>, added: usize, rules: &Rules) {
        self.octets = self.octets.saturating_add(added as u64);
        if self.head.is_some() || self.refusal.is_some() {
            return;
        }
        let from = self.from.unwrap_or_default();
        let block = buffer.get(from..).unwrap_or_default();
        match head::end(block, self.scanned) {
            Some(end) => self.close_head(buffer, end, rules),
            None if block.len() > rules.header_bytes_max => self.refuse(texts::HEADER_TOO_BIG),
            None => self.scanned = block.len(),
        }
    }

    /// A message may end within its header block.
    pub(super) fn end(&mut self, buffer: &mut Vec<u8>, rules: &Rules) {
        if self.head.is_none() && self.refusal.is_none() {
            let from = self.from.unwrap_or_default();
            self.close_head(buffer, buffer.len().saturating_sub(from), rules);
        }
    }

    fn close_head(&mut self, buffer: &mut Vec<u8>, end: usize, rules: &Rules) {
        let from = self.from.unwrap_or_default();
        let own_name = rules.from_strangers.then(|| rules.hostname.as_str());
        let block = buffer.get(from..from + end).unwrap_or_default();
        let head = head::read(block, own_name);
        if end > rules.header_bytes_max || head.lines > rules.header_lines_max {
            return self.refuse(texts::HEADER_TOO_BIG);
        }
        if head.hops >= rules.hops_max {
            return self.refuse(texts::TOO_MANY_HOPS);
        }
        let before = buffer.len();
        head::cut(buffer, from, &head.forged);
        self.octets = self.octets.saturating_sub((before - buffer.len()) as u64);
        self.head = Some(head);
    }
}
