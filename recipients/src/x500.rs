//! X.500 names of Exchange, and the SMTP addresses that carry them.
//!
//! Replies to old mail go to `IMCEAEX-_O=CONTOSO_OU=…_CN=ANNA@contoso.example`: the sender's
//! legacyExchangeDN, encapsulated. Whoever has that name as an X500 address is meant.

/// In front of an encapsulated name.
const PREFIX: &str = "IMCEAEX-";

/// The form in which names are compared: Exchange does not distinguish case.
pub fn x500_key(name: &str) -> Box<str> {
    name.trim().to_lowercase().into()
}

/// The name in the local part of an IMCEAEX address; `None` for any other.
///
/// `/` was written `_`, other octets that are no letters, digits, `-` or `=` as `+` and two hex
/// digits; names beyond ASCII are UTF-8 in that form.
pub fn decode_imceaex(local: &str) -> Option<String> {
    let head = local.get(..PREFIX.len()).filter(|it| it.eq_ignore_ascii_case(PREFIX))?;
    let rest = local.get(head.len()..)?;
    let mut bytes = Vec::with_capacity(rest.len());
    let mut input = rest.bytes();
    while let Some(byte) = input.next() {
        match byte {
            b'_' => bytes.push(b'/'),
            b'+' => {
                let (high, low) = (hex(input.next()?)?, hex(input.next()?)?);
                bytes.push(high << 4 | low);
            }
            other => bytes.push(other),
        }
    }
    String::from_utf8(bytes).ok().filter(|it| it.starts_with('/'))
}

fn hex(byte: u8) -> Option<u8> {
    char::from(byte).to_digit(16).and_then(|it| u8::try_from(it).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_decoded() {
        let local = "IMCEAEX-_O=CONTOSO_OU=EXCHANGE+20ADMINISTRATIVE+20GROUP+20+28FYDIBOHF23SPDLT+29_CN=RECIPIENTS_CN=ANNA+2ESMITH";
        let want = "/o=contoso/ou=exchange administrative group (fydibohf23spdlt)/cn=recipients/cn=anna.smith";
        assert_eq!(&*x500_key(&decode_imceaex(local).unwrap()), want);
        assert_eq!(decode_imceaex("imceaex-_o=x+5fy").as_deref(), Some("/o=x_y"));
        for other in [
            "anna",
            "IMCEAEX",
            "IMCEAEX-",
            "IMCEAEX-O=X",
            "IMCEAEX-_o=+2",
            "IMCEAEX-_o=+zz",
            "IMCEAFAX-_o=x",
            "IMCEAEX-_o=+ff",
        ] {
            assert_eq!(decode_imceaex(other), None, "{other}");
        }
    }
}
