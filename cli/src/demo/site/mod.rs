//! A stand-in for a mail system behind the gateway: takes all mail, notes who got what and when,
//! and can be stopped and started again on the same port.

mod dialogue;
#[cfg(test)]
mod tests;

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::mailbox::{Receipt, header, is_intact, received_id};
use dialogue::{Dialogue, MESSAGE_BYTES_MAX, Mail, Next};

/// Bytes of a command line. RFC 5321 §4.5.3.1.4 and the extensions' additions, with room.
const LINE_BYTES_MAX: u64 = 4096;

/// Everything that the sites of a demo have taken, in order.
#[derive(Clone, Debug, Default)]
pub(crate) struct Taken(Arc<Mutex<Vec<Receipt>>>);

impl Taken {
    pub(crate) fn all(&self) -> MutexGuard<'_, Vec<Receipt>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn note(&self, site: &'static str, mail: &Mail) {
        let message_id = header(&mail.body, "Message-ID").unwrap_or_default();
        let gateway_id = received_id(&mail.body).unwrap_or_default();
        let at = Instant::now();
        let intact = is_intact(&mail.body, &message_id);
        let receipts = mail.recipients.iter().map(|recipient| Receipt {
            site,
            recipient: recipient.clone(),
            message_id: message_id.clone(),
            gateway_id: gateway_id.clone(),
            at,
            intact,
        });
        self.all().extend(receipts);
    }
}

/// One site.
#[derive(Debug)]
pub(crate) struct Site {
    name: &'static str,
    pub(crate) address: SocketAddr,
    taken: Taken,
    tracker: TaskTracker,
    /// Ends the run of now; `None` while it is stopped.
    running: Option<CancellationToken>,
}

impl Site {
    /// On a port that the system chooses.
    pub(crate) async fn start(name: &'static str, taken: Taken) -> io::Result<Self> {
        let listener = TcpListener::bind((std::net::Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let tracker = TaskTracker::new();
        let mut site = Self { name, address, taken, tracker, running: None };
        site.run(listener);
        Ok(site)
    }

    /// Nobody listens any more, and every connection ends where it is.
    pub(crate) async fn stop(&mut self) {
        if let Some(running) = self.running.take() {
            running.cancel();
            self.tracker.close();
            self.tracker.wait().await;
            self.tracker.reopen();
        }
    }

    /// Listens again, on the port it had.
    pub(crate) async fn restart(&mut self) -> io::Result<()> {
        let listener = TcpListener::bind(self.address).await?;
        self.run(listener);
        Ok(())
    }

    fn run(&mut self, listener: TcpListener) {
        let stop = CancellationToken::new();
        let (name, taken, tracker) = (self.name, self.taken.clone(), self.tracker.clone());
        let accept = {
            let stop = stop.clone();
            async move {
                while let Ok((stream, _)) = listener.accept().await {
                    let session =
                        stop.clone().run_until_cancelled_owned(serve(stream, name, taken.clone()));
                    tracker.spawn(session);
                }
            }
        };
        self.tracker.spawn(stop.clone().run_until_cancelled_owned(accept));
        self.running = Some(stop);
    }
}

/// One connection. What goes wrong on it is the client's to notice.
async fn serve(stream: TcpStream, site: &'static str, taken: Taken) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let (input, mut output) = stream.into_split();
    let mut input = BufReader::new(input);
    let mut dialogue = Dialogue::default();
    let mut replies = Dialogue::GREETING.as_bytes().to_vec();
    loop {
        // Replies to pipelined commands go out together. RFC 2920 §3.2.
        if input.buffer().is_empty() {
            send(&mut output, &mut replies).await?;
        }
        let Some(line) = read_line(&mut input).await? else { return Ok(()) };
        let (mail, reply) = match dialogue.line(&line) {
            Next::Reply(reply) => (None, reply),
            Next::Data => {
                replies.extend_from_slice(b"354 End with a lone dot\r\n");
                send(&mut output, &mut replies).await?;
                dialogue.body(read_body(&mut input).await?)
            }
            Next::Chunk { size, last } => {
                let mut octets = vec![0; size as usize];
                input.read_exact(&mut octets).await?;
                dialogue.chunk(&octets, last)
            }
            Next::Close(reply) => {
                replies.extend_from_slice(reply.as_bytes());
                return send(&mut output, &mut replies).await;
            }
        };
        if let Some(mail) = mail {
            taken.note(site, &mail);
        }
        replies.extend_from_slice(reply.as_bytes());
    }
}

async fn send(output: &mut OwnedWriteHalf, replies: &mut Vec<u8>) -> io::Result<()> {
    output.write_all(replies).await?;
    replies.clear();
    Ok(())
}

/// A line without CRLF; `None` at the end, or if it is longer than any command.
async fn read_line(input: &mut BufReader<OwnedReadHalf>) -> io::Result<Option<String>> {
    let mut line = Vec::new();
    input.take(LINE_BYTES_MAX).read_until(b'\n', &mut line).await?;
    let Some(text) = line.strip_suffix(b"\r\n") else { return Ok(None) };
    Ok(Some(String::from_utf8_lossy(text).into_owned()))
}

/// Up to the lone dot, unstuffed (RFC 5321 §4.5.2); `None` if it was too large.
async fn read_body(input: &mut BufReader<OwnedReadHalf>) -> io::Result<Option<Vec<u8>>> {
    let mut body = Vec::new();
    let mut too_large = false;
    loop {
        let mut line = Vec::new();
        if input.take(MESSAGE_BYTES_MAX).read_until(b'\n', &mut line).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        if line == b".\r\n" {
            return Ok((!too_large).then_some(body));
        }
        let line = if line.starts_with(b".") { &line[1..] } else { &line[..] };
        too_large |= (body.len() + line.len()) as u64 > MESSAGE_BYTES_MAX;
        if !too_large {
            body.extend_from_slice(line);
        }
    }
}
