//! Domain names and address literals.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;
use std::sync::Arc;

/// A checked domain: A-labels, lower case, no trailing dot; or an address literal in brackets.
/// Two domains are the same exactly when they compare equal. Cheap to clone.
///
/// Source: RFC 5321 §2.3.5, §4.1.3; RFC 5890 for U-labels, which are mapped by UTS 46.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Domain(Arc<str>);

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DomainError {
    #[error("domain is empty")]
    Empty,
    #[error("domain is longer than 255 octets")]
    TooLong,
    #[error("domain is not a valid host name: {0:?}")]
    Invalid(String),
    #[error("not an address literal: {0:?}")]
    Literal(String),
}

impl Domain {
    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub fn is_literal(&self) -> bool {
        self.0.starts_with('[')
    }

    /// The address of a literal, `None` for a name.
    pub fn literal(&self) -> Option<IpAddr> {
        let inner = self.0.strip_prefix('[')?.strip_suffix(']')?;
        match inner.strip_prefix("ipv6:") {
            Some(v6) => v6.parse().ok().map(IpAddr::V6),
            None => inner.parse().ok().map(IpAddr::V4),
        }
    }
}

impl FromStr for Domain {
    type Err = DomainError;

    fn from_str(text: &str) -> Result<Self, DomainError> {
        if text.is_empty() {
            return Err(DomainError::Empty);
        }
        if text.len() > 255 {
            return Err(DomainError::TooLong);
        }
        if text.starts_with('[') {
            return literal(text);
        }
        let ascii = if text.is_ascii() {
            text.to_ascii_lowercase()
        } else {
            idna::domain_to_ascii_strict(text).map_err(|_| DomainError::Invalid(text.to_owned()))?
        };
        if ascii.len() > 253 {
            return Err(DomainError::TooLong);
        }
        if !ascii.split('.').all(is_label) {
            return Err(DomainError::Invalid(text.to_owned()));
        }
        Ok(Self(Arc::from(ascii)))
    }
}

/// Letters, digits, hyphens inside; underscores are let through because hosts with them exist.
fn is_label(label: &str) -> bool {
    (1..=63).contains(&label.len())
        && !label.starts_with('-')
        && !label.ends_with('-')
        && label.bytes().all(|it| it.is_ascii_alphanumeric() || matches!(it, b'-' | b'_'))
}

fn literal(text: &str) -> Result<Domain, DomainError> {
    let bad = || DomainError::Literal(text.to_owned());
    let lower = text.to_ascii_lowercase();
    let inner = lower.strip_prefix('[').and_then(|it| it.strip_suffix(']')).ok_or_else(bad)?;
    let canonical = match inner.strip_prefix("ipv6:") {
        Some(v6) => format!("[ipv6:{}]", v6.parse::<std::net::Ipv6Addr>().map_err(|_| bad())?),
        None => format!("[{}]", inner.parse::<std::net::Ipv4Addr>().map_err(|_| bad())?),
    };
    Ok(Domain(Arc::from(canonical)))
}

impl fmt::Display for Domain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.strip_prefix("[ipv6:") {
            Some(rest) => write!(f, "[IPv6:{rest}"),
            None => f.write_str(&self.0),
        }
    }
}

impl fmt::Debug for Domain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", &*self.0)
    }
}

impl std::borrow::Borrow<str> for Domain {
    fn borrow(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_brought_to_one_form() {
        let form = |text: &str| text.parse::<Domain>().map(|it| it.to_string());
        assert_eq!(form("Contoso.EXAMPLE"), Ok("contoso.example".into()));
        assert_eq!(form("Bücher.example"), Ok("xn--bcher-kva.example".into()));
        assert_eq!(form("[127.0.0.1]"), Ok("[127.0.0.1]".into()));
        assert_eq!(form("[IPv6:0::1]"), Ok("[IPv6:::1]".into()));
        assert_eq!("[IPv6:::1]".parse::<Domain>().unwrap().literal(), "::1".parse().ok());
    }

    #[test]
    fn what_is_no_host_name_is_refused() {
        let long = "a".repeat(64);
        for bad in
            ["", ".", "a.", ".a", "a..b", "-a.b", "a-.b", "a b", "a\0b", "[1.2.3]", "[::1]", &long]
        {
            assert!(bad.parse::<Domain>().is_err(), "{bad:?}");
        }
    }
}
