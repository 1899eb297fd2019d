//! Where a request goes.

use std::net::IpAddr;
use std::str::FromStr;

use hyper::Uri;

/// `https://HOST[:PORT]/PATH`, or `http://` to loopback. Neither a user nor a fragment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Url {
    text: String,
    pub(crate) encrypted: bool,
    /// Without the brackets of an IPv6 address.
    pub(crate) host: String,
    pub(crate) port: u16,
    /// As the header `Host` has it.
    pub(crate) authority: String,
    pub(crate) path_and_query: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UrlError {
    #[error("want an address as in \"https://login.contoso.example/path\"")]
    Malformed,
    #[error("want https: in clear only to loopback")]
    InClear,
}

impl FromStr for Url {
    type Err = UrlError;

    fn from_str(text: &str) -> Result<Self, UrlError> {
        if text.contains('#') {
            return Err(UrlError::Malformed);
        }
        let uri: Uri = text.parse().map_err(|_| UrlError::Malformed)?;
        let authority = uri.authority().ok_or(UrlError::Malformed)?;
        if authority.as_str().contains('@') {
            return Err(UrlError::Malformed);
        }
        let host = authority.host().trim_start_matches('[').trim_end_matches(']').to_owned();
        let encrypted = match uri.scheme_str() {
            Some("https") => true,
            Some("http") if is_loopback(&host) => false,
            Some("http") => return Err(UrlError::InClear),
            _ => return Err(UrlError::Malformed),
        };
        if host.is_empty() {
            return Err(UrlError::Malformed);
        }
        Ok(Self {
            text: text.to_owned(),
            encrypted,
            host,
            port: authority.port_u16().unwrap_or(if encrypted { 443 } else { 80 }),
            authority: authority.as_str().to_owned(),
            path_and_query: uri.path_and_query().map_or_else(|| "/".into(), ToString::to_string),
        })
    }
}

fn is_loopback(host: &str) -> bool {
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|it| it.is_loopback())
}

impl Url {
    pub fn as_str(&self) -> &str {
        &self.text
    }

    pub fn is_encrypted(&self) -> bool {
        self.encrypted
    }

    /// `HOST:PORT` as it was written: where, without what is asked there.
    pub fn authority(&self) -> &str {
        &self.authority
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn in_clear_goes_to_loopback_only() {
        for good in [
            "https://a.example",
            "https://a.example:8443/x?y=z",
            "http://127.0.0.1:80/",
            "http://[::1]:1/",
            "http://localhost/",
        ] {
            assert!(good.parse::<Url>().is_ok(), "{good}");
        }
        assert_eq!("http://a.example/".parse::<Url>(), Err(UrlError::InClear));
        assert_eq!("http://127.0.0.1.a.example/".parse::<Url>(), Err(UrlError::InClear));
        for bad in [
            "",
            "a.example",
            "ftp://a.example/",
            "https://u:p@a.example/",
            "https://a.example/#x",
            "/x",
        ] {
            assert_eq!(bad.parse::<Url>(), Err(UrlError::Malformed), "{bad}");
        }
    }

    #[test]
    fn an_address_has_its_parts() {
        let url: Url = "https://[2001:db8::1]/a?b=c".parse().unwrap();
        assert_eq!((url.host.as_str(), url.port), ("2001:db8::1", 443));
        assert_eq!((url.authority(), url.path_and_query.as_str()), ("[2001:db8::1]", "/a?b=c"));
    }
}
