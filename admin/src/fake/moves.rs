//! States of mailboxes in the move, for the sidecar.

use super::FakeBackend;

impl crate::Moves for FakeBackend {}
