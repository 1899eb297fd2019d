//! Takes connections, and goes on taking them when descriptors run out.

use std::fs::File;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use rustix::io::Errno;
use tokio::net::{TcpListener, TcpStream};
use tokio::time::sleep;

use crate::limits::Slot;
use crate::session;
use crate::shared::{ListenerState, Shared};

/// What a client hears for whom there is no room.
const TOO_MANY: &[u8] = b"421 4.3.2 Too many connections, try again later\r\n";
/// How long nobody is taken after an error that will not go away by itself.
const BACK_OFF: Duration = Duration::from_millis(50);

/// Runs until the process stops; one for each listener and shard.
pub(crate) async fn run(shared: Arc<Shared>, listener: Arc<ListenerState>, socket: TcpListener) {
    let mut spare = Spare::new();
    loop {
        let accepted = tokio::select! {
            biased;
            () = shared.stop.cancelled() => return,
            accepted = socket.accept() => accepted,
        };
        match accepted {
            Ok((stream, from)) => admit(&shared, &listener, stream, from),
            Err(error) if is_out_of_descriptors(&error) => {
                spare.turn_one_away(&socket);
                count(&shared, &listener, "descriptors");
                tracing::warn!(listener = &*listener.name, %error, "No descriptor for a client.");
                sleep(BACK_OFF).await;
            }
            // The client was gone before we came to it.
            Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => (),
            Err(error) => {
                tracing::warn!(listener = &*listener.name, %error, "Cannot accept a client.");
                sleep(BACK_OFF).await;
            }
        }
    }
}

fn admit(shared: &Arc<Shared>, listener: &Arc<ListenerState>, stream: TcpStream, from: SocketAddr) {
    match shared.connections.enter(&listener.connections, listener.settings.load().connections) {
        Ok(slot) => start(shared, listener, stream, from, slot),
        Err(limit) => {
            count(shared, listener, limit.label());
            say_too_many(&stream);
        }
    }
}

fn start(
    shared: &Arc<Shared>,
    listener: &Arc<ListenerState>,
    stream: TcpStream,
    from: SocketAddr,
    slot: Slot,
) {
    let session = session::serve(Arc::clone(shared), Arc::clone(listener), stream, from, slot);
    shared.tracker.spawn(session);
}

fn count(shared: &Shared, listener: &ListenerState, limit: &str) {
    shared.metrics.turned_away.with_label_values(&[&*listener.name, limit]).inc();
}

/// One write that does not wait: the socket's buffer is empty.
fn say_too_many(stream: &TcpStream) {
    // Whoever is turned away and does not hear why will try again all the same.
    let _ = socket2::SockRef::from(stream).send(TOO_MANY);
}

fn is_out_of_descriptors(error: &io::Error) -> bool {
    let code = error.raw_os_error();
    code == Some(Errno::MFILE.raw_os_error()) || code == Some(Errno::NFILE.raw_os_error())
}

/// A descriptor kept for the moment when there is no other: without one, a client could not
/// even be told, and the listener would report it as waiting again and again.
struct Spare(Option<File>);

impl Spare {
    fn new() -> Self {
        Self(File::open("/dev/null").ok())
    }

    fn turn_one_away(&mut self, socket: &TcpListener) {
        self.0 = None;
        let taken = socket2::SockRef::from(socket).accept();
        if let Ok((stream, _)) = taken {
            let _ = stream.send(TOO_MANY);
        }
        *self = Self::new();
    }
}
