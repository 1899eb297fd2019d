//! Live events as `text/event-stream`, for as long as the client reads. WHATWG HTML §9.2.

use std::io;
use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use events::{Heard, Listener};
use futures_util::stream;
use prometheus::IntGauge;
use tokio::time::{Instant, Interval, MissedTickBehavior, interval};

use crate::metrics::AdminMetrics;

/// A comment goes out after so long without an event, so that proxies and clients know that the
/// connection lives.
const KEEP_ALIVE: Duration = Duration::from_secs(15);
/// What clients are told to wait before they connect again.
const RETRY_MS: u32 = 2_000;

/// The body of the answer. Ends when the bus does, or a second after `may_hear` says no.
pub(crate) fn body(
    listener: Listener,
    metrics: &AdminMetrics,
    may_hear: impl Fn() -> bool + Send + 'static,
) -> Body {
    let mut second = interval(Duration::from_secs(1));
    second.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let begun = Instant::now();
    let greeting = format!("retry: {RETRY_MS}\nid: {}\n\n", listener.position());
    let feed = Feed {
        listener,
        second,
        begun,
        sent: begun,
        metrics: metrics.clone(),
        may_hear: Box::new(may_hear),
        _counted: Counted::new(&metrics.stream_listeners),
    };
    let pieces = stream::unfold((Some(greeting), feed), |(greeting, mut feed)| async move {
        let piece = match greeting {
            Some(greeting) => greeting,
            None => feed.next().await?,
        };
        feed.sent = Instant::now();
        Some((Ok::<_, io::Error>(Bytes::from(piece)), (None, feed)))
    });
    Body::from_stream(pieces)
}

struct Feed {
    listener: Listener,
    second: Interval,
    begun: Instant,
    sent: Instant,
    metrics: AdminMetrics,
    may_hear: Box<dyn Fn() -> bool + Send>,
    _counted: Counted,
}

impl Feed {
    async fn next(&mut self) -> Option<String> {
        loop {
            let begun = self.begun;
            tokio::select! {
                // The clock first: on a busy bus there is always something to say.
                biased;
                _ = self.second.tick() => {
                    if !(self.may_hear)() {
                        return None;
                    }
                    if let Some(heard) = self.listener.left_out(begun.elapsed().as_secs()) {
                        return Some(self.text(&heard));
                    }
                    if self.sent.elapsed() >= KEEP_ALIVE {
                        return Some(": still here\n\n".to_owned());
                    }
                }
                heard = self.listener.next(|| begun.elapsed().as_secs()) => {
                    return heard.map(|it| self.text(&it));
                }
            }
        }
    }

    fn text(&self, heard: &Heard) -> String {
        match heard {
            Heard::Event(it) => {
                format!("id: {}\nevent: {}\ndata: {}\n\n", it.id, it.event.name(), it.event.data())
            }
            Heard::Dropped(it) => {
                if let api::StreamEvent::Dropped(dropped) = it {
                    let why = dropped.why.as_str();
                    self.metrics.stream_dropped.with_label_values(&[why]).inc_by(dropped.n);
                }
                format!("event: {}\ndata: {}\n\n", it.name(), it.data())
            }
        }
    }
}

/// One listener in the gauge, until it is dropped.
struct Counted(IntGauge);

impl Counted {
    fn new(gauge: &IntGauge) -> Self {
        gauge.inc();
        Self(gauge.clone())
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.dec();
    }
}
