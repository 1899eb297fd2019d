//! Reads a PROXY protocol header from the start of a connection.

use std::io;
use std::net::SocketAddr;

use smtp::server::proxy::{self, Header};

use crate::wire::Wire;

pub(crate) struct Told {
    /// `None`: the balancer speaks for itself.
    pub(crate) source: Option<SocketAddr>,
    /// What came behind the header.
    pub(crate) rest: Vec<u8>,
}

/// The caller bounds the time. The header itself is bounded by its reader.
pub(crate) async fn read(wire: &mut Wire) -> io::Result<Told> {
    let mut input = Vec::new();
    loop {
        let piece = |bytes: &[u8]| bytes.to_vec();
        input.extend(std::future::poll_fn(|it| wire.poll_read_with(it, piece)).await?);
        match proxy::read(&input) {
            Ok(Header::Incomplete) => (),
            Ok(Header::Complete { used, source }) => {
                let rest = input.split_off(used);
                return Ok(Told { source: source.map(SocketAddr::from), rest });
            }
            Err(error) => return Err(io::Error::new(io::ErrorKind::InvalidData, error)),
        }
    }
}
