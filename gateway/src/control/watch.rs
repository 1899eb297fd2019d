//! Live events and alerts.

use super::Control;

impl admin::Watch for Control {}
