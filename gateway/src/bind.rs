//! Listening sockets, one for each shard.

use std::io;
use std::net::{SocketAddr, TcpListener};

use socket2::{Domain, Protocol, Socket, Type};

/// Connections that the kernel completes while we are busy.
const BACKLOG: i32 = 1024;
/// A port that the system chose can be taken before every shard has it.
const TRIES: usize = 5;

#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {address}")]
pub struct BindError {
    pub address: SocketAddr,
    pub source: io::Error,
}

/// Binds `n` sockets to one address, which they share. Port 0 is chosen once for all of them.
///
/// The address is first bound by one socket alone: with SO_REUSEPORT two gateways on one address
/// would split its connections and nobody would notice.
pub(crate) fn bind(address: SocketAddr, n: usize) -> Result<Vec<TcpListener>, BindError> {
    let mut result = try_bind(address, n);
    for _ in 1..TRIES {
        match &result {
            Err(it) if address.port() == 0 && it.kind() == io::ErrorKind::AddrInUse => {
                result = try_bind(address, n);
            }
            _ => break,
        }
    }
    result.map_err(|source| BindError { address, source })
}

fn try_bind(address: SocketAddr, n: usize) -> io::Result<Vec<TcpListener>> {
    let alone = socket(address, false)?;
    alone.listen(BACKLOG)?;
    if n <= 1 {
        return Ok(vec![alone.into()]);
    }
    let chosen = TcpListener::from(alone).local_addr()?;
    (0..n)
        .map(|_| {
            let socket = socket(chosen, true)?;
            socket.listen(BACKLOG)?;
            Ok(socket.into())
        })
        .collect()
}

fn socket(address: SocketAddr, shared: bool) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    socket.set_reuse_port(shared)?;
    // Connections inherit it, which saves each of them a system call.
    socket.set_tcp_nodelay(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    Ok(socket)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ANY: &str = "127.0.0.1:0";

    #[test]
    fn shards_share_a_port_that_was_chosen_once() {
        let sockets = bind(ANY.parse().unwrap(), 3).unwrap();
        let first = sockets[0].local_addr().unwrap();
        assert!(sockets.iter().all(|it| it.local_addr().unwrap() == first));
    }

    #[test]
    fn an_address_in_use_is_an_error_even_when_its_user_would_share() {
        for n in [1, 2] {
            let sockets = bind(ANY.parse().unwrap(), n).unwrap();
            let taken = sockets[0].local_addr().unwrap();
            for again in [1, 2] {
                let error = bind(taken, again).unwrap_err();
                assert_eq!(error.source.kind(), io::ErrorKind::AddrInUse);
                assert_eq!(error.to_string(), format!("cannot listen on {taken}"));
            }
        }
    }
}
