//! Plans: changes of the table that are looked at before they are made.

use super::Control;

impl admin::Plans for Control {}
