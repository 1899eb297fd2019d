//! Decisions and edits as data.

mod edits;
mod explained;
mod properties;
mod rails;
mod routes;
mod transitions;

use mail::{Address, SiteName, Template, Timestamp, Unlisted};

use crate::{Domains, Edit, Field, Put, Rules, StateRule, Table};

pub(crate) fn address(text: &str) -> Address {
    text.parse().unwrap()
}

pub(crate) fn site(name: &str) -> SiteName {
    SiteName::new(name)
}

/// Two sites; one domain whose unlisted live on premises, one whose table is complete.
pub(crate) fn domains() -> Domains {
    Domains::from(Rules {
        relay_domains: vec![
            ("contoso.example".parse().unwrap(), Unlisted::Site(site("on_prem"))),
            ("fabrikam.example".parse().unwrap(), Unlisted::Reject),
            ("bücher.example".parse().unwrap(), Unlisted::Reject),
        ],
        sites: vec![
            (site("on_prem"), Template::Unchanged),
            (site("cloud"), "{local}@contoso.mail.example".parse().unwrap()),
        ],
        subaddress_separator: Some('+'),
        copy_while_syncing: Some(site("cloud")),
        postmaster: None,
        ..Rules::default()
    })
}

/// `anna@x cloud state=settled batch=b aliases=a@x,b@x cloud_address=c@y note=n`; `- anna@x` removes.
pub(crate) fn edit(line: &str) -> Edit {
    let mut words = line.split_whitespace();
    let first = words.next().unwrap();
    if first == "-" {
        return Edit::Remove(address(words.next().unwrap()).key());
    }
    let mut put = Put::new(address(first), site(words.next().unwrap()), &domains());
    for (name, value) in words.map(|it| it.split_once('=').unwrap()) {
        match name {
            "state" => put.state = StateRule::Is(value.parse().unwrap()),
            "batch" => put.batch = Field::Is(value.into()),
            "note" => put.note = Field::Is(value.into()),
            "cloud_address" => put.cloud_address = Field::Is(address(value)),
            "aliases" => put.aliases = Field::Is(value.split(',').map(address).collect()),
            _ => panic!("{name}"),
        }
    }
    Edit::Put(Box::new(put))
}

pub(crate) fn edits(lines: &str) -> Vec<Edit> {
    lines.lines().map(str::trim).filter(|it| !it.is_empty()).map(edit).collect()
}

pub(crate) fn edited(table: &Table, lines: &str) -> Table {
    let changes = table.plan(&edits(lines), Timestamp::from_micros(1)).unwrap();
    table.apply(&changes)
}

pub(crate) fn table(lines: &str) -> Table {
    edited(&Table::empty(), lines)
}
