//! Which rows of the table somebody may see and change.

use std::str::FromStr as _;

use mail::{Address, Domain};

use crate::AccessError;

/// Both lists count: an address has to be in one of the domains, its row in one of the batches. An
/// empty list leaves its side open.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Limit {
    /// In lower case.
    pub domains: Vec<String>,
    pub batches: Vec<String>,
}

/// Entries of each list.
const ENTRIES_MAX: usize = 100;
const BATCH_BYTES_MAX: usize = 128;

impl Limit {
    /// Refuses names that cannot be a domain or a batch.
    pub(crate) fn new(domains: &[String], batches: &[String]) -> Result<Self, AccessError> {
        if domains.len() > ENTRIES_MAX || batches.len() > ENTRIES_MAX {
            let message = format!("want at most {ENTRIES_MAX} of each");
            return Err(AccessError::invalid("domains, batches", message));
        }
        let mut limit = Self::default();
        for text in domains {
            let domain = Domain::from_str(text.trim()).map_err(|error| {
                AccessError::invalid("domains", format!("{}: {error}", text.escape_debug()))
            })?;
            limit.domains.push(domain.as_str().to_ascii_lowercase());
        }
        for text in batches {
            let name = text.trim();
            let is_name = !name.is_empty()
                && name.len() <= BATCH_BYTES_MAX
                && !name.chars().any(char::is_control)
                && !name.contains('\n');
            if !is_name {
                return Err(AccessError::invalid("batches", "want the name of a batch"));
            }
            limit.batches.push(name.to_owned());
        }
        Ok(limit)
    }

    pub fn is_none(&self) -> bool {
        self.domains.is_empty() && self.batches.is_empty()
    }

    pub fn has_domain(&self, domain: &str) -> bool {
        self.domains.is_empty() || self.domains.iter().any(|it| it.eq_ignore_ascii_case(domain))
    }

    pub fn has_batch(&self, batch: Option<&str>) -> bool {
        self.batches.is_empty()
            || batch.is_some_and(|name| self.batches.iter().any(|it| it == name))
    }

    pub(crate) fn has(&self, address: &Address) -> bool {
        self.has_domain(address.domain().as_str())
    }

    /// `domains a.example, b.example; batches one`.
    pub fn words(&self) -> String {
        let side = |what: &str, list: &[String]| {
            (!list.is_empty()).then(|| format!("{what} {}", list.join(", ")))
        };
        let sides = [side("domains", &self.domains), side("batches", &self.batches)];
        sides.into_iter().flatten().collect::<Vec<_>>().join("; ")
    }
}
