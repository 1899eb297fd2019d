//! States of mailboxes in the move, for the sidecar.

use super::Control;

impl admin::Moves for Control {}
