//! What stands between the angle brackets of MAIL and RCPT.

use mail::{Address, Path, ReversePath};

/// Splits `<path> params` into the path without brackets and the parameters.
/// A `>` inside a quoted string ends nothing. `None` when the brackets are not there.
pub(super) fn split(text: &str) -> Option<(&str, &str)> {
    let inner = text.strip_prefix('<')?;
    let end = closing(inner)?;
    let (path, rest) = (&inner[..end], &inner[end + 1..]);
    match rest.strip_prefix(' ') {
        Some(params) => Some((path, params)),
        None => rest.is_empty().then_some((path, "")),
    }
}

fn closing(inner: &str) -> Option<usize> {
    let (mut quoted, mut escaped) = (false, false);
    for (at, byte) in inner.bytes().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            b'>' if !quoted => return Some(at),
            _ => (),
        }
    }
    None
}

/// The null reverse-path is `<>`.
pub(super) fn reverse(path: &str) -> Option<ReversePath> {
    match path {
        "" => Some(ReversePath::Null),
        path => address(path).map(ReversePath::Mailbox),
    }
}

/// `<Postmaster>` needs no domain, in any case of letters: RFC 5321 §4.1.1.3.
pub(super) fn forward(path: &str) -> Option<Path> {
    if path.eq_ignore_ascii_case("postmaster") {
        return Some(Path::Postmaster);
    }
    address(path).map(Path::Mailbox)
}

/// Accepts and ignores a source route, `@a,@b:user@c`: RFC 5321 appendix C.
fn address(path: &str) -> Option<Address> {
    if !path.starts_with('@') {
        return path.parse().ok();
    }
    let (route, mailbox) = path.split_once(':')?;
    let is_route = route.split(',').all(|hop| {
        hop.strip_prefix('@').is_some_and(|domain| domain.parse::<mail::Domain>().is_ok())
    });
    if is_route { mailbox.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn to(text: &str) -> Option<String> {
        let (path, rest) = split(text)?;
        assert_eq!(rest, "");
        match forward(path)? {
            Path::Postmaster => Some("Postmaster".into()),
            Path::Mailbox(address) => Some(address.to_string()),
        }
    }

    #[test]
    fn forms_that_are_accepted() {
        for (text, want) in [
            ("<anna@x.example>", "anna@x.example"),
            ("<pOSTMASTER>", "Postmaster"),
            ("<@a.example,@b.example:anna@c.example>", "anna@c.example"),
            ("<\"a> b\"@x.example>", "\"a> b\"@x.example"),
            ("<\"a\\\">\"@x.example>", "\"a\\\">\"@x.example"),
            ("<a@[127.0.0.1]>", "a@[127.0.0.1]"),
            ("<a@[IPv6:::1]>", "a@[IPv6:::1]"),
            ("<IMCEAEX-_O=ORG_OU=X+20Y@x.example>", "IMCEAEX-_O=ORG_OU=X+20Y@x.example"),
        ] {
            assert_eq!(to(text).as_deref(), Some(want), "{text}");
        }
    }

    #[test]
    fn a_source_route_is_ignored_but_must_be_one() {
        assert_eq!(to("<@ours.example:x@evil.example>").as_deref(), Some("x@evil.example"));
        for bad in ["<@:x@y>", "<@a,b:x@y>", "<@a b:x@y>", "<@a>", "<@a@b:x>"] {
            assert_eq!(to(bad), None, "{bad}");
        }
    }

    #[test]
    fn parameters_come_after_a_space() {
        assert_eq!(split("<a@b> SIZE=1"), Some(("a@b", "SIZE=1")));
        assert_eq!(split("<a@b>SIZE=1"), None);
        assert_eq!(split("a@b"), None);
        assert_eq!(split("<\"a>@b"), None);
    }
}
