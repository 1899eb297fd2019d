//! Two mailboxes, two sites, and everything in between that is real.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use directory::{
    Cutover, CutoverClock, Directory, DirectoryMetrics, EditRequest, MoveStep, StepRequest, Steps,
};
use mail::{Address, Recipient, RecipientKind, SiteName, SpoolId, Template, Timestamp, Unlisted};
use router::{Domains, EDGES, Edit, Field, MoveState, Put, Rules, StateRule};

use super::{Op, Target};
use crate::hop::HopKey;
use crate::queue::leg::{HopIndex, LegId, LegRecipient, Past, Place};
use crate::queue::{Batch, NewLeg, NewMessage, Next, Queues, Work};
use crate::route::{Attempt as Going, Routes};

const SITES: [&str; 2] = ["on_prem", "cloud"];
const MAILBOXES: [&str; 2] = ["anna", "bert"];
const CUTOVER_MAX: u64 = 1_000;
/// The longest tick.
const TICK_MAX: u64 = 700;
const ONE: Batch = Batch { messages_max: 1, bytes_max: u64::MAX };

/// What the spool knows of a message.
struct Stored {
    recipients: Vec<(usize, Recipient)>,
    settled: Vec<bool>,
    doubt: Vec<bool>,
}

/// Recipients with the epoch of their row, and those who belong elsewhere.
type Decided = (Vec<(u16, u64)>, Vec<(u16, Next)>);

/// A leg on a connection.
struct Attempt {
    work: Work<()>,
    /// Once it is decided.
    decided: Option<Decided>,
    site: usize,
}

/// The row of a mailbox as the model has it.
#[derive(Clone, Debug)]
struct Row {
    epoch: u64,
    state: MoveState,
    home: usize,
    /// State and home before the cutover.
    before: (MoveState, usize),
    /// Monotonic time at which the cutover was first held against it in this run.
    held_from: u64,
    /// Somebody saw no lease in this epoch, which was a cutover.
    drained: bool,
    /// The clock was set during this cutover, or we were not there.
    disturbed: bool,
}

/// What a site keeps: message, mailbox, site, and the epoch that sent it there.
struct Kept {
    message: usize,
    mailbox: usize,
    site: usize,
    epoch: u64,
}

pub(super) struct World {
    careful: bool,
    dir: tempfile::TempDir,
    routes: Routes,
    queues: Queues<()>,
    clock: CutoverClock,
    wall: u64,
    moment: u64,
    to_route: VecDeque<LegId>,
    attempts: Vec<Attempt>,
    due: Vec<Cutover>,
    spool: Vec<Stored>,
    kept: Vec<Kept>,
    rows: [Row; 2],
    /// Every epoch of each mailbox: where its mail may go.
    epochs: HashMap<(usize, u64), Option<usize>>,
    /// Attempts that began in doubt.
    doubtful: HashMap<(usize, usize), usize>,
}

fn address(name: &str) -> Address {
    format!("{name}@contoso.example").parse().unwrap()
}

fn domains() -> Domains {
    let site = |it: &str| (SiteName::new(it), Template::Unchanged);
    Domains::from(Rules {
        relay_domains: vec![(
            "contoso.example".parse().unwrap(),
            Unlisted::Site(SiteName::new("on_prem")),
        )],
        sites: SITES.iter().map(|it| site(it)).collect(),
        ..Rules::default()
    })
}

fn open(dir: &tempfile::TempDir) -> Routes {
    let metrics = DirectoryMetrics::register(&prometheus::Registry::new()).unwrap();
    let directory = Directory::open(&dir.path().join("table.db"), metrics).unwrap();
    Routes::new(Arc::new(directory), domains(), false)
}

fn queues() -> Queues<()> {
    let mut queues = Queues::new(1 << 20);
    for _ in SITES {
        queues.add_hop(true);
    }
    queues
}

fn hop(site: usize) -> HopKey {
    HopKey::Site(SiteName::new(SITES[site]))
}

fn index_of(hop: &HopKey) -> HopIndex {
    let place = SITES.iter().position(|it| hop.label() == *it).unwrap();
    HopIndex(u32::try_from(place).unwrap())
}

impl World {
    pub(super) fn new(careful: bool) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let routes = open(&dir);
        let row = Row {
            epoch: 1,
            state: MoveState::OnPrem,
            home: 0,
            before: (MoveState::OnPrem, 0),
            held_from: 0,
            drained: false,
            disturbed: false,
        };
        let mut world = Self {
            careful,
            dir,
            routes,
            queues: queues(),
            clock: CutoverClock::default(),
            wall: 50_000,
            moment: 0,
            to_route: VecDeque::new(),
            attempts: Vec::new(),
            due: Vec::new(),
            spool: Vec::new(),
            kept: Vec::new(),
            rows: [row.clone(), row],
            epochs: HashMap::new(),
            doubtful: HashMap::new(),
        };
        let edits = MAILBOXES.map(|name| {
            let mut put = Put::new(address(name), SiteName::new("on_prem"), &domains());
            put.aliases = Field::Is(Box::new([address(&format!("{name}.alias"))]));
            Edit::Put(Box::new(put))
        });
        world.edit(edits.to_vec());
        world.epochs.extend([((0, 1), Some(0)), ((1, 1), Some(0))]);
        world
    }

    fn now(&self) -> Timestamp {
        Timestamp::from_micros(self.wall * 1_000_000)
    }

    fn directory(&self) -> &Arc<Directory> {
        self.routes.directory()
    }

    fn edit(&mut self, edits: Vec<Edit>) {
        let request = EditRequest {
            edits,
            author: "maria".into(),
            reason: String::new(),
            expect_generation: None,
            at: self.now(),
        };
        let committed = self.directory().edit(&request).unwrap();
        self.table_changed(&committed.changed);
    }

    /// As `Delivery::table_changed`.
    fn table_changed(&mut self, changed: &[mail::AddressKey]) {
        let mailboxes: HashSet<u64> = changed.iter().map(|it| self.routes.mailbox(it)).collect();
        self.queues.table_is(self.routes.generation());
        self.to_route.extend(self.queues.waiting_for(&mailboxes));
    }

    pub(super) fn step(&mut self, op: Op) {
        match op {
            Op::Accept { to, by_alias } => self.accept(to, by_alias),
            Op::Take { site } => self.take(site),
            Op::Decide { which } => self.decide(which % self.attempts.len().max(1)),
            Op::Answer { which, kept, lost } => {
                self.answer(which % self.attempts.len().max(1), kept, lost);
            }
            Op::Cut { mailbox, ended, kept } => self.cut(mailbox, ended, kept),
            Op::Step { mailbox, to, old, lost } => {
                let to = self.target(mailbox, to);
                self.transition(mailbox, to, old, lost);
            }
            Op::Note { mailbox } => self.note(mailbox),
            Op::Route => self.route(),
            Op::Tick { seconds } => self.tick(seconds),
            Op::Jump { to } => {
                self.wall = to;
                self.rows.iter_mut().for_each(|it| it.disturbed = true);
            }
            Op::EndDue => self.end_due(),
            Op::Crash { kept } => self.crash(kept),
            Op::Resolve { mailbox } => self.resolve(mailbox),
        }
        self.check();
    }

    fn accept(&mut self, to: u8, by_alias: bool) {
        let recipient = |it: usize| Recipient {
            address: address(&format!("{}{}", MAILBOXES[it], if by_alias { ".alias" } else { "" })),
            notify: mail::Notify::DEFAULT,
            orcpt: None,
            kind: RecipientKind::Named,
        };
        let recipients: Vec<_> =
            (0..2).filter(|it| to & (1 << it) != 0).map(|it| (it, recipient(it))).collect();
        let n = recipients.len();
        self.spool.push(Stored { recipients, settled: vec![false; n], doubt: vec![false; n] });
        self.submit(self.spool.len() - 1);
    }

    /// As `Delivery::submit` and `Delivery::recovered`: one leg for each recipient.
    fn submit(&mut self, message: usize) {
        let stored = &self.spool[message];
        let mut legs = Vec::new();
        for (index, (_, recipient)) in (0_u16..).zip(&stored.recipients) {
            if stored.settled[usize::from(index)] {
                continue;
            }
            let place = self.routes.look().destination(recipient).unwrap();
            let past = place.hold.map(|hold| Past { held: Some(hold), ..Past::default() });
            legs.push(NewLeg {
                hop: index_of(&place.hop),
                recipients: vec![LegRecipient { index, mailbox: place.mailbox }],
                past,
                maybe_duplicate: stored.doubt[usize::from(index)],
                delay_notified: false,
            });
        }
        let new = NewMessage {
            id: SpoolId::from_u64(message as u64),
            accepted_at: Timestamp::from_micros(message as u64),
            size: 1,
            is_notification: false,
            message: Some(()),
            legs,
        };
        if !new.legs.is_empty() {
            self.queues.submit(new, self.now());
        }
    }

    /// As the worker: what it takes is a lease from here on.
    fn take(&mut self, site: usize) {
        let hop = HopIndex(u32::try_from(site).unwrap());
        let works = self.queues.take(hop, ONE, Duration::from_secs(self.moment));
        self.attempts.extend(works.into_iter().map(|work| Attempt { work, decided: None, site }));
    }

    /// As `worker::prepare`.
    fn decide(&mut self, which: usize) {
        let view = self.routes.look();
        let Some(attempt) = self.attempts.get_mut(which) else { return };
        if attempt.decided.is_some() {
            return;
        }
        let message = usize::try_from(attempt.work.id.as_u64()).unwrap();
        let (mut go, mut strays) = (Vec::new(), Vec::new());
        for leg_recipient in &attempt.work.recipients {
            let index = usize::from(leg_recipient.index);
            let (mailbox, recipient) = &self.spool[message].recipients[index];
            match view.attempt(recipient, &hop(attempt.site)) {
                Going::Goes(_) => {
                    let row = &self.rows[*mailbox];
                    assert_ne!(row.state, MoveState::Cutover, "I5: an attempt after the fence");
                    assert_eq!(row.home, attempt.site, "I5: an attempt to another than its home");
                    if attempt.work.maybe_duplicate {
                        *self.doubtful.entry((message, *mailbox)).or_default() += 1;
                    }
                    go.push((leg_recipient.index, row.epoch));
                }
                Going::Elsewhere(Ok(place)) => {
                    let next =
                        place.hold.map_or_else(|| Next::Hop(index_of(&place.hop)), Next::Hold);
                    strays.push((leg_recipient.index, next));
                }
                Going::Elsewhere(Err(reply)) => panic!("{reply}"),
            }
        }
        attempt.decided = Some((go, strays));
    }

    /// The far side keeps what it was sent.
    fn keep(&mut self, attempt: &Attempt) {
        let message = usize::try_from(attempt.work.id.as_u64()).unwrap();
        let Some((go, _)) = &attempt.decided else { return };
        for (index, epoch) in go {
            let mailbox = self.spool[message].recipients[usize::from(*index)].0;
            let row = &self.rows[mailbox];
            assert!(!row.drained, "I5: it arrived after somebody had seen no lease");
            let allowed = self.epochs[&(mailbox, *epoch)];
            assert_eq!(allowed, Some(attempt.site), "I2: {mailbox} in epoch {epoch}");
            let site = attempt.site;
            self.kept.push(Kept { message, mailbox, site, epoch: *epoch });
        }
    }

    /// As `settle`.
    fn answer(&mut self, which: usize, kept: bool, lost: bool) {
        let decided = self.attempts.get(which).is_some_and(|it| it.decided.is_some());
        if !decided {
            return;
        }
        let attempt = self.attempts.remove(which);
        if kept {
            self.keep(&attempt);
        }
        let message = usize::try_from(attempt.work.id.as_u64()).unwrap();
        let Some((go, strays)) = attempt.decided else { return };
        let mut fates = strays;
        let due = self.now().plus(Duration::from_secs(60));
        for (index, _) in &go {
            let stored = &mut self.spool[message];
            let place = usize::from(*index);
            let next = match (kept, lost) {
                (true, false) => {
                    stored.settled[place] = true;
                    Next::Settled
                }
                (_, lost) => {
                    stored.doubt[place] |= lost;
                    let reply = String::new();
                    Next::Later { due, reply, maybe_duplicate: lost }
                }
            };
            fates.push((*index, next));
        }
        self.queues.finish(attempt.work.leg, &fates, !go.is_empty(), self.now());
        if lost && self.careful {
            (0..2).for_each(|it| self.resolve(it));
        }
    }

    /// As `Delivery::cut`: what was sent to its end is in doubt, and nothing else is.
    fn cut(&mut self, mailbox: usize, ended: bool, kept: bool) {
        if self.rows[mailbox].state != MoveState::Cutover {
            return;
        }
        let is_for = |world: &Self, it: &Attempt| {
            let message = usize::try_from(it.work.id.as_u64()).unwrap();
            let of = |it: &LegRecipient| world.spool[message].recipients[usize::from(it.index)].0;
            it.work.recipients.iter().any(|it| of(it) == mailbox)
        };
        while let Some(which) =
            (0..self.attempts.len()).find(|it| is_for(self, &self.attempts[*it]))
        {
            if self.attempts[which].decided.is_none() {
                // It reads its mark when it has something to wait for.
                self.decide(which);
            }
            if ended {
                self.answer(which, kept, true);
                continue;
            }
            let attempt = self.attempts.remove(which);
            let Some((go, mut fates)) = attempt.decided else { continue };
            fates.extend(go.iter().map(|(index, _)| (*index, Next::Again)));
            self.queues.finish(attempt.work.leg, &fates, !go.is_empty(), self.now());
        }
        assert_eq!(self.leases(mailbox), 0, "what is cut is no lease any more");
    }

    /// Mostly a step that there is, so that histories get somewhere.
    fn target(&self, mailbox: usize, to: Target) -> MoveState {
        let state = self.rows[mailbox].state;
        let ways: Vec<MoveState> =
            EDGES.iter().filter(|it| it.from == state).map(|it| it.to).collect();
        match to {
            Target::Any(to) => to,
            Target::On(n) => ways[n % ways.len()],
        }
    }

    fn transition(&mut self, mailbox: usize, to: MoveState, old: bool, lost: bool) {
        let row = self.rows[mailbox].clone();
        let request = StepRequest {
            steps: Steps::Of(vec![MoveStep {
                key: address(MAILBOXES[mailbox]).key(),
                expect: row.epoch - u64::from(old),
                to,
                home: None,
            }]),
            author: "sidecar".into(),
            reason: format!("step {}", self.directory().current().generation()),
            at: self.now(),
        };
        let next = if old { None } else { model_step(&row, to) };
        let done = self.directory().step(&domains(), &request, None);
        assert_eq!(done.is_ok(), next.is_some(), "{row:?} to {to}: {done:?}");
        let (Ok(done), Some((state, home))) = (done, next) else { return };
        self.moved(mailbox, state, home, done.committed.generation);
        if !lost {
            return self.table_changed(&done.committed.changed);
        }
        // It is on disk and routes, and nobody was told.
        self.crash(0b0101_0101);
        let again =
            self.directory().step(&domains(), &request, None).expect("I8: it can be asked again");
        assert_eq!(again.committed.changed.len(), 0, "I8: it is made once");
        self.table_changed(&again.committed.changed);
    }

    /// The model's row follows.
    fn moved(&mut self, mailbox: usize, state: MoveState, home: usize, epoch: u64) {
        let row = &mut self.rows[mailbox];
        if state == MoveState::Cutover && row.state != MoveState::Cutover {
            row.before = (row.state, row.home);
            row.held_from = self.moment;
            row.disturbed = false;
        }
        (row.state, row.home, row.epoch, row.drained) = (state, home, epoch, false);
        let allowed = (state != MoveState::Cutover).then_some(home);
        self.epochs.insert((mailbox, epoch), allowed);
        self.look_at_cutovers();
    }

    fn note(&mut self, mailbox: usize) {
        let row = self.rows[mailbox].clone();
        let text = format!("{}", self.directory().current().generation());
        let put = Put {
            address: address(MAILBOXES[mailbox]),
            home: SiteName::new(SITES[row.home]),
            home_said: true,
            state: StateRule::Is(row.state),
            batch: Field::Keep,
            cloud_address: Field::Keep,
            aliases: Field::Keep,
            note: Field::Is(text.into()),
        };
        self.edit(vec![Edit::Put(Box::new(put))]);
        self.moved(mailbox, row.state, row.home, self.routes.generation());
    }

    /// As `Delivery::route_again`.
    fn route(&mut self) {
        let Some(id) = self.to_route.pop_front() else { return };
        let Some(leg) = self.queues.leg(id).filter(|it| it.place != Place::InFlight) else {
            return;
        };
        let message = usize::try_from(leg.id.as_u64()).unwrap();
        let (hop, hold) = (leg.hop, leg.hold().cloned());
        let view = self.routes.look();
        let nexts: Vec<(u16, Next)> = leg
            .recipients
            .iter()
            .map(|it| {
                let recipient = &self.spool[message].recipients[usize::from(it.index)].1;
                let place = view.destination(recipient).unwrap();
                let next = place.hold.map_or_else(|| Next::Hop(index_of(&place.hop)), Next::Hold);
                (it.index, next)
            })
            .collect();
        let stays = nexts.iter().all(|(_, next)| match (next, &hold) {
            (Next::Hop(target), None) => *target == hop,
            (Next::Hold(new), Some(old)) => new == old,
            _ => false,
        });
        drop(view);
        if !stays && self.queues.seize(id).is_some() {
            self.queues.finish(id, &nexts, false, self.now());
        }
    }

    fn tick(&mut self, seconds: u64) {
        // What was due by the last tick has been ended by now.
        self.end_due();
        self.wall += seconds;
        self.moment += seconds;
        self.queues.tick(self.now());
        self.to_route.extend(self.queues.take_stale());
        self.due = self.look_at_cutovers();
    }

    /// As `cutovers::watch` of the gateway, which does so every second.
    fn look_at_cutovers(&mut self) -> Vec<Cutover> {
        let max = Duration::from_secs(CUTOVER_MAX);
        let moment = Duration::from_secs(self.moment);
        let cutovers = self.directory().cutovers();
        let now = self.now();
        self.clock.due(&cutovers, max, now, moment)
    }

    fn end_due(&mut self) {
        let due = std::mem::take(&mut self.due);
        let ended =
            self.directory().end_cutovers(&domains(), &due, "too long", self.now()).unwrap();
        for (mailbox, name) in MAILBOXES.iter().enumerate() {
            let row = self.rows[mailbox].clone();
            let key = address(name).key();
            if due.iter().any(|it| it.key == key && it.generation == row.epoch) {
                let (state, home) = row.before;
                self.moved(mailbox, state, home, ended.generation);
            }
        }
        self.table_changed(&ended.changed);
    }

    /// Memory is gone, and what was on the wire has arrived or not. All that waits is in doubt.
    fn crash(&mut self, kept: u8) {
        for (place, attempt) in std::mem::take(&mut self.attempts).into_iter().enumerate() {
            if kept & (1 << (place % 8)) != 0 {
                self.keep(&attempt);
            }
        }
        self.queues = queues();
        self.to_route.clear();
        self.due.clear();
        self.clock = CutoverClock::default();
        self.routes = open(&self.dir);
        self.queues.table_is(self.routes.generation());
        for row in &mut self.rows {
            // A new process: a clock that was set before it counts once more.
            if row.disturbed {
                row.held_from = self.moment;
            }
        }
        for stored in &mut self.spool {
            stored.doubt.iter_mut().zip(&stored.settled).for_each(|(it, settled)| *it |= !settled);
        }
        (0..self.spool.len()).for_each(|it| self.submit(it));
        self.look_at_cutovers();
        if self.careful {
            (0..2).for_each(|it| self.resolve(it));
        }
    }

    /// As `Delivery::resolve`, by somebody who looks into the mailboxes.
    fn resolve(&mut self, mailbox: usize) {
        for id in self.queues.ids() {
            let Some(leg) = self.queues.leg(id) else { continue };
            let message = usize::try_from(leg.id.as_u64()).unwrap();
            let ours = |it: &&LegRecipient| {
                self.spool[message].recipients[usize::from(it.index)].0 == mailbox
            };
            let indexes: Vec<u16> = leg.recipients.iter().filter(ours).map(|it| it.index).collect();
            if leg.place == Place::InFlight || !leg.maybe_duplicate || indexes.is_empty() {
                continue;
            }
            let now = self.now();
            let own = self.queues.split(id, &indexes, now).unwrap();
            let work = self.queues.seize(own).unwrap();
            let is_there = |it: &Kept| it.message == message && it.mailbox == mailbox;
            let found = self.kept.iter().any(is_there);
            let next = if found { Next::Settled } else { Next::Again };
            for index in &indexes {
                let stored = &mut self.spool[message];
                stored.settled[usize::from(*index)] |= found;
                stored.doubt[usize::from(*index)] = false;
            }
            let fates: Vec<_> = indexes.iter().map(|it| (*it, next.clone())).collect();
            self.queues.finish(work.leg, &fates, false, now);
            if !found {
                assert!(self.queues.clear_doubt(work.leg));
            }
        }
    }

    /// What holds after every step.
    fn check(&mut self) {
        let table = self.directory().snapshot();
        for (mailbox, name) in MAILBOXES.iter().enumerate() {
            let entry = table.get(&address(name).key()).unwrap();
            let row = &self.rows[mailbox];
            let found = (entry.generation, entry.state, entry.home.as_str());
            assert_eq!(found, (row.epoch, row.state, SITES[row.home]), "{name}");
            if row.state == MoveState::Cutover {
                let held = self.moment - row.held_from;
                assert!(held < CUTOVER_MAX + 2 * TICK_MAX, "I6: {name} is held for {held} s");
            }
        }
        for mailbox in 0..2 {
            let leases = self.leases(mailbox);
            let row = &mut self.rows[mailbox];
            row.drained = row.state == MoveState::Cutover && (row.drained || leases == 0);
        }
    }

    /// As `Delivery::mail_of`.
    fn leases(&self, mailbox: usize) -> usize {
        let name = MAILBOXES[mailbox];
        let keys = [address(name).key(), address(&format!("{name}.alias")).key()];
        let hashes = keys.map(|it| self.routes.mailbox(&it));
        let legs = self.queues.ids().into_iter().filter_map(|it| self.queues.leg(it));
        let in_flight = legs.filter(|it| it.place == Place::InFlight);
        in_flight.filter(|it| it.recipients.iter().any(|it| hashes.contains(&it.mailbox))).count()
    }

    /// Everybody does what is left to do, and then the sum must come out.
    pub(super) fn finish(mut self) {
        // Half of the sidecars have died, and nobody else ends their cutovers.
        let ticks = if self.spool.len().is_multiple_of(2) { 8 } else { 0 };
        for _ in 0..ticks {
            self.tick(TICK_MAX);
            self.check();
        }
        for mailbox in 0..2 {
            if self.rows[mailbox].state == MoveState::Cutover {
                while !self.attempts.is_empty() {
                    self.decide(0);
                    self.answer(0, true, false);
                }
                self.resolve(mailbox);
                self.transition(mailbox, MoveState::Cloud, false, false);
                self.check();
            }
        }
        for _ in 0..10_000 {
            if self.spool.iter().all(|it| it.settled.iter().all(|it| *it)) {
                break;
            }
            self.tick(61);
            while !self.to_route.is_empty() {
                self.route();
            }
            (0..2).for_each(|it| self.take(it));
            while !self.attempts.is_empty() {
                self.decide(0);
                self.answer(0, true, false);
            }
            self.check();
        }
        assert_eq!(self.queues.messages(), 0, "I1: everything leaves the queues");
        for (message, stored) in self.spool.iter().enumerate() {
            for (mailbox, _) in &stored.recipients {
                let ours = |it: &&Kept| it.message == message && it.mailbox == *mailbox;
                let copies = self.kept.iter().filter(ours).count();
                let doubtful = self.doubtful.get(&(message, *mailbox)).copied().unwrap_or(0);
                assert!(copies >= 1, "I1: {message} is not in mailbox {mailbox}");
                assert!(copies <= 1 + doubtful, "{message} is there {copies} times: {doubtful}");
                assert!(!self.careful || copies == 1, "I8: {message} is there {copies} times");
            }
        }
        let mut sites: HashMap<(usize, u64), HashSet<usize>> = HashMap::new();
        for it in &self.kept {
            sites.entry((it.mailbox, it.epoch)).or_default().insert(it.site);
        }
        assert!(sites.values().all(|it| it.len() == 1), "I2: two sites in one epoch");
    }
}

/// The steps as one would write them on a board: for two sites, moving to the second.
fn model_step(row: &Row, to: MoveState) -> Option<(MoveState, usize)> {
    use MoveState::{Cloud, Cutover, OnPrem, Settled, Syncing};
    let home = match (row.state, to) {
        (OnPrem, Syncing) | (Syncing, Cutover | OnPrem) => row.home,
        (Cutover, Cloud) => 1,
        (Cutover, Syncing) if row.before.0 == Syncing => row.before.1,
        (Cloud, Settled | Cutover) => row.home,
        (Cutover | Cloud | Settled, OnPrem) => 0,
        _ => return None,
    };
    Some((to, home))
}
