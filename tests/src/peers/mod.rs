//! Servers under test, and other people's mail servers as neighbours.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Child;
use std::time::Duration;

use anyhow::Result;

use crate::sandbox::Sandbox;
use crate::smtp::Client;
use crate::wait;

pub mod exim;
pub mod opensmtpd;
pub mod postfix;
pub mod slapd;

/// How long a server may take to answer after its start.
pub const START_BOUND: Duration = Duration::from_secs(30);

/// A relay in a sandbox, which can be started again on the spool it left behind.
pub trait Server {
    fn name(&self) -> &'static str;
    /// Returns when it answers 220.
    fn start(&mut self) -> Result<()>;
    fn address(&self) -> SocketAddr;
    fn sandbox(&self) -> &Sandbox;
    /// Asks it to try all that waits now.
    fn flush(&self) -> Result<()>;
}

/// Where the next hops of the users with odd and even numbers are.
#[derive(Clone, Copy)]
pub struct Sites {
    pub odd: SocketAddr,
    pub even: SocketAddr,
}

/// Waits for a greeting; an error with its log when the server ends before.
pub(crate) fn await_greeting(child: &mut Child, address: SocketAddr) -> Result<()> {
    let mut ended = None;
    wait::until("a server's greeting", START_BOUND, || {
        ended = child.try_wait().ok().flatten();
        ended.is_some()
            || Client::connect_for(address, Duration::from_secs(2))
                .is_ok_and(|(_, greeting)| greeting.code == 220)
    })?;
    anyhow::ensure!(ended.is_none(), "the server ended at once: {ended:?}");
    Ok(())
}

/// Where `cargo xtask packages` unpacked the servers that cannot be installed.
pub fn unpacked() -> PathBuf {
    target_dir().join("peers")
}

/// Where cargo put this test: `target/debug/deps/NAME`.
pub fn target_dir() -> PathBuf {
    let mut path = std::env::current_exe().expect("a process knows its program");
    while path.file_name().is_some_and(|name| name != "deps") {
        path.pop();
    }
    path.pop();
    path.pop();
    path
}
