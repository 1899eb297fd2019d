//! The process `causeway serve`: everything opened in the order in which it is needed, started,
//! and stopped in the order of the data flow.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{ErrorKind, Write as _};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant, SystemTime};

use access::{Access, AccessMetrics, Tokens};
use arc_swap::ArcSwap;
use config::Config;
use deliver::{DeliverMetrics, Delivery, Routes};
use directory::{Directory, DirectoryMetrics};
use events::Events;
use mail::Timestamp;
use oidc::{OidcMetrics, Provider};
use prometheus::Registry;
use recipients::Recipients as KnownRecipients;
use spool::{RealDisk, Recovery, Spool, SpoolMetrics, SystemClock};
use tokio::net::TcpListener;
use tokio::runtime::{Builder, Runtime};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::alerts::{self, AlertMetrics, Watched};
use crate::control::{Control, Overrides, Planner, keep_plans};
use crate::cutovers;
use crate::rails::RailMetrics;
use crate::recipients::Recipients;
use crate::reload::Reloader;
use crate::{GatewayMetrics, Handoff, Parts, Server, Serving, Shards, Shutdown, assemble, finish};

/// Threads of the control runtime: admin, names, probes, timers.
const CONTROL_THREADS: usize = 2;

/// How often what is over is let go in `access.db`.
const ACCESS_UPKEEP_EVERY: Duration = Duration::from_secs(600);

/// Why the gateway did not start, in words for an operator; `source` says more.
#[derive(Debug, thiserror::Error)]
#[error("{tried}")]
pub struct RunError {
    tried: String,
    source: Box<dyn std::error::Error + Send + Sync>,
}

/// `?` with the sentence that says what was tried.
trait Tried<T> {
    fn tried(self, what: impl FnOnce() -> String) -> Result<T, RunError>;
}

impl<T, E: Into<Box<dyn std::error::Error + Send + Sync>>> Tried<T> for Result<T, E> {
    fn tried(self, what: impl FnOnce() -> String) -> Result<T, RunError> {
        self.map_err(|it| RunError { tried: what(), source: it.into() })
    }
}

/// Runs the gateway until SIGTERM or SIGINT, then drains.
///
/// # Errors
/// When it cannot start. Once it runs, nothing ends it but a signal.
pub fn serve(config: Config, config_path: &Path) -> Result<Shutdown, RunError> {
    let _log = crate::start_logging(&config.log).tried(|| "cannot start logging".into())?;
    crate::reload::log_warnings(&config);
    let control = Builder::new_multi_thread()
        .worker_threads(CONTROL_THREADS)
        .thread_name("control")
        .enable_all()
        .build()
        .tried(|| "cannot start the control threads".into())?;
    // Before anything that takes time: a signal during the start is not to end the process as
    // if nobody had been there to hear it.
    let signals = Signals::listen(&control).tried(|| "cannot listen for signals".into())?;
    let data_dir = config.server.data_dir.clone();
    let _lock = lock(&data_dir)?;
    forget_addresses(&data_dir)?;
    let shards = Shards::start(config.server.data_threads, deliver::enter_shard)
        .tried(|| "cannot start the data threads".into())?;
    let grace = config.server.shutdown_grace;
    let started = start(config, config_path, &control, &shards)?;
    control.block_on(started.until_signalled(signals));
    tracing::info!("Stopping: transactions and deliveries under way are finished.");
    started.stop.cancel();
    let ended = control.block_on(finish(&started.tracker, grace));
    // The next start does it again.
    let _ = forget_addresses(&data_dir);
    shards.finish();
    drop(control);
    match ended {
        Shutdown::Clean => started.spool.close(),
        Shutdown::Abandoned { .. } => started.spool.abandon(),
    }
    tracing::info!(?ended, "Stopped.");
    Ok(ended)
}

pub(crate) struct Started {
    pub(crate) control: Arc<Control>,
    pub(crate) spool: Spool,
    pub(crate) tracker: TaskTracker,
    pub(crate) stop: CancellationToken,
}

/// What operators tell the process by signals, from the moment that this is made.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hangup: Signal,
}

impl Signals {
    fn listen(control: &Runtime) -> std::io::Result<Self> {
        let _context = control.enter();
        survive_file_size_limit()?;
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hangup: signal(SignalKind::hangup())?,
        })
    }
}

/// A write beyond RLIMIT_FSIZE is to fail, which the spool answers with 451, and not to end the
/// process. A handler that tokio has set stays set.
fn survive_file_size_limit() -> std::io::Result<()> {
    let number = rustix::process::Signal::XFSZ.as_raw();
    signal(SignalKind::from_raw(number)).map(drop)
}

/// Those of the last run lead nowhere, or to somebody else.
fn forget_addresses(data_dir: &Path) -> Result<(), RunError> {
    let path = data_dir.join(api::Addresses::FILE);
    match fs::remove_file(&path) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            Err(error).tried(|| format!("cannot remove {}", path.display()))
        }
        _ => Ok(()),
    }
}

/// One gateway for one data folder.
fn lock(data_dir: &Path) -> Result<File, RunError> {
    fs::create_dir_all(data_dir).tried(|| format!("cannot make {}", data_dir.display()))?;
    let path = data_dir.join("lock");
    let file = OpenOptions::new().create(true).truncate(false).write(true).open(&path);
    let file = file.tried(|| format!("cannot open {}", path.display()))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err("another gateway uses it")
            .tried(|| format!("cannot use the data folder {}", data_dir.display())),
        Err(TryLockError::Error(error)) => {
            Err(error).tried(|| format!("cannot lock {}", path.display()))
        }
    }
}

pub(crate) fn start(
    config: Config,
    config_path: &Path,
    control: &Runtime,
    shards: &Shards,
) -> Result<Started, RunError> {
    let _context = control.enter();
    let began = (Instant::now(), Timestamp::from_system(SystemTime::now()));
    let data_dir = config.server.data_dir.clone();
    let (registry, tracker, stop) = (Registry::new(), TaskTracker::new(), CancellationToken::new());

    let spool_metrics = SpoolMetrics::new();
    let (spool, recovery) = open_spool(&config, &spool_metrics, &registry)?;
    let routes = open_routes(&config, &registry, (&tracker, &stop))?;
    let events = Events::new(began.1.as_micros(), config.admin.stream_listeners_max, stop.clone());
    let delivery = Delivery::new(deliver::Parts {
        spool: spool.clone(),
        routes: Arc::clone(&routes),
        sites: assemble::sites(&config).tried(|| "cannot set up TLS for the sites".into())?,
        settings: assemble::delivery(&config).tried(|| "cannot set up TLS".into())?,
        resolver: assemble::resolver(&config).tried(|| "cannot set up DNS".into())?,
        metrics: DeliverMetrics::new(&registry).tried(metrics_twice)?,
        events: events.clone(),
        shards: shards.handles().to_vec(),
        tracker: tracker.clone(),
        stop: stop.clone(),
    });
    let overrides = open_overrides(&data_dir, &delivery, began.1)?;
    let metrics = GatewayMetrics::new(&registry).tried(metrics_twice)?;
    let (sessions, messages) = (metrics.sessions_open.clone(), metrics.messages.clone());
    let parts = Parts {
        spool: spool.clone(),
        policy: Arc::new(Recipients::new(Arc::clone(&routes), delivery.clone())),
        handoff: handoff(&delivery),
        events: events.clone(),
        metrics,
        tracker: tracker.clone(),
        stop: stop.clone(),
    };
    let admin = bind_admin(config.admin.bind)?;
    let server = bind_mail(&config, shards, parts)?;
    let serving = server.serve(shards, control.handle()).tried(|| "cannot serve".into())?;

    tracker.spawn_on(delivery.clone().watch(), control.handle());
    let recovered = Arc::new(AtomicBool::new(false));
    take_up(recovery, delivery.clone(), Arc::clone(&recovered))?;

    let access = open_access(&config, &registry, began.1)?;
    let people = (Arc::clone(&access), open_oidc(&config, &registry)?);
    let config = Arc::new(ArcSwap::from_pointee(config));
    let backend = Arc::new(Control {
        config: Arc::clone(&config),
        config_path: config_path.to_owned(),
        routes: Arc::clone(&routes),
        reloader: reloader((config, routes), &serving, &delivery),
        access,
        delivery,
        events,
        overrides: Arc::new(overrides),
        spool: spool.clone(),
        spool_metrics,
        started: began,
        recovered,
        listings: Arc::default(),
        sessions,
        planner: Planner::default(),
        rails: RailMetrics::register(&registry).tried(metrics_twice)?,
        watched: Watched::new(AlertMetrics::register(&registry).tried(metrics_twice)?, messages),
    });
    keep_watch(&backend, (&tracker, &stop), control);
    let address = admin.local_addr().tried(|| "cannot use the admin socket".into())?;
    serve_admin(Arc::clone(&backend), people, registry, admin, &tracker, &stop)?;
    write_addresses(&data_dir, address, &serving)?;
    tracing::info!(%address, took = ?began.0.elapsed(), "Ready.");
    Ok(Started { control: backend, spool, tracker, stop })
}

fn reloader(
    (config, routes): (Arc<ArcSwap<Config>>, Arc<Routes>),
    serving: &Serving,
    delivery: &Delivery,
) -> Reloader {
    let (serving, delivery) = (serving.clone(), delivery.clone());
    Reloader { config, routes, serving, delivery, turn: Arc::default() }
}

/// What the gateway does by itself: alerts, plans, cutovers.
fn keep_watch(
    backend: &Arc<Control>,
    (tracker, stop): (&TaskTracker, &CancellationToken),
    control: &Runtime,
) {
    tracker.spawn_on(alerts::deliver(Arc::clone(backend), stop.clone()), control.handle());
    tracker.spawn_on(alerts::add_up(Arc::clone(backend), stop.clone()), control.handle());
    tracker.spawn_on(alerts::watch(Arc::clone(backend), stop.clone()), control.handle());
    tracker.spawn_on(keep_plans(Arc::clone(backend), stop.clone()), control.handle());
    tracker.spawn_on(cutovers::watch(Arc::clone(backend), stop.clone()), control.handle());
}

fn bind_mail(config: &Config, shards: &Shards, parts: Parts) -> Result<Server, RunError> {
    Server::bind(config, shards.handles().len(), parts).tried(|| "cannot listen for mail".into())
}

fn metrics_twice() -> String {
    "cannot register metrics".into()
}

fn open_spool(
    config: &Config,
    metrics: &SpoolMetrics,
    registry: &Registry,
) -> Result<(Spool, Recovery), RunError> {
    let root = config.server.data_dir.clone();
    let disk = RealDisk::new(&root).tried(|| format!("cannot open {}", root.display()))?;
    metrics.register(registry).tried(metrics_twice)?;
    let options = assemble::spool(config);
    Spool::open(Arc::new(disk), options, metrics.clone(), Arc::new(SystemClock))
        .tried(|| format!("cannot open the spool in {}", root.display()))
}

fn open_recipients(
    config: &Config,
    registry: &Registry,
    (tracker, stop): (&TaskTracker, &CancellationToken),
) -> Result<KnownRecipients, RunError> {
    let path = recipients::file_in(&config.server.data_dir);
    let parts = recipients::Parts {
        path: path.clone(),
        sources: assemble::directories(config)
            .tried(|| "cannot set up TLS for the directories".into())?,
        metrics: recipients::RecipientsMetrics::register(registry).tried(metrics_twice)?,
        split: assemble::split,
        tracker: tracker.clone(),
        stop: stop.clone(),
    };
    KnownRecipients::open(parts)
        .tried(|| format!("cannot open the copies of the directories in {}", path.display()))
}

/// What operators ordered of the sites, in force again.
fn open_overrides(
    data_dir: &Path,
    delivery: &Delivery,
    now: Timestamp,
) -> Result<Overrides, RunError> {
    let overrides = Overrides::open(data_dir, now).tried(|| {
        format!("cannot use overrides.json in {}: mend it or remove it", data_dir.display())
    })?;
    overrides.apply(delivery, now);
    Ok(overrides)
}

fn open_routes(
    config: &Config,
    registry: &Registry,
    (tracker, stop): (&TaskTracker, &CancellationToken),
) -> Result<Arc<Routes>, RunError> {
    let known = open_recipients(config, registry, (tracker, stop))?;
    tracker.spawn(known.clone().run());
    let path = config.server.data_dir.join("table.db");
    let metrics = DirectoryMetrics::register(registry).tried(metrics_twice)?;
    let directory = Directory::open(&path, metrics)
        .tried(|| format!("cannot open the table in {}", path.display()))?;
    let smart_host = config.delivery.smart_host.is_some();
    let routes = Routes::new(Arc::new(directory), assemble::domains(config), smart_host);
    Ok(Arc::new(routes.with_recipients(known)))
}

/// Accounts, tokens, sessions and the audit log.
fn open_access(
    config: &Config,
    registry: &Registry,
    now: Timestamp,
) -> Result<Arc<Access>, RunError> {
    let data_dir = &config.server.data_dir;
    let token_file =
        config.admin.token_file.clone().unwrap_or_else(|| data_dir.join("admin.token"));
    let tokens = Tokens::open(&token_file).tried(|| "cannot use the admin token".into())?;
    let metrics = AccessMetrics::register(registry).tried(metrics_twice)?;
    let access = Access::open(data_dir, tokens, assemble::access(config), metrics, now);
    let access = access.tried(|| {
        format!("cannot open the accounts and the audit log in {}", data_dir.display())
    })?;
    let rules = assemble::oidc_rules(config);
    Ok(Arc::new(access.with_rules(rules)))
}

/// Whoever vouches for people; asked when somebody signs in, so that it may be down now.
fn open_oidc(config: &Config, registry: &Registry) -> Result<Option<Arc<Provider>>, RunError> {
    let Some(section) = &config.oidc else { return Ok(None) };
    let mut settings = assemble::oidc(section);
    if let Some(path) = &section.client_secret_file {
        let secret = fs::read_to_string(path);
        let secret = secret.tried(|| format!("cannot read {}", path.display()))?;
        settings.client_secret = Some(secret.trim().to_owned());
    }
    let metrics = OidcMetrics::register(registry).tried(metrics_twice)?;
    let provider = Provider::new(settings, metrics);
    let provider = provider.tried(|| "cannot set up signing in by [oidc]".into())?;
    Ok(Some(Arc::new(provider)))
}

/// Sessions end, answers and old records go.
async fn keep_access(access: Arc<Access>, stop: CancellationToken) {
    loop {
        let access = Arc::clone(&access);
        let now = Timestamp::from_system(SystemTime::now());
        let kept = tokio::task::spawn_blocking(move || access.upkeep(now)).await;
        if let Ok(Err(error)) = kept {
            tracing::error!(%error, "Cannot tidy up the accounts' store.");
        }
        tokio::select! {
            () = tokio::time::sleep(ACCESS_UPKEEP_EVERY) => (),
            () = stop.cancelled() => return,
        }
    }
}

fn bind_admin(bind: SocketAddr) -> Result<TcpListener, RunError> {
    let listener = std::net::TcpListener::bind(bind).tried(|| format!("cannot bind {bind}"))?;
    listener.set_nonblocking(true).tried(|| "cannot use the admin socket".into())?;
    TcpListener::from_std(listener).tried(|| "cannot use the admin socket".into())
}

/// Mail of the last run joins the queues while new mail comes in.
fn take_up(recovery: Recovery, delivery: Delivery, done: Arc<AtomicBool>) -> Result<(), RunError> {
    let work = move || {
        let (began, mut n) = (Instant::now(), 0_u64);
        for recovered in recovery {
            delivery.recovered(&recovered);
            n += 1;
        }
        done.store(true, Ordering::Release);
        tracing::info!(messages = n, took = ?began.elapsed(), "Mail of the last run is queued.");
    };
    let thread = std::thread::Builder::new().name("recovery".into()).spawn(work);
    thread.tried(|| "cannot start the recovery thread".into()).map(drop)
}

fn handoff(delivery: &Delivery) -> Arc<dyn Handoff> {
    let delivery = delivery.clone();
    Arc::new(move |message| delivery.submit(message))
}

fn serve_admin(
    backend: Arc<Control>,
    (access, oidc): (Arc<Access>, Option<Arc<Provider>>),
    registry: Registry,
    listener: TcpListener,
    tracker: &TaskTracker,
    stop: &CancellationToken,
) -> Result<(), RunError> {
    tracker.spawn(keep_access(Arc::clone(&access), stop.clone()));
    let backend_config = backend.config.load_full();
    let parts =
        admin::router(backend, access, registry, tracker.clone(), oidc).tried(metrics_twice)?;
    let trusted_proxies = backend_config.admin.trusted_proxies.clone();
    let limits = admin::Limits { trusted_proxies, ..admin::Limits::default() };
    let serve = admin::serve(listener, parts, limits, tracker.clone(), stop.clone());
    tracker.spawn(serve);
    Ok(())
}

/// Written whole and renamed, so that whoever waits for it never reads half.
fn write_addresses(data_dir: &Path, admin: SocketAddr, serving: &Serving) -> Result<(), RunError> {
    let listeners: BTreeMap<String, String> =
        serving.addresses().into_iter().map(|(name, it)| (name, it.to_string())).collect();
    let text = api::Addresses { admin: admin.to_string(), listeners }.to_json();
    let path = data_dir.join(api::Addresses::FILE);
    let temporary: PathBuf = path.with_extension("tmp");
    let write = || -> std::io::Result<()> {
        let mut file = File::create(&temporary)?;
        file.write_all(text.as_bytes())?;
        fs::rename(&temporary, &path)
    };
    write().tried(|| format!("cannot write {}", path.display()))
}

impl Started {
    /// SIGHUP reloads; SIGTERM and SIGINT end it, also those that came during the start.
    async fn until_signalled(&self, mut signals: Signals) {
        loop {
            tokio::select! {
                _ = signals.terminate.recv() => return,
                _ = signals.interrupt.recv() => return,
                _ = signals.hangup.recv() => self.control.reload_on_signal().await,
            }
        }
    }
}
