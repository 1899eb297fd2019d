//! Is a site worth trying? One pure state machine per site: outcomes and probes go in, a verdict
//! for the scheduler comes out. It owns no clock and no socket, so an hour of outage is a loop in a test.
//!
//! ```text
//!            3 failures of the host in a row
//!   up ───────────────────────────────────────> down <──────────────┐
//!    ^                                            │ n probes well    │ a failure
//!    │ the ramp has reached the cap               v                  │
//!    └───────────────────────────────────── recovering ──────────────┘
//!
//!   any state ── 3 refusals in a row that only an operator can mend ──> faulted
//!   faulted ── a delivery succeeds ──> recovering
//! ```
//!
//! `n` is 1 for a first outage and doubles with each further one within half an hour, so that a
//! site that flaps is taken back ever more carefully.

use std::time::Duration;

/// A moment, as the time since some fixed start. The caller's clock must be monotonic.
pub type Moment = Duration;

/// How many failures of the host in a row, without any success between them, mean "down".
pub const FAILURES_TO_DOWN: u32 = 3;
/// How many messages in a row, without any success between them, must be refused for what we are
/// to mean "faulted": one alone may be about itself.
pub const FAULTS_TO_FAULTED: u32 = 3;
/// While failures are being counted, tries are at least this far apart.
pub const SUSPECT_PAUSE: Duration = Duration::from_millis(250);
/// Outages within this time of each other count as flapping.
pub const FLAP_WINDOW: Duration = Duration::from_secs(30 * 60);
/// The most good probes in a row that a flapping site must show.
pub const PROBES_MAX: u32 = 32;
/// A faulted site is tried with one message this often, in case somebody mended the far side.
pub const FAULT_RETRY: Duration = Duration::from_secs(300);
/// After a reply that asks to slow down, one more connection is allowed this often.
pub const GROW_EVERY: Duration = Duration::from_secs(60);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    Up,
    Down,
    Recovering,
    Faulted,
}

/// What an operator ordered; it wins over what was observed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Override {
    pub up: bool,
    pub by: String,
    pub reason: String,
    /// `None`: until somebody lifts it.
    pub until: Option<Moment>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// The host took a transaction or answered a recipient for good or ill: it works.
    Worked,
    /// No connection, no TLS, no greeting, or a 421 before anything was handed over.
    HostFailed {
        why: String,
    },
    /// The host asks for less: halve the connections, stay up.
    Throttled,
    /// A refusal of us, not of a message: wrong certificate, blocked address, unknown connector.
    Fault {
        why: String,
    },
    ProbeWorked,
    ProbeFailed {
        why: String,
    },
    Override(Option<Override>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    None,
    /// Stop attempting; what is in hand goes back to the queue.
    Closed,
    /// Start attempting.
    Opened,
}

/// The health of one site. `cap` is the most connections it may ever have.
#[derive(Debug, Clone)]
pub struct Breaker {
    state: State,
    cap: usize,
    /// Connections allowed now.
    limit: usize,
    failures: u32,
    faults: u32,
    last_failure_at: Option<Moment>,
    good_probes: u32,
    probes_wanted: u32,
    went_down_at: Option<Moment>,
    fault_tried_at: Moment,
    grown_at: Moment,
    why: String,
    since: Moment,
    ordered: Option<Override>,
}

impl Breaker {
    pub fn new(cap: usize) -> Self {
        let cap = cap.max(1);
        Self {
            state: State::Up,
            cap,
            limit: cap,
            failures: 0,
            faults: 0,
            last_failure_at: None,
            good_probes: 0,
            probes_wanted: 1,
            went_down_at: None,
            fault_tried_at: Moment::ZERO,
            grown_at: Moment::ZERO,
            why: String::new(),
            since: Moment::ZERO,
            ordered: None,
        }
    }

    pub fn state(&self) -> State {
        self.state
    }

    /// Why the site is not up, in the words of the last failure; empty when it is.
    pub fn why(&self) -> &str {
        match &self.ordered {
            Some(ordered) => &ordered.reason,
            None => &self.why,
        }
    }

    pub fn since(&self) -> Moment {
        self.since
    }

    pub fn ordered(&self) -> Option<&Override> {
        self.ordered.as_ref()
    }

    /// May anything be attempted? A faulted site is open for one canary at a time: see
    /// [`Breaker::canary_due`].
    pub fn is_open(&self) -> bool {
        match &self.ordered {
            Some(ordered) => ordered.up,
            None => matches!(self.state, State::Up | State::Recovering),
        }
    }

    /// Should the prober knock?
    pub fn wants_probe(&self) -> bool {
        self.ordered.is_none() && self.state == State::Down
    }

    /// Time to let one message try a faulted site. True once, then not for [`FAULT_RETRY`].
    pub fn canary_due(&mut self, now: Moment) -> bool {
        let due = self.ordered.is_none()
            && self.state == State::Faulted
            && now.saturating_sub(self.fault_tried_at) >= FAULT_RETRY;
        if due {
            self.fault_tried_at = now;
        }
        due
    }

    /// Connections that may be open now.
    pub fn limit(&self) -> usize {
        if self.last_failure_at.is_some() { self.limit.min(1) } else { self.limit }
    }

    /// Not before this moment: the pause between tries while failures are being counted.
    pub fn not_before(&self) -> Option<Moment> {
        self.last_failure_at.map(|at| at + SUSPECT_PAUSE)
    }

    pub fn step(&mut self, event: Event, now: Moment) -> Change {
        let was_open = self.is_open();
        self.expire_override(now);
        match event {
            Event::Worked => self.worked(now),
            Event::HostFailed { why } => self.host_failed(why, now),
            Event::Throttled => {
                self.limit = (self.limit / 2).max(1);
                self.grown_at = now;
            }
            Event::Fault { why } => self.refused_us(why, now),
            Event::ProbeWorked => self.probe_worked(now),
            Event::ProbeFailed { why } => {
                self.good_probes = 0;
                if self.state == State::Down {
                    self.why = why;
                }
            }
            Event::Override(ordered) => self.ordered = ordered,
        }
        match (was_open, self.is_open()) {
            (true, false) => Change::Closed,
            (false, true) => Change::Opened,
            _ => Change::None,
        }
    }

    /// Lifts an override whose time has come; also called by whoever ticks.
    pub fn expire_override(&mut self, now: Moment) {
        if self.ordered.as_ref().and_then(|it| it.until).is_some_and(|until| until <= now) {
            self.ordered = None;
        }
    }

    fn worked(&mut self, now: Moment) {
        self.failures = 0;
        self.faults = 0;
        self.last_failure_at = None;
        match self.state {
            State::Recovering => {
                self.limit = (self.limit * 2).min(self.cap);
                if self.limit == self.cap {
                    self.enter(State::Up, String::new(), now);
                }
            }
            State::Faulted => {
                self.limit = 1;
                self.enter(State::Recovering, String::new(), now);
            }
            State::Up if self.limit < self.cap => {
                if now.saturating_sub(self.grown_at) >= GROW_EVERY {
                    self.limit += 1;
                    self.grown_at = now;
                }
            }
            // A delivery that was under way when the site was given up says nothing new.
            State::Up | State::Down => (),
        }
    }

    fn refused_us(&mut self, why: String, now: Moment) {
        self.faults += 1;
        self.fault_tried_at = now;
        match self.state {
            State::Faulted => self.why = why,
            _ if self.faults >= FAULTS_TO_FAULTED => self.enter(State::Faulted, why, now),
            _ => self.why = why,
        }
    }

    fn host_failed(&mut self, why: String, now: Moment) {
        // Many connections fail at once when a host dies; that is one observation.
        let counts = self.last_failure_at.is_none_or(|at| now.saturating_sub(at) >= SUSPECT_PAUSE);
        if counts {
            self.failures += 1;
            self.last_failure_at = Some(now);
        }
        match self.state {
            State::Recovering => self.go_down(why, now),
            State::Up if self.failures >= FAILURES_TO_DOWN => self.go_down(why, now),
            State::Up => self.why = why,
            State::Down | State::Faulted => (),
        }
    }

    fn go_down(&mut self, why: String, now: Moment) {
        let flaps =
            self.went_down_at.is_some_and(|before| now.saturating_sub(before) < FLAP_WINDOW);
        self.probes_wanted = if flaps { (self.probes_wanted * 2).min(PROBES_MAX) } else { 1 };
        self.went_down_at = Some(now);
        self.good_probes = 0;
        self.enter(State::Down, why, now);
        // Whoever tries all the same, by an operator's order, keeps the distance.
        self.last_failure_at = Some(now);
    }

    fn probe_worked(&mut self, now: Moment) {
        if self.state != State::Down {
            return;
        }
        self.good_probes += 1;
        if self.good_probes >= self.probes_wanted {
            self.limit = 1;
            self.enter(State::Recovering, String::new(), now);
        }
    }

    fn enter(&mut self, state: State, why: String, now: Moment) {
        self.state = state;
        self.why = why;
        self.since = now;
        self.failures = 0;
        self.faults = 0;
        self.last_failure_at = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn at(millis: u64) -> Moment {
        Duration::from_millis(millis)
    }

    fn failed() -> Event {
        Event::HostFailed { why: "connection refused".into() }
    }

    fn down() -> Breaker {
        let mut breaker = Breaker::new(8);
        assert_eq!(breaker.step(failed(), at(0)), Change::None);
        assert_eq!(breaker.step(failed(), at(300)), Change::None);
        assert_eq!(breaker.step(failed(), at(600)), Change::Closed);
        breaker
    }

    #[test]
    fn three_failures_in_a_row_close_it_and_a_good_probe_opens_it_again() {
        let mut breaker = down();
        assert_eq!((breaker.state(), breaker.why()), (State::Down, "connection refused"));
        assert!(breaker.wants_probe());
        assert_eq!(
            breaker.step(Event::ProbeFailed { why: "timeout".into() }, at(1600)),
            Change::None
        );
        assert_eq!(breaker.step(Event::ProbeWorked, at(2600)), Change::Opened);
        assert_eq!((breaker.state(), breaker.limit()), (State::Recovering, 1));
    }

    #[test]
    fn many_connections_that_die_together_are_one_failure() {
        let mut breaker = Breaker::new(8);
        for _ in 0..8 {
            assert_eq!(breaker.step(failed(), at(10)), Change::None);
        }
        assert_eq!(breaker.state(), State::Up);
        assert_eq!(breaker.limit(), 1, "while in doubt, one connection tries");
    }

    #[test]
    fn a_success_between_failures_starts_the_count_again() {
        let mut breaker = Breaker::new(8);
        for round in 0..10 {
            breaker.step(failed(), at(round * 1000));
            breaker.step(failed(), at(round * 1000 + 300));
            breaker.step(Event::Worked, at(round * 1000 + 400));
        }
        assert_eq!((breaker.state(), breaker.limit()), (State::Up, 8));
    }

    #[test]
    fn recovery_ramps_up_and_falls_back_at_the_first_failure() {
        let mut breaker = down();
        breaker.step(Event::ProbeWorked, at(1000));
        breaker.step(Event::Worked, at(1100));
        breaker.step(Event::Worked, at(1200));
        assert_eq!(breaker.limit(), 4);
        assert_eq!(breaker.step(failed(), at(1300)), Change::Closed);
        assert_eq!(
            breaker.step(Event::ProbeWorked, at(2300)),
            Change::None,
            "it flaps: two probes"
        );
        assert_eq!(breaker.step(Event::ProbeWorked, at(3300)), Change::Opened);
        for tick in 0..3 {
            breaker.step(Event::Worked, at(3400 + tick));
        }
        assert_eq!((breaker.state(), breaker.limit()), (State::Up, 8));
    }

    #[test]
    fn a_fault_holds_until_somebody_mends_it() {
        let mut breaker = Breaker::new(8);
        let fault = Event::Fault { why: "550 5.7.64 Relay Access Denied".into() };
        assert_eq!(breaker.step(fault.clone(), at(0)), Change::None);
        assert_eq!(breaker.step(Event::Worked, at(0)), Change::None, "it was about one message");
        assert_eq!(breaker.step(fault.clone(), at(0)), Change::None);
        assert_eq!(breaker.step(fault.clone(), at(0)), Change::None);
        assert_eq!(breaker.step(fault, at(0)), Change::Closed);
        assert!(!breaker.wants_probe(), "a probe cannot tell whether it was mended");
        assert!(!breaker.canary_due(at(1000)));
        assert!(breaker.canary_due(FAULT_RETRY));
        assert!(!breaker.canary_due(FAULT_RETRY + at(1)));
        assert_eq!(breaker.step(Event::Worked, FAULT_RETRY + at(2)), Change::Opened);
    }

    #[test]
    fn throttling_halves_and_grows_back_slowly() {
        let mut breaker = Breaker::new(8);
        breaker.step(Event::Throttled, at(0));
        breaker.step(Event::Throttled, at(1));
        assert_eq!(breaker.limit(), 2);
        breaker.step(Event::Worked, at(1000));
        assert_eq!(breaker.limit(), 2);
        breaker.step(Event::Worked, GROW_EVERY * 2);
        assert_eq!(breaker.limit(), 3);
        assert!(breaker.is_open());
    }

    #[test]
    fn an_order_wins_and_ends() {
        let mut breaker = Breaker::new(8);
        let order = Override {
            up: false,
            by: "anna".into(),
            reason: "maintenance".into(),
            until: Some(at(5000)),
        };
        assert_eq!(breaker.step(Event::Override(Some(order)), at(0)), Change::Closed);
        assert_eq!(breaker.why(), "maintenance");
        assert_eq!(breaker.step(Event::Worked, at(4000)), Change::None);
        assert_eq!(breaker.step(Event::Worked, at(5000)), Change::Opened);
    }
}
