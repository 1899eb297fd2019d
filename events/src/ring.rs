//! The last events, by number.

use std::collections::VecDeque;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use api::StreamEvent;

use crate::Numbered;

/// `RUN-NUMBER`, as `Last-Event-ID` brings it back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EventId {
    pub run: u64,
    pub number: u64,
}

impl fmt::Display for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:x}-{}", self.run, self.number)
    }
}

impl FromStr for EventId {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (run, number) = text.split_once('-').ok_or(())?;
        let run = u64::from_str_radix(run, 16).map_err(|_| ())?;
        Ok(Self { run, number: number.parse().map_err(|_| ())? })
    }
}

/// What a listener that comes back has missed.
#[derive(Debug, Default)]
pub(crate) struct Replay {
    pub(crate) events: VecDeque<Numbered>,
    /// Some of it is lost: at least so many.
    pub(crate) gone: Option<u64>,
}

pub(crate) struct Ring {
    run: u64,
    /// Of the last event.
    number: u64,
    /// Flow before this number was not all gathered.
    whole_from: u64,
    kept: VecDeque<Numbered>,
    max: usize,
}

impl Ring {
    pub(crate) fn new(run: u64, max: usize) -> Self {
        Self { run, number: 0, whole_from: 0, kept: VecDeque::new(), max }
    }

    pub(crate) fn last(&self) -> EventId {
        EventId { run: self.run, number: self.number }
    }

    pub(crate) fn push(&mut self, event: Arc<StreamEvent>) -> Numbered {
        self.number += 1;
        let numbered = Numbered { id: self.last(), event };
        if self.kept.len() >= self.max {
            self.kept.pop_front();
        }
        self.kept.push_back(numbered.clone());
        numbered
    }

    /// From now on there may be flow that is not gathered.
    pub(crate) fn skip(&mut self) {
        self.number += 1;
        self.whole_from = self.number;
    }

    pub(crate) fn after(&self, id: EventId) -> Replay {
        if id.run != self.run || id.number > self.number {
            return Replay { events: self.kept.clone(), gone: Some(0) };
        }
        let events: VecDeque<Numbered> =
            self.kept.iter().filter(|it| it.id.number > id.number).cloned().collect();
        let oldest = self.kept.front().map_or(self.number + 1, |it| it.id.number);
        let lost = oldest.saturating_sub(id.number + 1);
        let gone = (lost > 0 || id.number < self.whole_from).then_some(lost);
        Replay { events, gone }
    }
}
