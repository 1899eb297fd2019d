//! The I/O shell: accepts connections, bounds them, and stops with the rest of the gateway.

use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper::service::{Service as _, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::guard::Peer;
use crate::metrics::AdminMetrics;

/// Bounds of the shell.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Connections open at once; further ones wait in the kernel's backlog.
    pub connections_max: usize,
    /// From the last byte of an answer, or the connection's start, to the end of the next head.
    pub header_for: Duration,
    /// Bytes of a request's head.
    pub header_bytes_max: usize,
    /// After `stop`, for the requests that are being answered.
    pub grace_for: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections_max: 256,
            header_for: Duration::from_secs(15),
            header_bytes_max: 64 * 1024,
            grace_for: Duration::from_secs(5),
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
    loop {
        let next = tokio::select! {
            next = accept(&listener, &slots) => next,
            () = stop.cancelled() => return,
        };
        match next {
            Ok((stream, peer, slot)) => {
                let connection = connection(
                    (stream, Peer(peer)),
                    slot,
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

async fn connection(
    (stream, peer): (TcpStream, Peer),
    slot: OwnedSemaphorePermit,
    router: Router,
    metrics: AdminMetrics,
    limits: Limits,
    stop: CancellationToken,
) {
    metrics.connections.inc();
    // Answers are written whole: waiting for an ACK to send the rest would only cost time.
    let _ = stream.set_nodelay(true);
    let router = TowerToHyperService::new(router);
    let service = service_fn(move |mut request: hyper::Request<hyper::body::Incoming>| {
        request.extensions_mut().insert(peer);
        router.call(request)
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.header_for)
        .max_buf_size(limits.header_bytes_max)
        .serve_connection(TokioIo::new(stream), service);
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
    drop(slot);
}
