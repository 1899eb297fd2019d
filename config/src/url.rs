//! Addresses of HTTPS servers.

use std::net::IpAddr;

/// `https://HOST[:PORT][/PATH]`, or `http://` to loopback; neither a user nor a fragment. The error
/// says what to write instead.
pub(crate) fn check(text: &str) -> Result<(), &'static str> {
    const WANT: &str = "want an address as in \"https://login.contoso.example\"";
    let is_odd = |it: char| it.is_whitespace() || it.is_control() || matches!(it, '#' | '@' | '"');
    let (scheme, rest) = text.split_once("://").ok_or(WANT)?;
    let authority = rest.split(['/', '?']).next().unwrap_or_default();
    if authority.is_empty() || text.contains(is_odd) || !text.is_ascii() {
        return Err(WANT);
    }
    let host = match authority.strip_prefix('[') {
        Some(v6) => v6.split(']').next().unwrap_or_default(),
        None => authority.split(':').next().unwrap_or_default(),
    };
    let is_loopback =
        host == "localhost" || host.parse::<IpAddr>().is_ok_and(|it| it.is_loopback());
    match scheme {
        "https" => Ok(()),
        "http" if is_loopback => Ok(()),
        "http" => Err("want https: in clear only to loopback"),
        _ => Err(WANT),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn in_clear_goes_to_loopback_only() {
        for good in [
            "https://a.example",
            "https://a.example:8443/x?y",
            "http://127.0.0.1:80/",
            "http://[::1]:1",
        ] {
            assert_eq!(check(good), Ok(()), "{good}");
        }
        for bad in [
            "",
            "a.example",
            "https://",
            "http://a.example",
            "http://127.0.0.1.a.example",
            "https://u@a.example",
            "https://a.example/#x",
            "ftp://a",
        ] {
            assert!(check(bad).is_err(), "{bad}");
        }
    }
}
