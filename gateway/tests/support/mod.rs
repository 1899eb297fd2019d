//! A serving gateway on loopback with a real spool, and a client that speaks to it.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::mpsc::{Receiver, sync_channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use config::Config;
use gateway::{GatewayMetrics, Judged, Parts, Policy, Server, Serving, Shards, Shutdown};
use mail::{Path, Reply, SpoolId};
use prometheus::Registry;
use router::Admission;
use smtp::server::Verdict;
use spool::{Body, Message, Options, RealDisk, Recovery, Spool, SpoolMetrics, SystemClock};
use tokio::runtime::Runtime;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// How long any test waits for anything.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// The world of tests/transcripts/README.md.
struct KnownExample;

impl Policy for KnownExample {
    fn recipient(&self, path: Path, admission: Admission) -> Judged {
        let address = match path {
            Path::Postmaster => "postmaster@known.example".parse().unwrap(),
            Path::Mailbox(address) => address,
        };
        let verdict = match (address.domain().as_str(), admission) {
            ("known.example", _) if address.local() == "nobody" => {
                Verdict::Refuse(Reply::new(550, (5, 1, 1), "No such mailbox"))
            }
            ("known.example", _) | (_, Admission::Any) => {
                Verdict::Accept { address, copy_to: None }
            }
            _ => Verdict::Refuse(Reply::new(550, (5, 7, 1), "Relaying denied")),
        };
        verdict.into()
    }
}

pub(crate) struct World {
    pub(crate) serving: Serving,
    pub(crate) messages: Receiver<Arc<Message>>,
    pub(crate) dir: tempfile::TempDir,
    pub(crate) registry: Registry,
    shards: Option<Shards>,
    control: Runtime,
    stop: CancellationToken,
    tracker: TaskTracker,
    spool: Option<Spool>,
    recovery: Mutex<Option<Recovery>>,
}

/// `listener` is what stands in the `[[listener]]` table beside name and address, `more` the
/// tables behind it.
pub(crate) fn start(listener: &str, more: &str) -> World {
    start_in(tempfile::tempdir().unwrap(), listener, more)
}

pub(crate) fn start_in(dir: tempfile::TempDir, listener: &str, more: &str) -> World {
    let config = config(dir.path(), listener, more);
    let registry = Registry::new();
    let disk = Arc::new(RealDisk::new(dir.path().join("spool")).unwrap());
    let options = Options {
        segment_bytes: 8 << 20,
        free_bytes_min: 0,
        free_inodes_min: 0,
        ..Options::default()
    };
    let metrics = SpoolMetrics::new();
    let (spool, recovery) = Spool::open(disk, options, metrics, Arc::new(SystemClock)).unwrap();
    let (stop, tracker) = (CancellationToken::new(), TaskTracker::new());
    let (give, messages) = sync_channel(10_000);
    let give = Mutex::new(give);
    let parts = Parts {
        spool: spool.clone(),
        policy: Arc::new(KnownExample),
        handoff: Arc::new(move |message| give.lock().unwrap().send(message).unwrap()),
        events: events::Events::new(0, 0, CancellationToken::new()),
        metrics: GatewayMetrics::new(&registry).unwrap(),
        tracker: tracker.clone(),
        stop: stop.clone(),
    };
    let shards = Shards::start(2, |_| ()).unwrap();
    let control = Runtime::new().unwrap();
    let server = Server::bind(&config, shards.handles().len(), parts).unwrap();
    let serving = server.serve(&shards, control.handle()).unwrap();
    World {
        serving,
        messages,
        dir,
        registry,
        shards: Some(shards),
        control,
        stop,
        tracker,
        spool: Some(spool),
        recovery: Mutex::new(Some(recovery)),
    }
}

/// A configuration with one listener.
fn config(data_dir: &std::path::Path, listener: &str, more: &str) -> Config {
    let data_dir = data_dir.display();
    let role = if listener.contains("role =") { "" } else { "role = \"mx\"" };
    let text = format!(
        "[server]\nhostname = \"gw.example\"\ndata_dir = \"{data_dir}\"\n\
         [[listener]]\nname = \"in\"\nbind = \"127.0.0.1:0\"\n{role}\n{listener}\n\
         [site.on_prem]\nhosts = [\"127.0.0.1:9\"]\n\
         [[relay_domain]]\nname = \"known.example\"\nunlisted = \"on_prem\"\n\
         [admin]\nbind = \"127.0.0.1:0\"\n{more}\n"
    );
    Config::parse(&text, "causeway.toml").unwrap_or_else(|it| panic!("{it}"))
}

impl World {
    pub(crate) fn address(&self) -> SocketAddr {
        self.serving.addresses()[0].1
    }

    pub(crate) fn connect(&self) -> Client {
        Client::new(TcpStream::connect(self.address()).unwrap())
    }

    /// A client that has heard the banner and the answer to EHLO.
    pub(crate) fn greeted(&self) -> Client {
        let mut client = self.connect();
        client.expect("220 gw.example ESMTP");
        client.ask("EHLO client.example", "250");
        client
    }

    pub(crate) fn message(&self) -> Arc<Message> {
        self.messages.recv_timeout(PATIENCE).expect("a message is handed on")
    }

    pub(crate) fn begin_stop(&self) {
        self.stop.cancel();
    }

    /// What an earlier run had accepted and not settled.
    pub(crate) fn recovered(&self) -> Vec<SpoolId> {
        self.recovery.lock().unwrap().take().unwrap().map(|it| it.id).collect()
    }

    /// The sum of a metric over all its labels.
    pub(crate) fn metric(&self, name: &str) -> f64 {
        let families = self.registry.gather();
        let of_name = families.iter().filter(|it| it.name() == name);
        let values = of_name.flat_map(|it| it.get_metric());
        values.map(|it| it.get_counter().get_value() + it.get_gauge().get_value()).sum()
    }

    /// What was rejected so far, each reason with its count.
    pub(crate) fn rejected(&self) -> String {
        let families = self.registry.gather();
        let of_name = families.iter().filter(|it| it.name() == "causeway_smtp_rejected_total");
        let rows = of_name.flat_map(|it| it.get_metric()).filter_map(|it| {
            let n = it.get_counter().get_value();
            let reason = it.get_label().iter().find(|it| it.name() == "reason")?;
            (n > 0.0).then(|| format!("{} {n}", reason.value()))
        });
        rows.collect::<Vec<_>>().join(", ")
    }

    /// The configuration with another listener table.
    pub(crate) fn config(&self, listener: &str) -> Config {
        self.config_with(listener, "")
    }

    pub(crate) fn config_with(&self, listener: &str, more: &str) -> Config {
        config(self.dir.path(), listener, more)
    }

    pub(crate) fn finish(self) -> Shutdown {
        self.end().0
    }

    pub(crate) fn finish_and_keep(self) -> tempfile::TempDir {
        self.end().1
    }

    fn end(mut self) -> (Shutdown, tempfile::TempDir) {
        self.stop.cancel();
        let end = self.control.block_on(gateway::finish(&self.tracker, PATIENCE));
        self.shards.take().unwrap().finish();
        self.spool.take().unwrap().close();
        (end, self.dir)
    }
}

/// The octets of a body, from memory or disk.
pub(crate) fn octets(message: &Message) -> Vec<u8> {
    match &message.body {
        Body::Memory(bytes) => bytes.to_vec(),
        Body::Stored(stored) => {
            let mut all = vec![0; usize::try_from(stored.len()).unwrap()];
            let mut at = 0;
            while at < all.len() {
                at += stored.read_at(at as u64, &mut all[at..]).unwrap();
            }
            all
        }
    }
}

/// Speaks SMTP line by line and fails loudly.
pub(crate) struct Client<S: Read + Write = TcpStream> {
    stream: BufReader<S>,
}

impl Client {
    pub(crate) fn new(stream: TcpStream) -> Self {
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_nodelay(true).unwrap();
        Self { stream: BufReader::new(stream) }
    }

    /// Another handle on the socket.
    pub(crate) fn stream(&self) -> TcpStream {
        self.stream.get_ref().try_clone().unwrap()
    }

    pub(crate) fn into_stream(self) -> TcpStream {
        self.stream.into_inner()
    }
}

impl<S: Read + Write> Client<S> {
    pub(crate) fn over(stream: S) -> Self {
        Self { stream: BufReader::new(stream) }
    }

    pub(crate) fn send(&mut self, octets: impl AsRef<[u8]>) {
        self.stream.get_mut().write_all(octets.as_ref()).unwrap();
        self.stream.get_mut().flush().unwrap();
    }

    /// Reads a whole reply, whose last line must begin so.
    pub(crate) fn expect(&mut self, want: &str) -> String {
        let mut all = String::new();
        loop {
            let mut line = String::new();
            self.stream.read_line(&mut line).unwrap();
            all.push_str(&line);
            if line.as_bytes().get(3) != Some(&b'-') {
                assert!(line.starts_with(want), "want {want:?}, got {line:?}");
                return all;
            }
        }
    }

    pub(crate) fn ask(&mut self, command: &str, want: &str) -> String {
        self.send(format!("{command}\r\n"));
        self.expect(want)
    }

    pub(crate) fn expect_closed(&mut self) {
        let mut rest = String::new();
        self.stream.read_to_string(&mut rest).unwrap();
        assert_eq!(rest, "");
    }

    /// One whole message to one recipient; gives the last reply.
    pub(crate) fn deliver(&mut self, body: &str, want: &str) -> String {
        self.ask("MAIL FROM:<sender@elsewhere.example>", "250");
        self.ask("RCPT TO:<anna@known.example>", "250");
        self.ask("DATA", "354");
        self.send(format!("{body}.\r\n"));
        self.expect(want)
    }
}
