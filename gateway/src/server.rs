//! The receiving side as one value: sockets bound, sessions running, certificates renewed.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use config::{Config, Listener};
use events::Events;
use spool::Spool;
use tokio::net::TcpListener;
use tokio::runtime::Handle;
use tokio::time::{MissedTickBehavior, interval, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::accept;
use crate::bind::{BindError, bind};
use crate::limits::{Connections, MemoryLimits, OfListener, Stress, StressMeter, Usage};
use crate::loop_mark::LoopMark;
use crate::metrics::GatewayMetrics;
use crate::policy::{Handoff, Policy};
use crate::settings::Settings;
use crate::shard::Shards;
use crate::shared::{ListenerState, Shared};
use crate::tls::{Fresh, Tls, TlsError};

/// How often certificates are looked at for a change.
const CERTIFICATES_EVERY: Duration = Duration::from_secs(10);

/// What the receiving side works with.
pub struct Parts {
    pub spool: Spool,
    pub policy: Arc<dyn Policy>,
    pub handoff: Arc<dyn Handoff>,
    /// Hears of what is accepted.
    pub events: Events,
    pub metrics: GatewayMetrics,
    /// Waits for sessions at the end.
    pub tracker: TaskTracker,
    /// Stops the taking of connections, and of messages in sessions that have none.
    pub stop: CancellationToken,
}

#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error("listener {listener}")]
    Bind { listener: String, source: BindError },
    #[error("listener {listener}")]
    Tls { listener: String, source: TlsError },
    #[error("cannot read or make {path}")]
    LoopKey { path: PathBuf, source: io::Error },
    #[error("cannot use a socket")]
    Socket(#[source] io::Error),
}

/// How the end went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shutdown {
    Clean,
    /// The grace was over before so many sessions and deliveries were. What they had accepted is
    /// on disk.
    Abandoned {
        tasks: usize,
    },
}

/// Bound, not yet serving.
pub struct Server {
    shared: Arc<Shared>,
    limits: ServerLimits,
    listeners: Vec<Bound>,
}

#[derive(Clone, Copy)]
struct ServerLimits {
    memory_bytes_max: u64,
    stress_at_percent: u8,
}

struct Bound {
    state: Arc<ListenerState>,
    address: SocketAddr,
    /// One for each shard.
    sockets: Vec<std::net::TcpListener>,
}

/// Handle on a serving server; cheap to clone.
#[derive(Clone)]
pub struct Serving {
    listeners: Arc<[(Arc<ListenerState>, SocketAddr)]>,
    shared: Arc<Shared>,
}

/// What a reload changes, checked: see [`Serving::prepare`].
pub struct Prepared(Vec<(Arc<ListenerState>, Settings, Option<Fresh>)>);

impl Server {
    /// Binds every listener for `n_shards` threads and reads every certificate. Nobody is served
    /// before [`Server::serve`].
    pub fn bind(config: &Config, n_shards: usize, parts: Parts) -> Result<Self, StartError> {
        let data_dir = &config.server.data_dir;
        let loop_mark = LoopMark::open(data_dir)
            .map_err(|source| StartError::LoopKey { path: data_dir.join("loop.key"), source })?;
        let limits = ServerLimits {
            memory_bytes_max: config.limits.memory_bytes_max,
            stress_at_percent: config.limits.stress_at_percent,
        };
        let listeners = config
            .listeners
            .iter()
            .map(|it| bound(config, it, n_shards, &parts.metrics))
            .collect::<Result<_, _>>()?;
        let Parts { spool, policy, handoff, events, metrics, tracker, stop } = parts;
        let shared = Arc::new(Shared {
            spool,
            policy,
            handoff,
            events,
            metrics,
            connections: Arc::new(Connections::default()),
            stress: Stress::default(),
            memory: MemoryLimits::of(limits.memory_bytes_max),
            loop_mark,
            tracker,
            stop,
        });
        Ok(Self { shared, limits, listeners })
    }

    /// The addresses in use, by listener; ports that were 0 are chosen by now.
    pub fn addresses(&self) -> Vec<(String, SocketAddr)> {
        self.listeners.iter().map(|it| (it.state.name.to_string(), it.address)).collect()
    }

    /// Starts to take connections, on the shards for which the sockets were bound; upkeep runs on
    /// `control`.
    pub fn serve(self, shards: &Shards, control: &Handle) -> Result<Serving, StartError> {
        let Self { shared, limits, listeners } = self;
        let mut states = Vec::new();
        for handle in shards.handles() {
            let driver = until_stopped(shared.stop.clone(), shared.spool.completion_driver());
            shared.tracker.spawn_on(driver, handle);
        }
        for Bound { state, address, sockets } in listeners {
            for (socket, handle) in sockets.into_iter().zip(shards.handles()) {
                let _context = handle.enter();
                let socket = TcpListener::from_std(socket).map_err(StartError::Socket)?;
                let run = accept::run(Arc::clone(&shared), Arc::clone(&state), socket);
                shared.tracker.spawn_on(run, handle);
            }
            tracing::info!(listener = &*state.name, %address, "Listening.");
            states.push((state, address));
        }
        let serving = Serving { listeners: states.into(), shared };
        let tracker = &serving.shared.tracker;
        tracker.spawn_on(watch_load(serving.clone(), limits), control);
        tracker.spawn_on(watch_certificates(serving.clone()), control);
        Ok(serving)
    }
}

impl Serving {
    pub fn addresses(&self) -> Vec<(String, SocketAddr)> {
        self.listeners.iter().map(|(it, address)| (it.name.to_string(), *address)).collect()
    }

    /// Reads what a reload needs and checks it, and changes nothing. `config` is what is to be in
    /// force; listeners that were added, removed or bound elsewhere need a restart. Blocks while
    /// it reads files.
    pub fn prepare(&self, config: &Config) -> Result<Prepared, TlsError> {
        let mut all = Vec::new();
        for (state, _) in self.listeners.iter() {
            let named = config.listeners.iter().find(|it| it.name == *state.name);
            let Some(listener) = named else { continue };
            let mut settings = Settings::new(config, listener);
            // TLS itself does not come and go without a restart.
            Arc::make_mut(&mut settings.rules).starttls = state.tls.is_some();
            // Files that the configuration does not name any more may be gone.
            let tls = state.tls.as_ref().filter(|it| listener.tls.as_ref() == Some(it.files()));
            let fresh = match tls.map(|it| it.look(true)).transpose() {
                Ok(fresh) => fresh.flatten(),
                Err(error) => {
                    self.count_reload(state, "failed");
                    return Err(error);
                }
            };
            all.push((Arc::clone(state), settings, fresh));
        }
        Ok(Prepared(all))
    }

    /// New sessions go by it. Cannot fail.
    pub fn apply(&self, prepared: Prepared) {
        for (state, settings, fresh) in prepared.0 {
            state.settings.store(Arc::new(settings));
            self.take_certificate(&state, fresh);
        }
    }

    /// Octets of bodies in memory that are on their way in.
    pub fn body_bytes(&self) -> u64 {
        self.shared.stress.body_bytes()
    }

    pub fn connections(&self) -> usize {
        self.shared.connections.len()
    }

    /// Of all listeners together; each knows it, and a reload may change it.
    fn connections_max(&self) -> u64 {
        let all = self.listeners.first().map(|(it, _)| it.settings.load().connections.all);
        all.map_or(u64::MAX, |it| it as u64)
    }

    fn take_certificate(&self, state: &ListenerState, fresh: Option<Fresh>) {
        if let (Some(tls), Some(fresh)) = (&state.tls, fresh) {
            tls.take(fresh);
            self.count_reload(state, "ok");
            tracing::info!(listener = &*state.name, "Using a new certificate.");
        }
    }

    fn count_reload(&self, state: &ListenerState, result: &str) {
        let reloads = &self.shared.metrics.certificate_reloads;
        reloads.with_label_values(&[&*state.name, result]).inc();
    }
}

/// Waits for everything in `tracker`, at most for `grace`. `stop` was cancelled before.
pub async fn finish(tracker: &TaskTracker, grace: Duration) -> Shutdown {
    tracker.close();
    match timeout(grace, tracker.wait()).await {
        Ok(()) => Shutdown::Clean,
        Err(_) => Shutdown::Abandoned { tasks: tracker.len() },
    }
}

fn bound(
    config: &Config,
    listener: &Listener,
    n_shards: usize,
    metrics: &GatewayMetrics,
) -> Result<Bound, StartError> {
    let name = || listener.name.clone();
    let tls = match &listener.tls {
        None => None,
        Some(files) => Some(
            Tls::open(files, listener.client_ca.as_deref())
                .map_err(|source| StartError::Tls { listener: name(), source })?,
        ),
    };
    let sockets = bind(listener.bind, n_shards.max(1))
        .map_err(|source| StartError::Bind { listener: name(), source })?;
    let address = match sockets.first() {
        Some(socket) => socket.local_addr().map_err(StartError::Socket)?,
        None => listener.bind,
    };
    let state = ListenerState {
        name: listener.name.as_str().into(),
        settings: ArcSwap::from_pointee(Settings::new(config, listener)),
        tls,
        connections: OfListener::default(),
        metrics: metrics.of(&listener.name),
    };
    Ok(Bound { state: Arc::new(state), address, sockets })
}

/// From the stop on, those who wait for a commit are woken one by one.
async fn until_stopped<F: Future + Send>(stop: CancellationToken, work: F) {
    tokio::select! {
        biased;
        () = stop.cancelled() => (),
        _ = work => (),
    }
}

/// Recomputes the stress once a second.
async fn watch_load(serving: Serving, limits: ServerLimits) {
    let shared = &serving.shared;
    let mut meter = StressMeter::default();
    let descriptors_max = descriptors_max();
    let mut tick = interval(Duration::from_secs(1));
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = shared.stop.cancelled() => return,
            _ = tick.tick() => (),
        }
        let connections = shared.connections.len() as u64;
        let body_bytes = shared.stress.body_bytes();
        let usage = Usage {
            connections: percent(connections, serving.connections_max()),
            descriptors: percent(connections, descriptors_max),
            memory: percent(body_bytes, limits.memory_bytes_max),
        };
        let was_on = shared.stress.is_on();
        meter.tick(usage, limits.stress_at_percent, &shared.stress);
        if shared.stress.is_on() != was_on {
            tracing::warn!(on = !was_on, ?usage, "Stress changed.");
        }
        shared.metrics.stress.set(i64::from(shared.stress.is_on()));
        shared.metrics.body_bytes.set(i64::try_from(body_bytes).unwrap_or(i64::MAX));
    }
}

async fn watch_certificates(serving: Serving) {
    let mut tick = interval(CERTIFICATES_EVERY);
    let mut problems = vec![None; serving.listeners.len()];
    loop {
        tokio::select! {
            () = serving.shared.stop.cancelled() => return,
            _ = tick.tick() => (),
        }
        for ((state, _), problem) in serving.listeners.iter().zip(&mut problems) {
            // Two stat calls as long as nothing has changed.
            let looked = state.tls.as_ref().map(|it| it.look(false)).transpose();
            let now = match looked {
                Ok(fresh) => {
                    serving.take_certificate(state, fresh.flatten());
                    None
                }
                Err(error) => Some(crate::receive::chain(&error)),
            };
            // Said once, though it is tried again each time.
            if let Some(error) = now.as_ref().filter(|_| now != *problem) {
                serving.count_reload(state, "failed");
                tracing::error!(listener = &*state.name, error, "Keeping the old certificate.");
            }
            *problem = now;
        }
    }
}

fn percent(part: u64, whole: u64) -> u64 {
    part.saturating_mul(100) / whole.max(1)
}

/// How many descriptors the process may have; clients get them as long as there are some.
fn descriptors_max() -> u64 {
    rustix::process::getrlimit(rustix::process::Resource::Nofile).current.unwrap_or(u64::MAX)
}
