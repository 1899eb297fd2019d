//! The encodings of addresses in ORCPT.

use std::fmt::Write as _;

use mail::Address;

/// The ORCPT that names an address: `rfc822;anna@contoso.example`, in xtext.
///
/// Source: RFC 3461 §4.2 and §4; RFC 6533 §3 for addresses beyond ASCII.
pub fn orcpt_of(address: &Address, smtputf8: bool) -> Box<str> {
    let text = address.to_string();
    let mut out = if text.is_ascii() { "rfc822;".to_owned() } else { "utf-8;".to_owned() };
    for c in text.chars() {
        match c {
            '!'..='~' if c != '+' && c != '=' => out.push(c),
            c if c.is_ascii() => drop(write!(out, "+{:02X}", c as u32)),
            c if smtputf8 => out.push(c),
            c => drop(write!(out, "\\x{{{:X}}}", c as u32)),
        }
    }
    out.into()
}

/// What an ORCPT says, its type kept and its xtext undone. What is no xtext stays as it is.
pub(super) fn decoded(orcpt: &str) -> String {
    let mut out = String::with_capacity(orcpt.len());
    let mut rest = orcpt;
    while let Some(plus) = rest.find('+') {
        out.push_str(&rest[..plus]);
        let hex = rest.get(plus + 1..plus + 3);
        let byte = hex.and_then(|it| u8::from_str_radix(it, 16).ok());
        match byte.filter(|it| (0x20..0x7f).contains(it)) {
            Some(byte) => {
                out.push(char::from(byte));
                rest = &rest[plus + 3..];
            }
            None => {
                out.push('+');
                rest = &rest[plus + 1..];
            }
        }
    }
    out.push_str(rest);
    out
}
