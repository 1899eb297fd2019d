//! Where every waiting message is, and what is still live in every segment.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use crate::disk::DiskFile;
use crate::queue::Settlement;
use crate::record::Lsn;
use crate::shared::Ids;

/// What is kept in memory of one message: 24 bytes, with the id and the table's own 33 to 75.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) at: Lsn,
    /// Bytes of the record in the segment.
    pub(crate) bytes: u32,
    pub(crate) recipients: u16,
    pub(crate) large: bool,
    /// Bit n: recipient n is settled. Those of messages with more than 64 are in `wide`.
    settled: u64,
}

impl Entry {
    pub(crate) fn new(at: Lsn, bytes: u64, recipients: u16, large: bool) -> Self {
        let bytes = u32::try_from(bytes).unwrap_or(u32::MAX);
        Self { at, bytes, recipients, large, settled: 0 }
    }
}

/// One segment file that holds something.
pub(crate) struct Segment {
    pub(crate) file: Arc<dyn DiskFile>,
    /// End of the synced part.
    pub(crate) end: u64,
    /// Size of the file, as the spool's total counts it.
    pub(crate) file_bytes: u64,
    /// Messages here with an unsettled recipient, and their bytes.
    pub(crate) live: u32,
    pub(crate) live_bytes: u64,
    /// Every message whose record is here, settled or not; freed with the segment.
    pub(crate) ids: Vec<u64>,
    /// Every message that an event here is about.
    pub(crate) events: Vec<u64>,
    pub(crate) state: SegmentState,
    /// It may hold copies of records that the index finds elsewhere, so it must go before any
    /// other segment does: their events may be all that keeps the copies dead.
    pub(crate) ghosts: bool,
    /// A write or a sync failed here; the file is not used again.
    pub(crate) poisoned: bool,
    /// Something in it could not be copied to `corrupt/`; it is kept for an operator.
    pub(crate) pinned: bool,
    /// It could not be read when it was to be freed; tried again later.
    pub(crate) stuck: bool,
    /// What is needed of it is most of it; looked at again later.
    pub(crate) rests: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SegmentState {
    /// Of an earlier run and not scanned yet.
    Unread,
    /// The commit thread writes here.
    Head,
    Sealed,
}

impl Segment {
    pub(crate) fn new(file: Arc<dyn DiskFile>, state: SegmentState, file_bytes: u64) -> Self {
        Self {
            file,
            end: crate::segment::FIRST_RECORD,
            file_bytes,
            live: 0,
            live_bytes: 0,
            ids: Vec::new(),
            events: Vec::new(),
            state,
            ghosts: false,
            poisoned: false,
            pinned: false,
            stuck: false,
            rests: false,
        }
    }

    /// Nothing is freed here, for now or in this run.
    pub(crate) fn is_left_alone(&self) -> bool {
        self.pinned || self.stuck || self.state == SegmentState::Unread
    }

    pub(crate) fn add_event(&mut self, id: u64) {
        if self.events.last() != Some(&id) {
            self.events.push(id);
        }
    }
}

/// What settling some recipients did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Change {
    /// Recipients that were not settled before.
    pub(crate) settled: u32,
    /// The last one of the message; its large body can go.
    pub(crate) finished: bool,
    pub(crate) large: bool,
}

#[derive(Default)]
pub(crate) struct Index {
    entries: HashMap<u64, Entry>,
    wide: HashMap<u64, Box<[u64]>>,
    pub(crate) segments: BTreeMap<u32, Segment>,
    queued: u64,
    pub(crate) recovering: bool,
    /// Messages that were found damaged in this run.
    lost: HashSet<u64>,
    /// Settlements of messages that the scan has not shown yet.
    orphans: Vec<(u32, Settlement)>,
    /// The number of this run's first segment, and that some segment of an earlier one could not
    /// be read.
    run: u32,
    unread: bool,
    /// Messages of which a segment that cannot go may hold a record that must not count.
    haunted: HashSet<u64>,
}

impl Index {
    pub(crate) fn new(run: u32) -> Self {
        Self { run, ..Self::default() }
    }

    pub(crate) fn get(&self, id: u64) -> Option<Entry> {
        self.entries.get(&id).copied()
    }

    /// A message with an unsettled recipient.
    pub(crate) fn waiting(&self, id: u64) -> Option<Entry> {
        self.get(id).filter(|it| self.unsettled(id, it) > 0)
    }

    pub(crate) fn queued(&self) -> u64 {
        self.queued
    }

    fn unsettled(&self, id: u64, entry: &Entry) -> u32 {
        let settled = match self.wide.get(&id) {
            Some(words) => words.iter().map(|it| it.count_ones()).sum(),
            None => entry.settled.count_ones(),
        };
        u32::from(entry.recipients).saturating_sub(settled)
    }

    pub(crate) fn is_settled(&self, id: u64, recipient: u16) -> bool {
        let (word, bit) = (usize::from(recipient / 64), 1 << (recipient % 64));
        match (self.wide.get(&id), self.entries.get(&id)) {
            (Some(words), _) => words.get(word).is_some_and(|it| it & bit != 0),
            (None, Some(entry)) => word == 0 && entry.settled & bit != 0,
            (None, None) => true,
        }
    }

    /// Every message that waits, with its recipients that do.
    pub(crate) fn snapshot(&self) -> HashMap<u64, Vec<u16>> {
        let waiting = self.entries.iter().filter(|(id, it)| self.unsettled(**id, it) > 0);
        waiting
            .map(|(&id, entry)| {
                let open = (0..entry.recipients).filter(|&it| !self.is_settled(id, it));
                (id, open.collect())
            })
            .collect()
    }

    /// Ids of messages that wait, ascending.
    pub(crate) fn waiting_ids(&self) -> Vec<u64> {
        let waiting = self.entries.iter().filter(|(id, it)| self.unsettled(**id, it) > 0);
        let mut ids: Vec<u64> = waiting.map(|(&id, _)| id).collect();
        ids.sort_unstable();
        ids
    }

    /// A message record is durable.
    pub(crate) fn insert(&mut self, id: u64, entry: Entry) {
        if entry.recipients > 64 {
            let words = usize::from(entry.recipients).div_ceil(64);
            self.wide.insert(id, vec![0; words].into());
        }
        self.entries.insert(id, entry);
        if entry.recipients > 0 {
            self.queued += 1;
        }
        if let Some(segment) = self.segments.get_mut(&entry.at.segment) {
            segment.ids.push(id);
            if entry.recipients > 0 {
                segment.live += 1;
                segment.live_bytes += u64::from(entry.bytes);
            }
        }
    }

    /// A later record of the same message was found: the earlier one is a ghost, and its
    /// segment must go before the events that keep the message settled do.
    pub(crate) fn supersede(&mut self, id: u64, earlier: Entry) {
        if self.unsettled(id, &earlier) > 0 {
            self.retire(&earlier);
        }
        self.entries.remove(&id);
        self.wide.remove(&id);
        self.haunt(earlier.at.segment);
    }

    pub(crate) fn pin(&mut self, segment: u32) {
        if let Some(segment) = self.segments.get_mut(&segment) {
            segment.pinned = true;
        }
        self.note_haunted();
    }

    /// The segment could not be read.
    pub(crate) fn stick(&mut self, segment: u32) {
        if let Some(segment) = self.segments.get_mut(&segment) {
            segment.stuck = true;
        }
        self.note_haunted();
    }

    pub(crate) fn try_stuck_again(&mut self) {
        self.segments.values_mut().for_each(|it| (it.stuck, it.rests) = (false, false));
    }

    pub(crate) fn let_rest(&mut self, segment: u32) {
        if let Some(segment) = self.segments.get_mut(&segment) {
            segment.rests = true;
        }
    }

    /// Segments that cannot be freed although nothing may wait in them.
    pub(crate) fn left_alone(&self) -> usize {
        if self.recovering {
            return 0;
        }
        self.segments.values().filter(|it| it.is_left_alone()).count()
    }

    fn note_haunted(&mut self) {
        let ghosts = self.segments.values().filter(|it| it.ghosts && it.is_left_alone());
        self.haunted.extend(ghosts.flat_map(|it| &it.ids));
    }

    /// A segment that cannot go may hold a record of the message that only an event keeps dead.
    /// Of one that could not be read it is only known that no message of this run is in it.
    fn is_haunted(&self, id: u64) -> bool {
        self.haunted.contains(&id) || self.unread && !Ids::is_of(id, self.run)
    }

    /// Its title says where a segment ends that cannot go; see [`crate::segment::Title::follows`].
    pub(crate) fn is_witness(&self, number: u32) -> bool {
        let full = |it: &Segment| it.end > crate::segment::FIRST_RECORD;
        for (_, it) in self.segments.range(..number).rev() {
            if it.is_left_alone() {
                return true;
            }
            if full(it) {
                return false;
            }
        }
        false
    }

    /// The segment holds a record that must not count.
    pub(crate) fn haunt(&mut self, segment: u32) {
        if let Some(segment) = self.segments.get_mut(&segment) {
            segment.ghosts = true;
        }
    }

    /// An event in `segment` is durable.
    pub(crate) fn settle(&mut self, segment: u32, settlement: &Settlement) -> Change {
        self.note_event(segment, settlement.id);
        if !self.entries.contains_key(&settlement.id) {
            if self.recovering {
                self.orphans.push((segment, settlement.clone()));
            }
            return Change::default();
        }
        if settlement.fate.is_none() {
            return Change::default();
        }
        self.mark(settlement)
    }

    /// Messages in a segment that wait.
    pub(crate) fn waiting_in(&self, segment: u32) -> Vec<(u64, Entry)> {
        let ids = self.segments.get(&segment).map_or(&[][..], |it| &it.ids);
        let here = ids.iter().filter_map(|&id| Some((id, self.waiting(id)?)));
        here.filter(|(_, entry)| entry.at.segment == segment).collect()
    }

    /// A message is damaged beyond use.
    pub(crate) fn lose(&mut self, id: u64) {
        if let Some(entry) = self.waiting(id) {
            self.retire(&entry);
        }
        self.entries.remove(&id);
        self.wide.remove(&id);
        self.lost.insert(id);
    }

    pub(crate) fn is_lost(&self, id: u64) -> bool {
        self.lost.contains(&id)
    }

    /// Remembers that `segment` holds an event about `id`.
    pub(crate) fn note_event(&mut self, segment: u32, id: u64) {
        if let Some(segment) = self.segments.get_mut(&segment) {
            segment.add_event(id);
        }
    }

    fn mark(&mut self, settlement: &Settlement) -> Change {
        let id = settlement.id;
        let Some(entry) = self.entries.get_mut(&id) else { return Change::default() };
        let mut change = Change { large: entry.large, ..Change::default() };
        for &recipient in settlement.recipients.iter().filter(|&&it| it < entry.recipients) {
            let bit = 1_u64 << (recipient % 64);
            let word = match self.wide.get_mut(&id) {
                Some(words) => &mut words[usize::from(recipient / 64)],
                None => &mut entry.settled,
            };
            change.settled += u32::from(*word & bit == 0);
            *word |= bit;
        }
        let entry = *entry;
        if change.settled > 0 && self.unsettled(id, &entry) == 0 {
            change.finished = true;
            self.retire(&entry);
        }
        change
    }

    fn retire(&mut self, entry: &Entry) {
        self.queued -= 1;
        if let Some(segment) = self.segments.get_mut(&entry.at.segment) {
            segment.live -= 1;
            segment.live_bytes -= u64::from(entry.bytes);
        }
    }

    /// Compaction wrote a copy at `to`. False when the original is no longer where it was. A
    /// message settled meanwhile moves too: dead, but there, until its new segment goes.
    pub(crate) fn relocate(&mut self, id: u64, from: Lsn, to: Lsn) -> bool {
        let Some(entry) = self.get(id).filter(|it| it.at == from) else { return false };
        let live = self.unsettled(id, &entry) > 0;
        if let Some(segment) = self.segments.get_mut(&from.segment).filter(|_| live) {
            segment.live -= 1;
            segment.live_bytes -= u64::from(entry.bytes);
        }
        if let Some(segment) = self.segments.get_mut(&to.segment) {
            segment.live += u32::from(live);
            segment.live_bytes += if live { u64::from(entry.bytes) } else { 0 };
            segment.ids.push(id);
        }
        if let Some(entry) = self.entries.get_mut(&id) {
            entry.at = to;
        }
        true
    }

    /// How many events in the segment must outlive it.
    pub(crate) fn events_needed(&self, segment: u32) -> usize {
        let Some(it) = self.segments.get(&segment) else { return 0 };
        it.events.iter().filter(|&&id| self.needs_event(id, segment)).count()
    }

    /// Whether an event in `segment` about `id` must outlive it.
    pub(crate) fn needs_event(&self, id: u64, segment: u32) -> bool {
        self.get(id).is_some_and(|it| it.at.segment != segment || self.unsettled(id, &it) > 0)
            || self.is_haunted(id)
    }

    /// The segment is gone from the disk.
    pub(crate) fn forget_segment(&mut self, number: u32) {
        let Some(segment) = self.segments.remove(&number) else { return };
        for id in segment.ids {
            if self.entries.get(&id).is_some_and(|it| it.at.segment == number) {
                self.entries.remove(&id);
                self.wide.remove(&id);
            }
        }
        // A table that was large once gives its memory back.
        if self.entries.capacity() > 4 * self.entries.len().max(16 * 1024) {
            self.entries.shrink_to(2 * self.entries.len());
        }
    }

    /// Recovery is done: what happened meanwhile to messages it found is applied.
    pub(crate) fn end_recovery(&mut self) {
        self.recovering = false;
        self.unread = self.segments.values().any(|it| it.state == SegmentState::Unread);
        self.note_haunted();
        for (segment, settlement) in std::mem::take(&mut self.orphans) {
            self.settle(segment, &settlement);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_is_small() {
        assert_eq!(size_of::<Entry>(), 24);
        assert_eq!(size_of::<(u64, Entry)>(), 32);
    }
}
