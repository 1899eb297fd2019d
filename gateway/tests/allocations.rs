//! What one message costs in allocations, from the client's connection to the site's. Client and
//! site run in this process and allocate nothing once they are warm.

#![expect(clippy::unwrap_used, reason = "a test")]

use std::alloc::System;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// Allocations and reallocations of one message that is accepted and delivered.
const PER_MESSAGE_MAX: usize = 110;

const N_WARM: usize = 500;
const N_COUNTED: usize = 2_000;

const ENVELOPE: &[u8] = b"MAIL FROM:<a@b.example>\r\nRCPT TO:<anna@contoso.example>\r\nDATA\r\n";

/// A site that takes everything; counts messages.
fn site(taken: Arc<AtomicUsize>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for connection in listener.incoming() {
            let taken = Arc::clone(&taken);
            std::thread::spawn(move || take(connection.unwrap(), &taken));
        }
    });
    address
}

fn take(connection: TcpStream, taken: &AtomicUsize) {
    connection.set_nodelay(true).unwrap();
    let mut reader = BufReader::with_capacity(64 * 1024, connection);
    let mut line = Vec::with_capacity(1024);
    let mut in_data = false;
    reader.get_mut().write_all(b"220 site\r\n").unwrap();
    loop {
        line.clear();
        if !reader.read_until(b'\n', &mut line).is_ok_and(|n| n > 0) {
            return;
        }
        let reply: &[u8] = match (in_data, line.get(..4).unwrap_or(&line)) {
            (true, b".\r\n") => {
                in_data = false;
                taken.fetch_add(1, Ordering::SeqCst);
                b"250 2.0.0 Ok\r\n"
            }
            (true, _) => continue,
            (false, b"EHLO") => b"250-site\r\n250-PIPELINING\r\n250 ENHANCEDSTATUSCODES\r\n",
            (false, b"DATA") => {
                in_data = true;
                b"354 Go on\r\n"
            }
            (false, b"QUIT") => b"221 2.0.0 Bye\r\n",
            (false, _) => b"250 2.0.0 Ok\r\n",
        };
        if reader.get_mut().write_all(reply).is_err() {
            return;
        }
    }
}

/// Reads that many lines, all of them positive.
fn replies(client: &mut TcpStream, n: usize) {
    let mut buffer = [0; 4096];
    let mut seen = 0;
    while seen < n {
        let read = client.read(&mut buffer).unwrap();
        assert!(read > 0, "the gateway hung up");
        assert!(matches!(buffer[0], b'2' | b'3'), "{}", String::from_utf8_lossy(&buffer[..read]));
        seen += buffer[..read].iter().filter(|it| **it == b'\n').count();
    }
}

fn send(client: &mut TcpStream, n: usize, body: &[u8], taken: &AtomicUsize) {
    let goal = taken.load(Ordering::SeqCst) + n;
    for _ in 0..n {
        client.write_all(ENVELOPE).unwrap();
        replies(client, 3);
        client.write_all(body).unwrap();
        replies(client, 1);
    }
    let end = Instant::now() + Duration::from_secs(20);
    while taken.load(Ordering::SeqCst) < goal {
        assert!(Instant::now() < end, "not all of it was delivered");
        std::thread::yield_now();
    }
}

fn serve(folder: &Path, site: SocketAddr) -> SocketAddr {
    let data = folder.join("data");
    let path = folder.join("causeway.toml");
    let text = format!(
        "[server]\nhostname = \"gw.example\"\ndata_dir = \"{}\"\n\
         [[listener]]\nname = \"mx\"\nbind = \"127.0.0.1:0\"\nrole = \"mx\"\n\
         [site.on_prem]\nhosts = [\"{site}\"]\ntls = \"none\"\n\
         [[relay_domain]]\nname = \"contoso.example\"\nunlisted = \"on_prem\"\n\
         [limits]\nmessages_per_session_max = 100000\n\
         [admin]\nbind = \"127.0.0.1:0\"\n[log]\nlevel = \"warn\"\n",
        data.display()
    );
    std::fs::write(&path, text).unwrap();
    let config = gateway::load_config(&path).unwrap();
    std::thread::spawn(move || gateway::run::serve(config, &path));
    let file = data.join(api::Addresses::FILE);
    let end = Instant::now() + Duration::from_secs(20);
    while Instant::now() < end {
        if let Ok(text) = std::fs::read_to_string(&file) {
            return api::Addresses::from_json(&text).unwrap().listeners["mx"].parse().unwrap();
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    panic!("the gateway did not start");
}

#[test]
fn a_message_costs_few_allocations() {
    let folder = tempfile::tempdir().unwrap();
    let taken = Arc::new(AtomicUsize::new(0));
    let mx = serve(folder.path(), site(Arc::clone(&taken)));
    let mut body = b"Subject: x\r\n\r\n".to_vec();
    body.extend_from_slice(
        &b"0123456789012345678901234567890123456789012345678901234567890123\r\n".repeat(60),
    );
    body.extend_from_slice(b".\r\n");
    let mut client = TcpStream::connect(mx).unwrap();
    client.set_nodelay(true).unwrap();
    replies(&mut client, 1);
    client.write_all(b"EHLO client.example\r\n").unwrap();
    // All that is offered comes in one piece.
    let mut offers = [0; 4096];
    assert!(client.read(&mut offers).unwrap() > 0);

    send(&mut client, N_WARM, &body, &taken);
    let before = ALLOCATOR.stats();
    send(&mut client, N_COUNTED, &body, &taken);
    let cost = ALLOCATOR.stats() - before;
    let each = (cost.allocations + cost.reallocations) / N_COUNTED;
    eprintln!("{each} allocations and {} bytes a message", cost.bytes_allocated / N_COUNTED);
    assert!(each <= PER_MESSAGE_MAX, "{each} allocations a message");
}
