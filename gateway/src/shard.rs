//! Threads that carry sessions and connections, each with a runtime of its own.

use std::io;
use std::sync::mpsc::sync_channel;
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::runtime::{Builder, Handle};
use tokio::time::interval;
use tokio_util::sync::CancellationToken;

/// A timer that is due before all others of its thread costs a system call to set. Time-outs of
/// sessions are longer than this and never the first: that saves one call a message.
const METRONOME: Duration = Duration::from_millis(250);

async fn until(end: &CancellationToken) {
    let mut tick = interval(METRONOME);
    loop {
        tokio::select! {
            () = end.cancelled() => return,
            _ = tick.tick() => (),
        }
    }
}

/// The data threads. They run until [`Shards::finish`], or until this is dropped.
pub struct Shards {
    handles: Vec<Handle>,
    threads: Vec<JoinHandle<()>>,
    end: CancellationToken,
}

impl Shards {
    /// Starts `n` threads, at least one. `enter` is called first on each, with its number.
    ///
    /// # Errors
    /// When the system has no thread or no descriptors for another runtime.
    pub fn start(n: usize, enter: fn(usize)) -> io::Result<Self> {
        let end = CancellationToken::new();
        let mut shards = Self { handles: Vec::new(), threads: Vec::new(), end: end.clone() };
        for index in 0..n.max(1) {
            let (give, take) = sync_channel(1);
            let end = end.clone();
            let thread = std::thread::Builder::new().name(format!("shard-{index}"));
            let thread = thread.spawn(move || {
                enter(index);
                let runtime = match Builder::new_current_thread().enable_all().build() {
                    Ok(runtime) => runtime,
                    Err(error) => {
                        // The starter waits for it.
                        let _ = give.send(Err(error));
                        return;
                    }
                };
                let _ = give.send(Ok(runtime.handle().clone()));
                runtime.block_on(until(&end));
            })?;
            shards.threads.push(thread);
            let gone = || io::Error::other("a shard ended before it began");
            shards.handles.push(take.recv().map_err(|_| gone())??);
        }
        Ok(shards)
    }

    pub fn handles(&self) -> &[Handle] {
        &self.handles
    }

    /// Ends the threads. What still runs on them is dropped where it waits. Blocks.
    pub fn finish(mut self) {
        self.end.cancel();
        for thread in self.threads.drain(..) {
            // A shard that panicked has been reported by the panic itself.
            let _ = thread.join();
        }
    }
}

impl Drop for Shards {
    fn drop(&mut self) {
        self.end.cancel();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_shard_is_a_thread_of_its_own() {
        let shards = Shards::start(2, |_| ()).unwrap();
        let names: Vec<_> = shards
            .handles()
            .iter()
            .map(|it| {
                let (give, take) = sync_channel(1);
                drop(it.spawn(async move {
                    give.send(std::thread::current().name().map(str::to_owned)).unwrap();
                }));
                take.recv().unwrap().unwrap()
            })
            .collect();
        assert_eq!(names, ["shard-0", "shard-1"]);
        shards.finish();
    }
}
