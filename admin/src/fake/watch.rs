//! Live events and alerts.

use super::FakeBackend;

impl crate::Watch for FakeBackend {}
