//! Ports for servers that cannot be told to choose their own.

use std::net::{SocketAddr, TcpListener};

use anyhow::Result;

/// A loopback address that was free a moment ago. Servers of ours bind port 0
/// instead; this is for those that want a number in a file.
pub fn free() -> Result<SocketAddr> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?)
}
