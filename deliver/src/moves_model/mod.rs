//! Random histories of mail and moves, with restarts at any instant, against the real table on a
//! real disk, the real decision and the real queues. Kept: the invariants of a cutover.
//!
//! - I2: in one epoch, which is one generation of a mailbox's row, at most one site receives;
//! - I5: nothing is attempted under an epoch that is over: an attempt that began before is a lease
//!   that whoever changed the epoch can see, and once there is none nothing arrives any more;
//! - I6: mail is held for a bounded time, whatever the clock does and however often we restart;
//! - I8: a restart at any instant comes to the same: each message once in each mailbox, where doubts
//!   are resolved before they are tried again, and else at least once, the others known doubts.

mod world;

use proptest::prelude::*;
use router::MoveState;

use world::World;

#[derive(Clone, Debug)]
pub(super) enum Op {
    /// A message for the mailboxes whose bit is set, by their alias if that is set.
    Accept {
        to: u8,
        by_alias: bool,
    },
    Take {
        site: usize,
    },
    /// The route of an attempt is decided, and its message is on the wire.
    Decide {
        which: usize,
    },
    /// The far side has kept it or not, and its answer comes or is lost.
    Answer {
        which: usize,
        kept: bool,
        lost: bool,
    },
    /// A sidecar's patience is over: attempts for a mailbox in cutover are broken off, before the
    /// end of the message or after it, and then the far side may have it.
    Cut {
        mailbox: usize,
        ended: bool,
        kept: bool,
    },
    /// A sidecar's compare-and-set, perhaps with an old generation; its answer may be lost in a
    /// crash of ours, and then it asks again.
    Step {
        mailbox: usize,
        to: Target,
        old: bool,
        lost: bool,
    },
    /// An operator writes a note on the row.
    Note {
        mailbox: usize,
    },
    /// One leg is routed again.
    Route,
    Tick {
        seconds: u64,
    },
    /// Somebody sets the clock.
    Jump {
        to: u64,
    },
    /// What the last tick found due is ended; meanwhile somebody may have been faster.
    EndDue,
    Crash {
        kept: u8,
    },
    Resolve {
        mailbox: usize,
    },
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Target {
    /// Perhaps no step at all.
    Any(MoveState),
    /// One of the steps that there are from where the mailbox is.
    On(usize),
}

fn op() -> impl Strategy<Value = Op> {
    let wild = prop::sample::select(MoveState::ALL.to_vec()).prop_map(Target::Any);
    let to = prop_oneof![1 => wild, 6 => (0_usize..12).prop_map(Target::On)];
    prop_oneof![
        4 => (1_u8..4, any::<bool>()).prop_map(|(to, by_alias)| Op::Accept { to, by_alias }),
        5 => (0_usize..2).prop_map(|site| Op::Take { site }),
        5 => (0_usize..12).prop_map(|which| Op::Decide { which }),
        5 => (0_usize..12, prop::bool::weighted(0.7), prop::bool::weighted(0.3))
            .prop_map(|(which, kept, lost)| Op::Answer { which, kept, lost }),
        3 => (0_usize..2, any::<bool>(), any::<bool>())
            .prop_map(|(mailbox, ended, kept)| Op::Cut { mailbox, ended, kept }),
        8 => (0_usize..2, to, prop::bool::weighted(0.15), prop::bool::weighted(0.1))
            .prop_map(|(mailbox, to, old, lost)| Op::Step { mailbox, to, old, lost }),
        1 => (0_usize..2).prop_map(|mailbox| Op::Note { mailbox }),
        4 => Just(Op::Route),
        3 => (1_u64..700).prop_map(|seconds| Op::Tick { seconds }),
        1 => (0_u64..100_000).prop_map(|to| Op::Jump { to }),
        2 => Just(Op::EndDue),
        1 => any::<u8>().prop_map(|kept| Op::Crash { kept }),
        2 => (0_usize..2).prop_map(|mailbox| Op::Resolve { mailbox }),
    ]
}

fn run(ops: Vec<Op>, careful: bool) {
    let mut world = World::new(careful);
    for op in ops {
        world.step(op);
    }
    world.finish();
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, ..ProptestConfig::default() })]

    #[test]
    fn every_message_arrives_and_no_site_receives_out_of_its_epoch(
        ops in prop::collection::vec(op(), 1..120),
    ) {
        run(ops, false);
    }

    #[test]
    fn where_doubts_are_resolved_each_message_arrives_once_whenever_we_crash(
        ops in prop::collection::vec(op(), 1..120),
    ) {
        run(ops, true);
    }
}
