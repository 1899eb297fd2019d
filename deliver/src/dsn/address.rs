//! Addresses as DSNs and the parameter ORCPT write them.

use std::fmt::Write as _;

use mail::Address;

/// `ORCPT` for a recipient that came without: the address that the sender used, for a hop that
/// knows it by another. `smtputf8`: the transaction will be SMTPUTF8.
///
/// Source: RFC 3461 §4.2 and §5.2.1, RFC 6533 §3.
pub fn orcpt_of(address: &Address, smtputf8: bool) -> Box<str> {
    let address = address.to_string();
    if address.is_ascii() {
        return format!("rfc822;{}", to_xtext(&address)).into();
    }
    format!("utf-8;{}", to_utf8_address(&address, smtputf8)).into()
}

/// The value of `Final-Recipient`. `is_global`: the part may have eight bits.
pub(super) fn final_recipient(address: &Address, is_global: bool) -> String {
    let address = address.to_string();
    if address.is_ascii() {
        return format!("rfc822; {address}");
    }
    format!("utf-8; {}", to_utf8_address(&address, is_global))
}

/// The value of `Original-Recipient`: the type is kept, xtext is decoded. `None` when it is not
/// what ORCPT must be.
///
/// Source: RFC 3464 §2.3.1.
pub(super) fn original_recipient(orcpt: &str, is_global: bool) -> Option<String> {
    let (kind, address) = orcpt.split_once(';')?;
    let is_kind = |it: char| it.is_ascii_alphanumeric() || it == '-';
    if kind.is_empty() || !kind.chars().all(is_kind) {
        return None;
    }
    let decoded = from_xtext(address)?;
    if decoded.is_empty() || decoded.chars().any(char::is_control) {
        return None;
    }
    if decoded.is_ascii() || is_global {
        return Some(format!("{kind}; {decoded}"));
    }
    Some(format!("{kind}; {}", to_utf8_address(&decoded, false)))
}

/// RFC 3461 §4, for ASCII.
fn to_xtext(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if ('!'..='~').contains(&c) && c != '+' && c != '=' {
            out.push(c);
        } else {
            let _ = write!(out, "+{:02X}", u32::from(c));
        }
    }
    out
}

/// `None` when a `+` is not followed by two hexadecimal digits, or the octets are no text.
pub(super) fn from_xtext(text: &str) -> Option<String> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, after @ ..] = rest {
        rest = after;
        if *first != b'+' {
            out.push(*first);
            continue;
        }
        let (digits, after) = rest.split_at_checked(2)?;
        let digits = std::str::from_utf8(digits).ok()?;
        if !digits.bytes().all(|it| it.is_ascii_hexdigit()) {
            return None;
        }
        out.push(u8::from_str_radix(digits, 16).ok()?);
        rest = after;
    }
    String::from_utf8(out).ok()
}

/// utf-8-addr-unitext where eight bits may pass, utf-8-addr-xtext where not. RFC 6533 §3.
fn to_utf8_address(text: &str, eight_bit: bool) -> String {
    let mut out = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        let is_plain = ('!'..='~').contains(&c) && !matches!(c, '+' | '=' | '\\');
        if is_plain || (eight_bit && !c.is_ascii()) {
            out.push(c);
        } else {
            let _ = write!(out, "\\x{{{:X}}}", u32::from(c));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn orcpt(address: &str, smtputf8: bool) -> String {
        orcpt_of(&address.parse().unwrap(), smtputf8).into()
    }

    #[test]
    fn orcpt_is_made_of_the_address_that_the_sender_used() {
        assert_eq!(orcpt("anna@contoso.example", false), "rfc822;anna@contoso.example");
        assert_eq!(orcpt("anna+x=y@c.example", false), "rfc822;anna+2Bx+3Dy@c.example");
        assert_eq!(orcpt("\"a b\"@c.example", false), "rfc822;\"a+20b\"@c.example");
        assert_eq!(orcpt("\u{e4}+x@c.example", true), "utf-8;\u{e4}\\x{2B}x@c.example");
        assert_eq!(orcpt("\u{e4}@c.example", false), "utf-8;\\x{E4}@c.example");
    }

    #[test]
    fn original_recipients_keep_their_type_and_lose_their_xtext() {
        let original = |text| original_recipient(text, false);
        assert_eq!(original("rfc822;a+2Bb@c.example").unwrap(), "rfc822; a+b@c.example");
        assert_eq!(original("x400;/S=a+3Db/").unwrap(), "x400; /S=a=b/");
        assert_eq!(original("utf-8;\u{e4}@c").unwrap(), "utf-8; \\x{E4}@c");
        assert_eq!(original_recipient("utf-8;\u{e4}@c", true).unwrap(), "utf-8; \u{e4}@c");
        for bad in ["", "a@c", ";a@c", "rfc822;", "rfc822;+2", "rfc822;+0D+0Ax", "r\nf;a", "a;+GG"]
        {
            assert_eq!(original(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn xtext_of_an_address_decodes_to_it() {
        for text in ["a@b", "a+b=c@d", "\" \"@x", "~!@[IPv6:::1]"] {
            assert_eq!(from_xtext(&to_xtext(text)).as_deref(), Some(text));
        }
    }
}
