//! Starts an admin server with a backend in memory, and runs command lines against it.

use std::cell::RefCell;
use std::io::{self, Write};
use std::rc::Rc;
use std::sync::Arc;

use admin::Limits;
use admin::fake::FakeBackend;
use clap::Parser as _;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::args::Cli;
use crate::client::Client;
use crate::commands::{Console, ask};
use crate::connect::{Environment, Target};
use crate::exit::Failure;
use crate::output::Screen;

const TOKEN: &str = "0123456789abcdef";

/// A gateway that one can type at.
pub(super) struct Desk {
    pub(super) backend: Arc<FakeBackend>,
    pub(super) target: Target,
    /// What the person at the terminal will answer; nobody sits there if it is empty.
    pub(super) answers: &'static str,
    stop: CancellationToken,
    access: Arc<access::Access>,
    _folder: tempfile::TempDir,
}

/// What came of a command.
#[derive(Debug)]
pub(super) struct Ran {
    pub(super) exit: u8,
    pub(super) out: String,
    pub(super) err: String,
}

impl Ran {
    /// Both streams and the exit code, for snapshots.
    pub(super) fn all(&self) -> String {
        format!("{}{}exit {}\n", self.out, self.err, self.exit)
    }
}

impl Desk {
    pub(super) async fn new() -> Self {
        let backend = Arc::new(FakeBackend::default());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let (stop, tracker) = (CancellationToken::new(), TaskTracker::new());
        let registry = prometheus::Registry::new();
        let folder = tempfile::tempdir().unwrap();
        let access = Arc::new(access::Access::in_folder(folder.path(), TOKEN));
        let app = admin::router(
            Arc::clone(&backend) as _,
            Arc::clone(&access),
            registry,
            tracker.clone(),
            None,
        )
        .unwrap();
        tracker.spawn(admin::serve(
            listener,
            app,
            Limits::default(),
            tracker.clone(),
            stop.clone(),
        ));
        let target = Target { address, token: TOKEN.to_owned() };
        Self { backend, target, answers: "", stop, access, _folder: folder }
    }

    /// The next commands are somebody's with a token of that role.
    pub(super) fn become_one(&mut self, role: api::Role) {
        let new = api::NewToken {
            name: role.as_str().into(),
            role,
            domains: Vec::new(),
            batches: Vec::new(),
            expires_in_seconds: None,
        };
        let now = mail::Timestamp::from_system(std::time::SystemTime::now());
        self.target.token = self.access.make_token(&new, "admin", now).unwrap().secret;
    }

    /// Runs `causeway LINE`; words are separated by spaces and `'…'` keeps one together.
    pub(super) async fn run(&self, line: &str) -> Ran {
        let cli = parse(line);
        let (mut screen, streams) = screen(&cli, self.answers);
        let client = Client::new(self.target.clone(), "maria".to_owned());
        let mut console = Console { client, screen: &mut screen, prefix: "causeway".to_owned() };
        let done = ask(cli.command, &mut console).await;
        streams.ran(done, &mut screen)
    }
}

/// Runs a command that asks no gateway.
pub(super) fn run_locally(line: &str) -> Ran {
    let cli = parse(line);
    let (mut screen, streams) = screen(&cli, "");
    let done = crate::commands::run(cli, &Environment::default(), &mut screen);
    streams.ran(done, &mut screen)
}

fn parse(line: &str) -> Cli {
    let words = words(line);
    Cli::try_parse_from(words.iter().map(String::as_str))
        .unwrap_or_else(|error| panic!("{line}: {error}"))
}

#[derive(Clone, Default)]
struct Streams {
    out: Shared,
    err: Shared,
}

fn screen(cli: &Cli, answers: &'static str) -> (Screen, Streams) {
    let streams = Streams::default();
    let boxed = (
        Box::new(streams.out.clone()) as Box<dyn Write>,
        Box::new(streams.err.clone()) as Box<dyn Write>,
        Box::new(io::Cursor::new(answers)) as Box<dyn io::BufRead>,
    );
    (Screen::of_test(cli.global.json, !answers.is_empty(), boxed), streams)
}

impl Streams {
    fn ran(&self, done: Result<(), Failure>, screen: &mut Screen) -> Ran {
        let exit = done.as_ref().err().map_or(0, |failure| failure.exit as u8);
        if let Err(failure) = done {
            screen.failure(&failure);
        }
        Ran { exit, out: self.out.text(), err: self.err.text() }
    }
}

impl Drop for Desk {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

fn words(line: &str) -> Vec<String> {
    let mut words = vec!["causeway".to_owned()];
    for (n, part) in line.split('\'').enumerate() {
        if n % 2 == 1 {
            words.push(part.to_owned());
        } else {
            words.extend(part.split_whitespace().map(str::to_owned));
        }
    }
    words
}

#[derive(Clone, Default)]
struct Shared(Rc<RefCell<Vec<u8>>>);

impl Shared {
    fn text(&self) -> String {
        String::from_utf8(self.0.borrow().clone()).unwrap()
    }
}

impl Write for Shared {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.borrow_mut().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
