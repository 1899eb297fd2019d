//! Who exists, by directory services and files.

use super::FakeBackend;

impl crate::Recipients for FakeBackend {}
