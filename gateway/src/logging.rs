//! Log lines to standard error, as text or JSON, written by a thread of their own.
//!
//! A message costs a log line; written where it happens, each would be a system call on the
//! reactor. Lines are collected and written every [`FLUSH_EVERY`], or sooner when many wait.

use std::io::{self, Write};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use config::{Log, LogFormat};
use parking_lot::{Condvar, Mutex};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;

const FLUSH_EVERY: Duration = Duration::from_millis(100);
/// So many octets wake the writer early.
const SOON_BYTES: usize = 64 << 10;
/// So many octets may wait; what comes then is dropped and counted.
const WAITING_BYTES_MAX: usize = 8 << 20;

#[derive(Debug, thiserror::Error)]
pub enum LogError {
    #[error("log.level: {0:?} is no filter, as in \"info,deliver=debug\"")]
    Level(String),
    #[error("cannot start the log writer")]
    Thread(#[from] io::Error),
    #[error("logging was started before")]
    Twice,
}

/// Writes what is left when it is dropped; keep it to the end of `main`.
#[must_use = "log lines are written until this is dropped"]
pub struct LogGuard {
    lines: Arc<Lines>,
    writer: Option<JoinHandle<()>>,
}

/// Sends all events of the process where the configuration says.
pub fn start(log: &Log) -> Result<LogGuard, LogError> {
    let filter = EnvFilter::try_new(&log.level).map_err(|_| LogError::Level(log.level.clone()))?;
    let lines = Arc::new(Lines::default());
    let writer = std::thread::Builder::new().name("log".into()).spawn({
        let lines = Arc::clone(&lines);
        move || lines.run(&mut io::stderr())
    })?;
    let guard = LogGuard { lines: Arc::clone(&lines), writer: Some(writer) };
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(Collector(lines));
    let started = match log.format {
        LogFormat::Text => builder.with_ansi(false).try_init(),
        LogFormat::Json => builder.json().flatten_event(true).try_init(),
    };
    started.map_err(|_| LogError::Twice)?;
    Ok(guard)
}

impl Drop for LogGuard {
    fn drop(&mut self) {
        self.lines.state.lock().is_closed = true;
        self.lines.woken.notify_one();
        if let Some(writer) = self.writer.take() {
            // A writer that panicked has nothing left to say.
            let _ = writer.join();
        }
    }
}

#[derive(Default)]
struct Lines {
    state: Mutex<Waiting>,
    woken: Condvar,
}

#[derive(Default)]
struct Waiting {
    bytes: Vec<u8>,
    dropped: u64,
    is_closed: bool,
}

impl Lines {
    fn push(&self, line: &[u8]) {
        let mut state = self.state.lock();
        if state.bytes.len() + line.len() > WAITING_BYTES_MAX {
            state.dropped += 1;
            return;
        }
        let before = state.bytes.len();
        state.bytes.extend_from_slice(line);
        if before < SOON_BYTES && state.bytes.len() >= SOON_BYTES {
            self.woken.notify_one();
        }
    }

    fn run(&self, out: &mut impl Write) {
        let mut bytes = Vec::new();
        loop {
            let mut state = self.state.lock();
            if state.bytes.len() < SOON_BYTES && !state.is_closed {
                self.woken.wait_for(&mut state, FLUSH_EVERY);
            }
            std::mem::swap(&mut bytes, &mut state.bytes);
            let (dropped, is_closed) = (std::mem::take(&mut state.dropped), state.is_closed);
            drop(state);
            // There is nowhere to report that standard error is gone.
            let _ = out.write_all(&bytes);
            if dropped > 0 {
                let _ = writeln!(out, "{dropped} log lines were dropped: too many at once");
            }
            bytes.clear();
            bytes.shrink_to(SOON_BYTES);
            if is_closed {
                return;
            }
        }
    }
}

#[derive(Clone)]
struct Collector(Arc<Lines>);

impl Write for Collector {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.0.push(line);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Collector {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_lines_are_written_before_the_writer_ends_and_a_flood_is_bounded() {
        let lines = Lines::default();
        let mut collector = Collector(Arc::new(lines));
        let line = [b'x'; 1 << 10];
        for _ in 0..WAITING_BYTES_MAX / line.len() + 3 {
            collector.write_all(&line).unwrap();
        }
        collector.0.state.lock().is_closed = true;
        let mut out = Vec::new();
        collector.0.run(&mut out);
        let text = String::from_utf8(out).unwrap();
        assert!(text.ends_with("3 log lines were dropped: too many at once\n"));
        assert!(text.len() >= WAITING_BYTES_MAX);
    }
}
