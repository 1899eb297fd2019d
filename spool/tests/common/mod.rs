//! A workload on a simulated disk, and what must hold whatever happened during it.

#![allow(dead_code, unreachable_pub, reason = "every test file uses a part of it")]

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use mail::{
    BodyType, Envelope, Notify, Origin, Recipient, RecipientKind, ReversePath, SpoolId, Timestamp,
};
use spool::sim::{Hands, SimDisk};
use spool::{Body, Clock, Disk, Event, Options, Recovered, Spool, SpoolError, What};

/// Each look at it is a millisecond later.
pub struct TestClock(pub AtomicU64);

impl TestClock {
    pub fn new() -> Arc<Self> {
        Arc::new(Self(AtomicU64::new(1_764_000_000_000_000)))
    }
}

impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_micros(self.0.fetch_add(1000, Ordering::Relaxed))
    }
}

pub fn options() -> Options {
    Options {
        segment_bytes: 64 * 1024,
        segments_spare_max: 3,
        large_body_bytes: 8 * 1024,
        free_bytes_min: 0,
        free_inodes_min: 0,
        bytes_max: None,
        event_flush_for: Duration::ZERO,
        memory_bodies_max: 16 * 1024,
        ledger_file_bytes: 8 * 1024,
        ..Options::default()
    }
}

pub fn envelope(n: usize) -> Envelope {
    let recipient = |n| Recipient {
        address: format!("user{n}@contoso.example").parse().unwrap(),
        notify: Notify::DEFAULT,
        orcpt: None,
        kind: RecipientKind::Named,
    };
    Envelope {
        reverse_path: ReversePath::Null,
        recipients: (0..n).map(recipient).collect(),
        body: BodyType::SevenBit,
        smtputf8: false,
        ret: None,
        envid: None,
    }
}

pub fn delivered(id: SpoolId, recipients: Vec<u16>) -> Event {
    let what = What::Delivered {
        hop: "cloud".into(),
        host: "mx".into(),
        generation: 1,
        attempt: 1,
        reply: "250 ok".into(),
        maybe_duplicate: false,
    };
    Event { id, recipients, at: Timestamp::from_micros(1), what }
}

pub fn deferred(id: SpoolId, recipients: Vec<u16>, attempt: u32, due: Timestamp) -> Event {
    let (hop, host, reply) = ("cloud".into(), "mx".into(), "451 later".into());
    let maybe_duplicate = false;
    let what = What::Deferred { hop, host, generation: 1, attempt, reply, due, maybe_duplicate };
    Event { id, recipients, at: Timestamp::from_micros(u64::from(attempt)), what }
}

pub fn bytes_of(body: &Body) -> Result<Vec<u8>, std::io::Error> {
    match body {
        Body::Memory(bytes) => Ok(bytes.to_vec()),
        Body::Stored(stored) => {
            let mut bytes = vec![0; usize::try_from(stored.len()).unwrap()];
            let mut at = 0;
            while at < bytes.len() {
                at += stored.read_at(at as u64, &mut bytes[at..])?;
            }
            Ok(bytes)
        }
    }
}

/// A body that no other message has.
pub fn body(n: usize, bytes: usize) -> Vec<u8> {
    let mut body = format!("Message-ID: <{n}@test>\r\n\r\n").into_bytes();
    let piece: Vec<u8> = (0..250).map(|it: usize| (it * (n + 1) % 251) as u8).collect();
    body.extend(piece.repeat(bytes / piece.len() + 1));
    body.truncate(bytes.max(30));
    body
}

/// What is known of one message that was handed to the spool.
#[derive(Clone, Debug)]
pub struct Sent {
    pub body: Vec<u8>,
    pub recipients: u16,
    /// The 250 was given.
    pub accepted: bool,
    /// Recipients whose settlement was durable.
    pub settled: BTreeSet<u16>,
    /// Recipients whose settlement was posted, durable or not.
    pub posted: BTreeSet<u16>,
}

/// Everything that was promised.
#[derive(Clone, Default)]
pub struct World {
    pub sent: BTreeMap<SpoolId, Sent>,
    pub refused: usize,
    /// Once its power is off, nobody asks the spool for anything.
    pub disk: Option<SimDisk>,
}

impl World {
    fn is_over(&self) -> bool {
        self.disk.as_ref().is_some_and(SimDisk::is_off)
    }

    pub fn accept(
        &mut self,
        hands: &mut Hands,
        spool: &Spool,
        body: &[u8],
        recipients: u16,
    ) -> Option<SpoolId> {
        let mut incoming = spool.receive();
        let id = incoming.id();
        let (settled, posted) = (BTreeSet::new(), BTreeSet::new());
        let sent = Sent { body: body.to_vec(), recipients, accepted: false, settled, posted };
        assert!(self.sent.insert(id, sent).is_none(), "id {id} was used before");
        let written = body.chunks(3000).try_for_each(|it| incoming.write(it));
        let future = incoming.commit(envelope(usize::from(recipients)), Origin::internal());
        match written.and_then(|()| hands.finish(future)) {
            Ok(accepted) => {
                assert_eq!(accepted.receipt.id(), id);
                // Only of a disk that lies it cannot be read.
                if let Ok(bytes) = bytes_of(&accepted.message.body) {
                    assert_eq!(bytes, body);
                }
                self.sent.get_mut(&id).unwrap().accepted = true;
                Some(id)
            }
            Err(_) => {
                self.refused += 1;
                None
            }
        }
    }

    pub fn settle(&mut self, hands: &mut Hands, spool: &Spool, id: Option<SpoolId>, of: &[u16]) {
        let Some(id) = id.filter(|_| !self.is_over()) else { return };
        let sent = self.sent.get_mut(&id).unwrap();
        sent.posted.extend(of);
        if hands.settle(spool, delivered(id, of.to_vec())).is_ok() {
            sent.settled.extend(of);
        }
    }

    pub fn post(&mut self, spool: &Spool, id: Option<SpoolId>, of: &[u16]) {
        let Some(id) = id.filter(|_| !self.is_over()) else { return };
        self.sent.get_mut(&id).unwrap().posted.extend(of);
        spool.post(delivered(id, of.to_vec()));
    }

    /// What must hold after a restart. `lossless`: the disk kept what it said it kept.
    pub fn check(&self, spool: &Spool, recovered: &[Recovered], lossless: bool) {
        let found: BTreeMap<SpoolId, &Recovered> = recovered.iter().map(|it| (it.id, it)).collect();
        assert_eq!(found.len(), recovered.len(), "a message is listed twice");
        assert!(recovered.is_sorted_by_key(|it| it.id));
        for (id, sent) in &self.sent {
            let waits = |it: u16| !sent.posted.contains(&it);
            match found.get(id) {
                None => {
                    let open = sent.accepted && (0..sent.recipients).any(waits);
                    assert!(!(open && lossless), "{id} was accepted and is lost");
                }
                Some(found) => self.check_found(spool, found, sent, lossless),
            }
        }
        for id in found.keys() {
            assert!(self.sent.contains_key(id), "{id} was never sent");
        }
        // The clock of the second run began where that of the first did.
        let fresh = spool.receive().id();
        let known = self.sent.get(&fresh).is_some_and(|it| it.accepted);
        assert!(!known, "an id was used again");
        assert!(found.keys().all(|it| *it < fresh), "ids grow beyond what was found");
    }

    fn check_found(&self, spool: &Spool, found: &Recovered, sent: &Sent, lossless: bool) {
        let id = found.id;
        assert_eq!(found.recipients.len(), usize::from(sent.recipients));
        assert_eq!(found.envelope, envelope(usize::from(sent.recipients)));
        assert_eq!(found.size, sent.body.len() as u64);
        for (recipient, state) in (0..).zip(&found.recipients) {
            if lossless && sent.settled.contains(&recipient) {
                assert!(state.settled, "{id}: {recipient} was settled and is back");
            }
            if !sent.posted.contains(&recipient) {
                assert!(!state.settled, "{id}: {recipient} was never settled");
            }
        }
        let message = spool.load(id).unwrap_or_else(|it| panic!("{id}: {it}"));
        assert_eq!(bytes_of(&message.body).unwrap(), sent.body, "{id} is not whole");
    }

    pub fn check_ledger(&self, spool: &Spool) {
        let books = spool.ledger().verify().unwrap();
        assert_eq!(books.problems, Vec::<String>::new());
        let fates = books.delivered + books.bounced + books.expired + books.discarded;
        assert_eq!(books.accepted, fates + books.queued);
    }
}

pub type Opened = (Spool, Vec<Recovered>, Hands);

pub fn open(disk: &SimDisk, clock: &Arc<TestClock>) -> Result<Opened, SpoolError> {
    let disk: Arc<dyn Disk> = Arc::new(disk.clone());
    Hands::open(disk, options(), Arc::clone(clock) as Arc<dyn Clock>)
}

/// Messages of all sizes and with several recipients, a large body, events that somebody waits
/// for and events that nobody does, segments that fill up, are re-used and are compacted.
pub fn workload(
    disk: &SimDisk,
    clock: &Arc<TestClock>,
    world: &mut World,
) -> Result<(), SpoolError> {
    world.disk = Some(disk.clone());
    let (spool, _, mut hands) = open(disk, clock)?;
    let hands = &mut hands;
    hands.keep();
    let keep = world.accept(hands, &spool, &body(1, 700), 2);
    world.settle(hands, &spool, keep, &[1]);
    let large = world.accept(hands, &spool, &body(2, 30_000), 1);
    let many = world.accept(hands, &spool, &body(3, 100), 70);
    world.settle(hands, &spool, many, &[0, 69]);
    for n in 4..40 {
        let id = world.accept(hands, &spool, &body(n, 6_000), 1);
        if n % 9 == 0 {
            // Stays, in a segment that gets sparse.
        } else if n % 2 == 0 {
            world.settle(hands, &spool, id, &[0]);
        } else {
            world.post(&spool, id, &[0]);
        }
        if n == 20 {
            world.settle(hands, &spool, large, &[0]);
        }
        if n % 7 == 0 {
            hands.keep();
        }
    }
    world.post(&spool, many, &[5]);
    hands.commit();
    hands.keep();
    hands.keep();
    Ok(())
}
