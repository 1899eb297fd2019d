//! The bus without a clock.

use api::{DroppedWhy, FlowKind};

use super::*;

fn flow(recipient: &str) -> FlowEvent {
    FlowEvent {
        at: "2026-11-27T17:00:00Z".into(),
        kind: FlowKind::Accepted,
        id: "1".into(),
        reverse_path: String::new(),
        recipient: recipient.into(),
        site: None,
        size_bytes: None,
        reply: None,
        seconds: None,
    }
}

fn plan(id: &str) -> PlanEvent {
    PlanEvent { at: String::new(), id: id.into(), state: "ready".into() }
}

async fn heard(listener: &mut Listener) -> String {
    match listener.next(|| 1).await {
        None => "end".into(),
        Some(Heard::Event(it)) => match &*it.event {
            StreamEvent::Flow(flow) => flow.recipient.clone(),
            StreamEvent::Plan(plan) => plan.id.clone(),
            other => other.name().into(),
        },
        Some(Heard::Dropped(StreamEvent::Dropped(it))) => format!("{:?} {}", it.why, it.n),
        Some(Heard::Dropped(_)) => unreachable!(),
    }
}

#[test]
fn nothing_is_made_while_nobody_listens() {
    let events = Events::new(7, 2, CancellationToken::new());
    events.flow(|| -> [FlowEvent; 0] { panic!("nobody listens") });
    let listener = events.listen(Interest::default(), None).unwrap();
    assert!(events.wants_flow());
    drop(listener);
    // One who comes back soon has missed nothing.
    let now = Instant::now();
    events.rest(now);
    assert!(events.wants_flow());
    events.rest(now + LINGER);
    assert!(!events.wants_flow());
}

#[tokio::test]
async fn who_comes_back_hears_what_they_missed() {
    let events = Events::new(7, 2, CancellationToken::new());
    events.plan(plan("a"));
    let a = events.last();
    events.plan(plan("b"));
    let mut listener = events.listen(Interest::default(), Some(a)).unwrap();
    events.plan(plan("c"));
    assert_eq!(heard(&mut listener).await, "b");
    assert_eq!(heard(&mut listener).await, "c");
    // Of an earlier run: all that there is, and a word about the rest.
    let old = EventId { run: 6, number: 9 };
    let mut listener = events.listen(Interest::default(), Some(old)).unwrap();
    assert_eq!(heard(&mut listener).await, "Gone 0");
    assert_eq!(heard(&mut listener).await, "a");
    assert_eq!(events.listen(Interest::default(), None).err(), Some(TooMany { max: 2 }));
}

#[tokio::test]
async fn who_comes_back_late_hears_that_flow_is_missing() {
    let events = Events::new(7, 2, CancellationToken::new());
    drop(events.listen(Interest::default(), None).unwrap());
    events.flow(|| [flow("anna@x.example")]);
    let seen = events.last();
    let now = Instant::now();
    events.rest(now);
    events.rest(now + LINGER);
    let mut listener = events.listen(Interest::default(), Some(seen)).unwrap();
    assert_eq!(heard(&mut listener).await, "Gone 0");
}

#[tokio::test]
async fn who_is_slow_loses_events_and_hears_how_many() {
    let events = Events::new(7, 1, CancellationToken::new());
    let mut listener = events.listen(Interest::default(), None).unwrap();
    for n in 0..KEPT + 10 {
        events.plan(plan(&n.to_string()));
    }
    assert_eq!(heard(&mut listener).await, format!("{:?} 10", DroppedWhy::Slow));
    assert_eq!(heard(&mut listener).await, "10");
}

#[tokio::test]
async fn a_listener_hears_what_it_asked_for() {
    let events = Events::new(7, 1, CancellationToken::new());
    let interest =
        Interest { topics: vec![api::Topic::Flow], recipient: Some("anna@".into()), site: None };
    let mut listener = events.listen(interest, None).unwrap();
    events.plan(plan("a"));
    events.flow(|| [flow("ben@x.example"), flow("Anna@x.example")]);
    assert_eq!(heard(&mut listener).await, "Anna@x.example");
}

#[test]
fn flow_above_two_hundred_a_second_is_a_sample_and_says_so() {
    let mut sampler = Sampler::default();
    let mut passed = |second| (0..1_000).filter(|_| sampler.admit(second)).collect::<Vec<_>>();
    assert_eq!(passed(10), (0..200).collect::<Vec<_>>());
    // By the rate of the second before, spread over the whole second.
    assert_eq!(passed(11), (0..1_000).step_by(5).collect::<Vec<_>>());
    assert_eq!(sampler.dropped(11), None);
    assert_eq!(sampler.dropped(12), Some(1_600));
    assert_eq!(sampler.dropped(13), None);
}

#[test]
fn an_id_reads_as_it_was_written() {
    let id = EventId { run: 0xabc, number: 12 };
    assert_eq!(id.to_string(), "abc-12");
    assert_eq!(id.to_string().parse(), Ok(id));
    assert!("abc".parse::<EventId>().is_err());
}

#[tokio::test]
async fn a_listener_ends_with_the_bus() {
    let closed = CancellationToken::new();
    let events = Events::new(7, 1, closed.clone());
    let mut listener = events.listen(Interest::default(), None).unwrap();
    closed.cancel();
    assert_eq!(heard(&mut listener).await, "end");
}
