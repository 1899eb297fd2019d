//! From what a directory has written to a [`Recipient`], and what is wrong with it if it is none.

use std::collections::HashSet;

use mail::{Address, AddressKey};

use crate::{Kind, Recipient, x500_key};

/// The attributes of one entry, as text.
#[derive(Clone, Debug, Default)]
pub struct Draft {
    pub id: String,
    pub mail: Option<String>,
    /// `SMTP:a@b` is the primary one, `smtp:` others, `x500:` names; anything else is not ours.
    pub proxy_addresses: Vec<String>,
    pub legacy_exchange_dn: Option<String>,
    pub target_address: Option<String>,
    pub type_details: Option<i64>,
    pub object_classes: Vec<String>,
    pub usn: u64,
}

/// Octets of one value that are looked at.
const VALUE_MAX: usize = 1024;

/// What became of a draft.
#[derive(Debug)]
pub struct Made {
    pub recipient: Option<Recipient>,
    /// What is wrong, each in a few words; there may be a recipient all the same.
    pub mistakes: Vec<String>,
}

impl Draft {
    pub fn make(self, addresses_max: usize) -> Made {
        let mut reading = Reading::default();
        for value in &self.proxy_addresses {
            reading.proxy_address(value, addresses_max);
        }
        if let Some(dn) = &self.legacy_exchange_dn {
            reading.name(dn);
        }
        let mail = self.mail.as_deref().and_then(|it| reading.address(it, "mail"));
        let target = self.target_address.as_deref().and_then(|it| reading.target(it));
        let kind = self.kind(target.is_some());
        let Reading { primary, others, names, mut mistakes, .. } = reading;
        let Some(address) = primary.or(mail).or_else(|| others.first().cloned()) else {
            if mistakes.is_empty() {
                mistakes.push("it has no address".to_owned());
            }
            return Made { recipient: None, mistakes };
        };
        let mut seen: HashSet<AddressKey> = HashSet::from([address.key()]);
        let others = others.into_iter().filter(|it| seen.insert(it.key())).collect();
        let x500: Vec<Box<str>> = names;
        let recipient = Recipient {
            id: self.id.into(),
            address,
            others,
            x500: x500.into(),
            target,
            kind,
            usn: self.usn,
        };
        Made { recipient: Some(recipient), mistakes }
    }

    /// By the type that Exchange wrote, else by what the entry is made of.
    fn kind(&self, has_target: bool) -> Kind {
        let is = |class: &str| self.object_classes.iter().any(|it| it.eq_ignore_ascii_case(class));
        match self.type_details {
            Some(details) => Kind::of_type_details(details),
            None if is("group") || is("groupOfNames") => Kind::Group,
            None if is("contact") => Kind::Contact,
            None if has_target => Kind::MailUser,
            None => Kind::User,
        }
    }
}

#[derive(Default)]
struct Reading {
    primary: Option<Address>,
    others: Vec<Address>,
    names: Vec<Box<str>>,
    mistakes: Vec<String>,
    is_full: bool,
}

impl Reading {
    fn proxy_address(&mut self, value: &str, max: usize) {
        if self.others.len() + self.names.len() >= max {
            if !std::mem::replace(&mut self.is_full, true) {
                self.mistakes
                    .push(format!("it has more than {max} addresses: the rest is left out"));
            }
            return;
        }
        let Some((kind, rest)) = value.split_once(':') else {
            self.mistakes.push(format!("proxyAddresses: no type in {:?}", short(value)));
            return;
        };
        if kind.eq_ignore_ascii_case("x500") {
            self.name(rest);
        } else if kind.eq_ignore_ascii_case("smtp") {
            let Some(address) = self.address(rest, "proxyAddresses") else { return };
            match kind == "SMTP" && self.primary.is_none() {
                true => self.primary = Some(address),
                false => self.others.push(address),
            }
        }
    }

    fn name(&mut self, name: &str) {
        if name.len() > VALUE_MAX || !name.trim_start().starts_with('/') {
            self.mistakes.push(format!("not an X.500 name: {:?}", short(name)));
            return;
        }
        let key = x500_key(name);
        if !self.names.contains(&key) {
            self.names.push(key);
        }
    }

    fn address(&mut self, text: &str, attribute: &str) -> Option<Address> {
        let parsed = (text.len() <= VALUE_MAX).then(|| text.trim().parse::<Address>());
        match parsed {
            Some(Ok(address)) => Some(address),
            Some(Err(why)) => {
                self.mistakes.push(format!("{attribute}: {:?}: {why}", short(text)));
                None
            }
            None => {
                self.mistakes.push(format!("{attribute}: a value of {} octets", text.len()));
                None
            }
        }
    }

    /// `SMTP:a@b`, or without the type.
    fn target(&mut self, text: &str) -> Option<Address> {
        let smtp = text.split_once(':').filter(|it| it.0.eq_ignore_ascii_case("smtp"));
        self.address(smtp.map_or(text, |it| it.1), "targetAddress")
    }
}

fn short(text: &str) -> String {
    text.chars().take(80).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn draft() -> Draft {
        Draft {
            id: "1".into(),
            mail: Some("anna@x.example".into()),
            proxy_addresses: [
                "smtp:a.smith@x.example",
                "SMTP:Anna@x.example",
                "smtp:anna@X.example",
                "X500:/o=Old/cn=Anna",
                "sip:anna@x.example",
            ]
            .map(String::from)
            .into(),
            legacy_exchange_dn: Some("/o=New/cn=anna".into()),
            target_address: Some("SMTP:anna@x.mail.onmicrosoft.example".into()),
            type_details: Some(1 << 31),
            ..Draft::default()
        }
    }

    #[test]
    fn the_upper_case_type_is_the_primary_address() {
        let made = draft().make(100);
        assert_eq!(made.mistakes, [""; 0]);
        let recipient = made.recipient.unwrap();
        assert_eq!(recipient.address.to_string(), "Anna@x.example");
        let others: Vec<String> = recipient.others.iter().map(Address::to_string).collect();
        assert_eq!(others, ["a.smith@x.example"], "each once");
        assert_eq!(recipient.x500, ["/o=old/cn=anna", "/o=new/cn=anna"].map(Box::from).into());
        assert_eq!((recipient.kind, recipient.is_remote()), (Kind::RemoteUser, true));
    }

    #[test]
    fn mistakes_are_told_and_the_rest_is_used() {
        let mut bad = draft();
        bad.proxy_addresses = vec!["SMTP:no at".into(), "smtp:".into(), "what".into()];
        bad.proxy_addresses.push(format!("smtp:{}@x.example", "a".repeat(2000)));
        bad.legacy_exchange_dn = Some("cn=x".into());
        let made = bad.clone().make(100);
        assert_eq!(made.mistakes.len(), 5, "{:?}", made.mistakes);
        assert_eq!(made.recipient.unwrap().address.to_string(), "anna@x.example");
        bad.mail = None;
        assert!(bad.make(100).recipient.is_none());
        let made = draft().make(2);
        assert_eq!(made.mistakes.len(), 1, "{:?}", made.mistakes);
    }

    #[test]
    fn a_kind_is_told_by_the_class_where_there_is_no_type() {
        let kind = |class: &str, target: bool| {
            let mut draft = draft();
            draft.type_details = None;
            draft.object_classes = vec!["top".into(), class.into()];
            if !target {
                draft.target_address = None;
            }
            draft.make(100).recipient.unwrap().kind
        };
        assert_eq!(kind("group", false), Kind::Group);
        assert_eq!(kind("Contact", true), Kind::Contact);
        assert_eq!(kind("user", true), Kind::MailUser);
        assert_eq!(kind("user", false), Kind::User);
    }
}
