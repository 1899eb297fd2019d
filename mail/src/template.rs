//! How a site wants its envelope recipients written.

use std::fmt;
use std::str::FromStr;

use crate::{Address, Domain};

/// The recipient as a site knows it: `{address}` leaves it alone, `{local}@DOMAIN` puts another
/// domain behind the same local part. Nothing else can be said, so the result of
/// [`Template::apply`] is always an address, and two mailboxes never become one.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub enum Template {
    #[default]
    Unchanged,
    AtDomain(Domain),
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TemplateError {
    #[error("want \"{{address}}\" or \"{{local}}@DOMAIN\"")]
    Shape,
    #[error("unknown variable {{{0}}}: there are {{address}}, {{local}} and {{domain}}")]
    Variable(String),
    #[error("want a domain name after {{local}}@, not {0:?}")]
    Domain(String),
}

impl Template {
    pub fn apply(&self, address: &Address) -> Address {
        match self {
            Self::Unchanged => address.clone(),
            Self::AtDomain(domain) => address.with_domain(domain.clone()),
        }
    }
}

impl FromStr for Template {
    type Err = TemplateError;

    fn from_str(text: &str) -> Result<Self, TemplateError> {
        if let Some(name) = unknown_variable(text) {
            return Err(TemplateError::Variable(name.to_owned()));
        }
        if matches!(text, "{address}" | "{local}@{domain}") {
            return Ok(Self::Unchanged);
        }
        let domain = text.strip_prefix("{local}@").ok_or(TemplateError::Shape)?;
        match domain.parse::<Domain>() {
            Ok(domain) if !domain.is_literal() => Ok(Self::AtDomain(domain)),
            Ok(_) | Err(_) => Err(TemplateError::Domain(domain.to_owned())),
        }
    }
}

fn unknown_variable(text: &str) -> Option<&str> {
    text.split('{')
        .skip(1)
        .filter_map(|it| it.split_once('}'))
        .map(|(name, _)| name)
        .find(|name| !matches!(*name, "address" | "local" | "domain"))
}

impl fmt::Display for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unchanged => f.write_str("{address}"),
            Self::AtDomain(domain) => write!(f, "{{local}}@{domain}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_the_domain_and_nothing_else() {
        let address: Address = "\"Anna B\"@contoso.example".parse().unwrap();
        let apply = |text: &str| text.parse::<Template>().unwrap().apply(&address).to_string();
        assert_eq!(apply("{address}"), "\"Anna B\"@contoso.example");
        assert_eq!(apply("{local}@{domain}"), "\"Anna B\"@contoso.example");
        assert_eq!(apply("{local}@Contoso.mail.example"), "\"Anna B\"@contoso.mail.example");
    }

    #[test]
    fn says_what_is_wrong_with_a_template() {
        let error = |text: &str| text.parse::<Template>().unwrap_err().to_string();
        assert_eq!(
            error("{user}@x.example"),
            "unknown variable {user}: there are {address}, {local} and {domain}"
        );
        assert_eq!(error("all@x.example"), "want \"{address}\" or \"{local}@DOMAIN\"");
        assert_eq!(error("{local}@"), "want a domain name after {local}@, not \"\"");
        assert_eq!(
            error("{local}@[10.0.0.1]"),
            "want a domain name after {local}@, not \"[10.0.0.1]\""
        );
        assert_eq!(
            error("{local}@{address}"),
            "want a domain name after {local}@, not \"{address}\""
        );
    }
}
