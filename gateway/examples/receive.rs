//! A gateway that accepts mail and delivers none of it: for counting what the receiving side
//! alone costs. `receive FOLDER [THREADS]` prints its address and ends with its standard input.
//!
//! Expected for a message of 2 KiB on a kept connection, pipelined: 2 reads, 2 writes and 2 waits
//! on the shard, 1 or 2 futexes between shard and commit thread, and a share of one write and one
//! sync for all that came meanwhile.
//!
//! ```text
//! strace -f -c -o counts -p PID   while   loadgen send --to ADDRESS --per-conn 0 …
//! ```
#![expect(clippy::print_stdout, reason = "it is its output")]

use std::error::Error;
use std::io::Read;
use std::sync::Arc;
use std::time::Duration;

use config::Config;
use gateway::{GatewayMetrics, Judged, Parts, Policy, Server, Shards};
use mail::{Path, Reply};
use prometheus::Registry;
use router::Admission;
use smtp::server::Verdict;
use spool::{Event, Message, Options, RealDisk, Spool, SpoolMetrics, SystemClock, What};
use tokio::runtime::Runtime;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Everybody may be written to.
struct Anybody;

impl Policy for Anybody {
    fn recipient(&self, path: Path, _: Admission) -> Judged {
        let verdict = match path {
            Path::Mailbox(address) => Verdict::Accept { address, copy_to: None },
            Path::Postmaster => Verdict::Refuse(Reply::new(550, (5, 1, 1), "No such mailbox")),
        };
        verdict.into()
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let folder = arguments.next().ok_or("want a folder")?;
    let threads = arguments.next().map_or(Ok(1), |it| it.parse())?;
    let text = format!(
        "[server]\nhostname = \"gw.example\"\ndata_dir = {folder:?}\n\
         [[listener]]\nname = \"in\"\nbind = \"127.0.0.1:0\"\nrole = \"mx\"\n\
         [site.on_prem]\nhosts = [\"127.0.0.1:9\"]\n\
         [[relay_domain]]\nname = \"known.example\"\nunlisted = \"on_prem\"\n\
         [admin]\nbind = \"127.0.0.1:0\"\n\
         [limits]\nmessages_per_session_max = 1000000\nconnections_per_ip_max = 100000\n\
         connections_per_net_max = 100000\n"
    );
    let config = Config::parse(&text, "receive").map_err(|it| it.to_string())?;
    let disk = Arc::new(RealDisk::new(std::path::Path::new(&folder).join("spool"))?);
    let options = Options { free_bytes_min: 0, free_inodes_min: 0, ..Options::default() };
    let (spool, _recovery) =
        Spool::open(disk, options, SpoolMetrics::new(), Arc::new(SystemClock))?;
    let shards = Shards::start(threads, |_| ())?;
    let control = Runtime::new()?;
    let (stop, tracker) = (CancellationToken::new(), TaskTracker::new());
    let settled = spool.clone();
    let parts = Parts {
        spool: spool.clone(),
        policy: Arc::new(Anybody),
        handoff: Arc::new(move |message: Arc<Message>| settle(&settled, &message)),
        events: events::Events::new(0, 0, CancellationToken::new()),
        metrics: GatewayMetrics::new(&Registry::new())?,
        tracker: tracker.clone(),
        stop: stop.clone(),
    };
    let server = Server::bind(&config, threads, parts)?;
    let serving = server.serve(&shards, control.handle())?;
    for (_, address) in serving.addresses() {
        println!("{address}");
    }
    std::io::stdin().read_to_end(&mut Vec::new())?;
    stop.cancel();
    println!("{:?}", control.block_on(gateway::finish(&tracker, Duration::from_secs(5))));
    println!("{:?}", spool.stats());
    shards.finish();
    spool.close();
    Ok(())
}

/// Nobody delivers, so the spool would only grow.
fn settle(spool: &Spool, message: &Message) {
    let what = What::Discarded { by: "receive".into(), why: "counted".into() };
    let recipients = (0..).zip(&message.envelope.recipients).map(|(index, _)| index).collect();
    spool.post(Event { id: message.id, recipients, at: message.accepted_at, what });
}
