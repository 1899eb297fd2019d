//! Plans: changes of the table that are looked at before they are made.

use super::FakeBackend;

impl crate::Plans for FakeBackend {}
