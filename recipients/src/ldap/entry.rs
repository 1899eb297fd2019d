//! From an LDAP entry to a [`Draft`].

use std::collections::HashMap;

use ldap3::SearchEntry;

use super::Mistakes;
use crate::Draft;

/// Names of attributes compare without case. RFC 4512 §2.5.
struct Attributes {
    text: HashMap<String, Vec<String>>,
    binary: HashMap<String, Vec<Vec<u8>>>,
}

impl Attributes {
    fn first(&self, name: &str) -> Option<&str> {
        self.text.get(name)?.first().map(String::as_str)
    }

    fn number<T: std::str::FromStr>(&self, name: &str) -> Option<T> {
        self.first(name)?.parse().ok()
    }

    fn all(&mut self, name: &str) -> Vec<String> {
        self.text.remove(name).unwrap_or_default()
    }
}

pub(super) fn draft(entry: SearchEntry, mistakes: &mut Mistakes) -> Draft {
    let SearchEntry { dn, attrs, bin_attrs } = entry;
    let lower = |name: String| name.to_ascii_lowercase();
    let mut it = Attributes {
        text: attrs.into_iter().map(|(name, values)| (lower(name), values)).collect(),
        binary: bin_attrs.into_iter().map(|(name, values)| (lower(name), values)).collect(),
    };
    // A server that gives a long list in parts names them `proxyAddresses;range=0-1499`.
    let part = it.text.keys().find(|it| it.starts_with("proxyaddresses;range=")).cloned();
    if let Some(part) = part {
        mistakes.add(&dn, "its list of addresses is too long for the server: the first are used");
        let values = it.all(&part);
        it.text.entry("proxyaddresses".to_owned()).or_default().extend(values);
    }
    if it.binary.contains_key("proxyaddresses") {
        mistakes.add(&dn, "proxyAddresses: not all of it is UTF-8, none is used");
    }
    let guid = it.binary.get("objectguid").and_then(|it| it.first()).map(|it| hex(it));
    // Sixteen octets may happen to be UTF-8.
    let guid = guid.or_else(|| it.first("objectguid").map(|it| hex(it.as_bytes())));
    Draft {
        id: guid.unwrap_or_else(|| dn.to_lowercase()),
        mail: it.first("mail").map(str::to_owned),
        legacy_exchange_dn: it.first("legacyexchangedn").map(str::to_owned),
        target_address: it.first("targetaddress").map(str::to_owned),
        type_details: it.number("msexchrecipienttypedetails"),
        usn: it.number("usnchanged").unwrap_or(0),
        object_classes: it.all("objectclass"),
        proxy_addresses: it.all("proxyaddresses"),
    }
}

pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().take(64).map(|it| format!("{it:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_attributes_have_no_case_and_long_lists_come_in_parts() {
        let text = |name: &str, value: &str| (name.to_owned(), vec![value.to_owned()]);
        let entry = SearchEntry {
            dn: "CN=Anna,DC=x".into(),
            attrs: HashMap::from([
                text("MAIL", "anna@x.example"),
                text("proxyAddresses;range=0-1499", "SMTP:anna@x.example"),
                text("uSNChanged", "7"),
                text("msExchRecipientTypeDetails", "4"),
            ]),
            bin_attrs: HashMap::from([("objectGUID".to_owned(), vec![vec![0xff, 1]])]),
        };
        let mut mistakes = Mistakes::default();
        let draft = draft(entry, &mut mistakes);
        assert_eq!((draft.id.as_str(), draft.usn, draft.type_details), ("ff01", 7, Some(4)));
        assert_eq!(draft.proxy_addresses, ["SMTP:anna@x.example"]);
        assert_eq!((draft.mail.as_deref(), mistakes.count), (Some("anna@x.example"), 1));
    }
}
