//! The I/O shell: accepts connections, bounds them, and stops with the rest of the gateway.

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper::service::{Service as _, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use ipnet::IpNet;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_io_timeout::TimeoutStream;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::forwarded::client;
use crate::guard::Peer;
use crate::metrics::AdminMetrics;

/// Bounds of the shell.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Connections open at once; further ones wait in the kernel's backlog.
    pub connections_max: usize,
    /// Of them from one address of IPv4, or one /64 of IPv6; further ones are closed at once. This
    /// machine's own addresses are not counted: whatever stands before the console is there.
    pub connections_per_source_max: usize,
    /// From the last byte of an answer, or the connection's start, to the end of the next head.
    pub header_for: Duration,
    /// A peer that takes nothing of an answer for so long is gone.
    pub write_for: Duration,
    /// Bytes of a request's head.
    pub header_bytes_max: usize,
    /// After `stop`, for the requests that are being answered.
    pub grace_for: Duration,
    /// Proxies whose `X-Forwarded-For` says who asks; their connections are not counted either.
    pub trusted_proxies: Vec<IpNet>,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections_max: 256,
            connections_per_source_max: 64,
            header_for: Duration::from_secs(15),
            write_for: Duration::from_secs(30),
            header_bytes_max: 64 * 1024,
            grace_for: Duration::from_secs(5),
            trusted_proxies: Vec::new(),
        }
    }
}

/// Pause after an error of `accept`, as when descriptors run out.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Serves until `stop`, then lets requests finish. Every task is on `tracker`.
pub async fn serve(
    listener: TcpListener,
    (router, metrics): (Router, AdminMetrics),
    limits: Limits,
    tracker: TaskTracker,
    stop: CancellationToken,
) {
    let slots = Arc::new(Semaphore::new(limits.connections_max));
    let sources = Arc::new(Sources::default());
    loop {
        let next = tokio::select! {
            next = accept(&listener, &slots) => next,
            () = stop.cancelled() => return,
        };
        match next {
            Ok((stream, peer, slot)) => {
                let ip = peer.ip().to_canonical();
                let is_proxy = limits.trusted_proxies.iter().any(|it| it.contains(&ip));
                let max = limits.connections_per_source_max;
                let entered = if is_proxy { Some(Place(None)) } else { sources.enter(ip, max) };
                let Some(place) = entered else {
                    metrics.turned_away.inc();
                    continue;
                };
                let connection = connection(
                    (stream, Peer(peer)),
                    (slot, place),
                    router.clone(),
                    metrics.clone(),
                    limits.clone(),
                    stop.clone(),
                );
                tracker.spawn(connection);
            }
            Err(error) => {
                tracing::warn!(%error, "Cannot accept an admin connection.");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

/// A free slot first, then a connection to fill it.
async fn accept(
    listener: &TcpListener,
    slots: &Arc<Semaphore>,
) -> io::Result<(TcpStream, SocketAddr, OwnedSemaphorePermit)> {
    let slot = Arc::clone(slots).acquire_owned().await.map_err(io::Error::other)?;
    let (stream, peer) = listener.accept().await?;
    Ok((stream, peer, slot))
}

/// Connections of each source. Keyed with random keys, and never more than there are connections.
#[derive(Default)]
struct Sources(Mutex<HashMap<IpAddr, usize>>);

/// One connection of a source; leaving ends with it.
struct Place(Option<(Arc<Sources>, IpAddr)>);

impl Sources {
    /// `None`: it has its fill.
    fn enter(self: &Arc<Self>, peer: IpAddr, max: usize) -> Option<Place> {
        if peer.to_canonical().is_loopback() {
            return Some(Place(None));
        }
        let source = access::network(peer);
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let n = counts.entry(source).or_default();
        if *n >= max {
            return None;
        }
        *n += 1;
        Some(Place(Some((Arc::clone(self), source))))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let Some((sources, source)) = &self.0 else { return };
        let mut counts = sources.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(n) = counts.get_mut(source) {
            *n -= 1;
            if *n == 0 {
                counts.remove(source);
            }
        }
    }
}

async fn connection(
    (stream, peer): (TcpStream, Peer),
    held: (OwnedSemaphorePermit, Place),
    router: Router,
    metrics: AdminMetrics,
    limits: Limits,
    stop: CancellationToken,
) {
    metrics.connections.inc();
    // Answers are written whole: waiting for an ACK to send the rest would only cost time.
    let _ = stream.set_nodelay(true);
    let mut stream = TimeoutStream::new(stream);
    stream.set_write_timeout(Some(limits.write_for));
    let (router, trusted) = (TowerToHyperService::new(router), limits.trusted_proxies);
    let service = service_fn(move |mut request: hyper::Request<hyper::body::Incoming>| {
        let asks = client(peer.0.ip(), request.headers(), &trusted);
        request.extensions_mut().insert(Peer(SocketAddr::new(asks, peer.0.port())));
        router.call(request)
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.header_for)
        .max_buf_size(limits.header_bytes_max)
        .serve_connection(TokioIo::new(Box::pin(stream)), service);
    let mut connection = pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = stop.cancelled() => {
            connection.as_mut().graceful_shutdown();
            tokio::time::timeout(limits.grace_for, connection).await.unwrap_or(Ok(()))
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "An admin connection ended badly.");
    }
    metrics.connections.dec();
    drop(held);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_has_its_fill_and_leaves_room_when_it_goes() {
        let sources = Arc::new(Sources::default());
        let at = |text: &str| text.parse::<IpAddr>().unwrap();
        let first = sources.enter(at("2001:db8::1"), 2).unwrap();
        let _second = sources.enter(at("2001:db8::2"), 2).unwrap();
        assert!(sources.enter(at("2001:db8::3"), 2).is_none(), "one /64");
        assert!(sources.enter(at("2001:db8:0:1::1"), 2).is_some(), "another");
        drop(first);
        assert!(sources.enter(at("2001:db8::3"), 2).is_some());
        let _many: Vec<_> =
            (0..9).map(|_| sources.enter(at("::ffff:127.0.0.1"), 2).unwrap()).collect();
    }
}
