//! Who exists, by directory services and files.

use super::Control;

impl admin::Recipients for Control {}
