//! The name of a mail environment behind the gateway.

use std::fmt;
use std::sync::Arc;

/// A site's name as the configuration gives it: `on_prem`, `cloud`. Cheap to clone.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SiteName(Arc<str>);

/// What becomes of a recipient in a relay domain who has no entry in the table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unlisted {
    /// Whoever is not listed lives here.
    Site(SiteName),
    /// The table is complete: whoever is not listed does not exist.
    Reject,
}

impl SiteName {
    pub fn new(name: &str) -> Self {
        Self(Arc::from(name))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for SiteName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for SiteName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", &*self.0)
    }
}

impl std::borrow::Borrow<str> for SiteName {
    fn borrow(&self) -> &str {
        &self.0
    }
}
