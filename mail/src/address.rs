//! Mailbox addresses, as they stand in an envelope and as a table looks them up.

use std::fmt;
use std::str::FromStr;

use unicode_normalization::UnicodeNormalization;

use crate::{Domain, DomainError};

/// `local@domain`. The local part is kept as it came, with its quotes, because only the
/// mailbox's own host may interpret it; the domain is in the one form of [`Domain`].
///
/// Source: RFC 5321 §4.1.2, RFC 6531 §3.3 for local parts beyond ASCII.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Address {
    local: Box<str>,
    domain: Domain,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    #[error("address has no @")]
    NoAt,
    #[error("local part is empty or longer than the {max} octets allowed")]
    LocalLength { max: usize },
    #[error("local part is neither a dot-string nor a quoted string: {0:?}")]
    Local(String),
    #[error(transparent)]
    Domain(#[from] DomainError),
}

/// RFC 5321 asks for at least 64; Exchange's encapsulated addresses (IMCEAEX) need up to 315.
const LOCAL_MAX: usize = 315;

impl Address {
    /// From a local part as written on the wire and a domain that was parsed already.
    pub fn new(local: &str, domain: Domain) -> Result<Self, AddressError> {
        check_local(local)?;
        Ok(Self { local: local.into(), domain })
    }

    /// The local part as written on the wire, quotes included.
    pub fn local(&self) -> &str {
        &self.local
    }

    pub fn domain(&self) -> &Domain {
        &self.domain
    }

    /// The same local part at another domain.
    #[must_use]
    pub fn with_domain(&self, domain: Domain) -> Self {
        Self { local: self.local.clone(), domain }
    }

    pub fn is_ascii(&self) -> bool {
        self.local.is_ascii()
    }

    /// The local part without quotes and backslashes: `"a b"` is `a b`.
    pub fn local_unquoted(&self) -> String {
        let Some(inner) = self.local.strip_prefix('"').and_then(|it| it.strip_suffix('"')) else {
            return self.local.to_string();
        };
        let mut out = String::with_capacity(inner.len());
        let mut chars = inner.chars();
        while let Some(c) = chars.next() {
            match c {
                '\\' => out.extend(chars.next()),
                _ => out.push(c),
            }
        }
        out
    }

    /// What a table is searched with. Case is folded and quotes that change nothing are dropped,
    /// so `"Anna"@X`, `ANNA@x` and `anna@x` are one mailbox. U-labels were mapped by [`Domain`].
    pub fn key(&self) -> AddressKey {
        if self.local.is_ascii() && !self.local.starts_with('"') {
            let mut text = String::with_capacity(self.local.len() + 1 + self.domain.as_str().len());
            text.push_str(&self.local);
            text.make_ascii_lowercase();
            return AddressKey::join(text, &self.domain);
        }
        let folded: String = self.local_unquoted().nfc().flat_map(char::to_lowercase).collect();
        AddressKey::join(folded, &self.domain)
    }

    /// `postmaster`, in any case and with quotes or without, of whatever domain. With a tag it is
    /// a name like any other: RFC 5321 reserves the bare word only.
    pub fn is_postmaster(&self) -> bool {
        self.local_unquoted().eq_ignore_ascii_case("postmaster")
    }
}

/// Splits at the last `@` that is outside a quoted string.
impl FromStr for Address {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        let at = text.rfind('@').ok_or(AddressError::NoAt)?;
        let (local, domain) = (&text[..at], &text[at + 1..]);
        check_local(local)?;
        Ok(Self { local: local.into(), domain: domain.parse()? })
    }
}

fn check_local(local: &str) -> Result<(), AddressError> {
    if local.is_empty() || local.len() > LOCAL_MAX {
        return Err(AddressError::LocalLength { max: LOCAL_MAX });
    }
    if !is_dot_string(local) && !is_quoted_string(local) {
        return Err(AddressError::Local(local.to_owned()));
    }
    Ok(())
}

fn is_atext(c: char) -> bool {
    !c.is_ascii() || c.is_ascii_alphanumeric() || "!#$%&'*+-/=?^_`{|}~".contains(c)
}

/// Control characters beyond ASCII (U+0080 to U+009F) are no part of any address.
fn is_clean(text: &str) -> bool {
    !text.chars().any(char::is_control)
}

fn is_dot_string(local: &str) -> bool {
    is_clean(local) && local.split('.').all(|atom| !atom.is_empty() && atom.chars().all(is_atext))
}

fn is_quoted_string(local: &str) -> bool {
    let Some(inner) = local.strip_prefix('"').and_then(|it| it.strip_suffix('"')) else {
        return false;
    };
    let mut chars = inner.chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' => match chars.next() {
                Some(' '..='~') => (),
                _ => return false,
            },
            '"' => return false,
            c if c.is_control() => return false,
            _ => (),
        }
    }
    is_clean(inner)
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.local, self.domain)
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<{self}>")
    }
}

/// An address in the form that tables are keyed by; made only by [`Address::key`], or by
/// [`AddressKey::without_tag`] from another key.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AddressKey(Box<str>);

impl AddressKey {
    fn join(mut local: String, domain: &Domain) -> Self {
        local.push('@');
        local.push_str(domain.as_str());
        Self(local.into_boxed_str())
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub fn domain(&self) -> &str {
        self.0.rsplit_once('@').map_or("", |(_, domain)| domain)
    }

    /// `anna+news@x` without its tag: `anna@x`. `None` when there is no tag, or nothing before it.
    pub fn without_tag(&self, separator: char) -> Option<Self> {
        let (local, domain) = self.0.rsplit_once('@')?;
        let (base, _) = local.split_once(separator)?;
        (!base.is_empty()).then(|| Self(format!("{base}@{domain}").into_boxed_str()))
    }
}

impl fmt::Display for AddressKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for AddressKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::borrow::Borrow<str> for AddressKey {
    fn borrow(&self) -> &str {
        &self.0
    }
}

/// What stands between the angle brackets of RCPT TO.
///
/// Source: RFC 5321 §4.1.1.3: `<Postmaster>` needs no domain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Path {
    Postmaster,
    Mailbox(Address),
}

/// Where a DSN about this message goes. [`ReversePath::Null`] is `MAIL FROM:<>`.
///
/// A null reverse-path marks a message that is itself a notification, so
/// nothing we send about it may provoke another one.
///
/// Source: RFC 5321 §4.5.5.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum ReversePath {
    Null,
    Mailbox(Address),
}

impl fmt::Display for ReversePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => Ok(()),
            Self::Mailbox(address) => write!(f, "{address}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(text: &str) -> String {
        text.parse::<Address>().unwrap().key().to_string()
    }

    #[test]
    fn one_mailbox_has_one_key() {
        assert_eq!(key("Anna@Contoso.Example"), "anna@contoso.example");
        assert_eq!(key("\"Anna\"@contoso.example"), "anna@contoso.example");
        assert_eq!(key("\"an\\na\"@contoso.example"), "anna@contoso.example");
        assert_eq!(key("\"a b\"@contoso.example"), "a b@contoso.example");
        assert_eq!(key("ÄNNA@bücher.example"), "änna@xn--bcher-kva.example");
        assert_eq!(key("a\u{308}nna@x.example"), key("änna@x.example"));
    }

    #[test]
    fn what_came_is_what_goes_on() {
        for text in ["Anna@contoso.example", "\"a@b\"@x.example", "a+tag@[127.0.0.1]"] {
            assert_eq!(text.parse::<Address>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn malformed_addresses_are_refused() {
        for bad in [
            "",
            "anna",
            "@x.example",
            "a@",
            ".a@x",
            "a.@x",
            "a..b@x",
            "a b@x",
            "a@b@x",
            "\"a@x",
            "\"a\"b@x",
            "\"\r\n\"@x",
            "a\u{85}b@x",
            "a<b@x",
            "a\0@x",
            "\"a\\\u{7f}\"@x",
        ] {
            assert!(bad.parse::<Address>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_tag_comes_off_but_never_the_whole_name() {
        let key = |text: &str| text.parse::<Address>().unwrap().key();
        assert_eq!(key("anna+news+x@c.example").without_tag('+'), Some(key("anna@c.example")));
        assert_eq!(key("anna@c.example").without_tag('+'), None);
        assert_eq!(key("+anna@c.example").without_tag('+'), None);
    }
}
