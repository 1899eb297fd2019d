//! What all sessions of the process share.

use std::sync::Arc;

use arc_swap::ArcSwap;
use events::Events;
use mail::Timestamp;
use spool::Spool;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::limits::{Connections, MemoryLimits, OfListener, Stress};
use crate::loop_mark::LoopMark;
use crate::metrics::{GatewayMetrics, ListenerMetrics};
use crate::policy::{Handoff, Policy};
use crate::settings::Settings;
use crate::tls::Tls;

pub(crate) struct Shared {
    pub(crate) spool: Spool,
    pub(crate) policy: Arc<dyn Policy>,
    pub(crate) handoff: Arc<dyn Handoff>,
    pub(crate) events: Events,
    pub(crate) metrics: GatewayMetrics,
    pub(crate) connections: Arc<Connections>,
    pub(crate) stress: Stress,
    pub(crate) memory: MemoryLimits,
    pub(crate) loop_mark: LoopMark,
    pub(crate) tracker: TaskTracker,
    pub(crate) stop: CancellationToken,
}

/// One listener of the configuration; its sockets are in the shards.
pub(crate) struct ListenerState {
    pub(crate) name: Box<str>,
    pub(crate) settings: ArcSwap<Settings>,
    pub(crate) tls: Option<Tls>,
    pub(crate) connections: OfListener,
    pub(crate) metrics: ListenerMetrics,
}

/// The wall clock, for what is written down. The one place of this crate that asks for it.
pub(crate) fn now() -> Timestamp {
    Timestamp::from_system(std::time::SystemTime::now())
}
