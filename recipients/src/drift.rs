//! Where the table and the directories disagree.

use std::collections::BTreeMap;
use std::sync::Arc;

use mail::{Address, AddressKey, SiteName};
use router::{Domains, Entry, MoveState, Table};

use crate::{Recipient, Snapshot};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DriftKind {
    NotInTable,
    NotInDirectory,
    HomeDiffers,
    AliasDiffers,
    AliasConflict,
}

/// One disagreement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Drift {
    pub address: Address,
    pub kind: DriftKind,
    pub table: Option<String>,
    pub directory: Option<String>,
    /// What `causeway` is to be told, as words of a command line.
    pub suggestion: Option<Vec<String>>,
}

/// At most `limit` addresses after `after` that are in disagreement, each with all its
/// disagreements; sorted. Reads all of both once.
pub fn drift(
    table: &Table,
    snapshot: &Snapshot,
    domains: &Domains,
    after: Option<&AddressKey>,
    limit: usize,
) -> Vec<(AddressKey, Vec<Drift>)> {
    let mut page = Page { after, limit, rows: BTreeMap::new() };
    for found in snapshot.iter() {
        let address = &found.recipient.address;
        let names = domains.directories(address.domain());
        // Whom several sources know is looked at once.
        let first = snapshot.find_in(names, &address.key());
        let is_ours = first.is_some_and(|it| Arc::ptr_eq(&it.recipient, &found.recipient));
        if is_ours && found.recipient.kind.is_mailbox() {
            page.look(address, |out| of_recipient(table, domains, &found.recipient, out));
        }
    }
    for entry in table.iter() {
        let names = domains.directories(entry.address.domain());
        // Of what was never read, or is only asked one by one, nothing is known.
        if names.iter().any(|it| snapshot.was_read(it)) {
            page.look(&entry.address, |out| of_entry(snapshot, names, entry, out));
        }
    }
    page.rows.into_iter().collect()
}

struct Page<'a> {
    after: Option<&'a AddressKey>,
    limit: usize,
    rows: BTreeMap<AddressKey, Vec<Drift>>,
}

impl Page<'_> {
    fn look(&mut self, address: &Address, find: impl FnOnce(&mut Vec<Drift>)) {
        let key = address.key();
        let is_late = self.rows.len() >= self.limit
            && self.rows.last_key_value().is_some_and(|(last, _)| key > *last);
        if is_late || self.after.is_some_and(|it| key <= *it) {
            return;
        }
        let mut out = Vec::new();
        find(&mut out);
        if !out.is_empty() {
            self.rows.entry(key).or_default().append(&mut out);
            if self.rows.len() > self.limit {
                self.rows.pop_last();
            }
        }
    }
}

fn of_recipient(table: &Table, domains: &Domains, who: &Recipient, out: &mut Vec<Drift>) {
    let mut entries: Vec<&Entry> = Vec::new();
    for address in who.addresses() {
        if let Some(listed) = table.find(&address.key()) {
            let entry = listed.entry();
            if !entries.iter().any(|it| it.address == entry.address) {
                entries.push(entry);
            }
        }
    }
    let side = if who.is_remote() { "moved away" } else { "at its own side" };
    let directory = match &who.target {
        Some(target) => format!("{}, {side}, sent on to {target}", who.kind.as_str()),
        None => format!("{}, {side}", who.kind.as_str()),
    };
    let home = home_of(domains, who);
    match entries.as_slice() {
        [] => out.push(Drift {
            address: who.address.clone(),
            kind: DriftKind::NotInTable,
            table: None,
            directory: Some(directory),
            suggestion: home.map(|it| set(&who.address, it)),
        }),
        [first, rest @ ..] => {
            if is_moved(first, domains) != who.is_remote() {
                out.push(Drift {
                    address: who.address.clone(),
                    kind: DriftKind::HomeDiffers,
                    table: Some(format!("{}, state {}", first.home, first.state)),
                    directory: Some(directory),
                    suggestion: home
                        .filter(|it| **it != first.home)
                        .map(|it| set(&first.address, it)),
                });
            }
            out.extend(rest.iter().map(|other| Drift {
                address: who.address.clone(),
                kind: DriftKind::AliasConflict,
                table: Some(format!("{} and {} are two mailboxes", first.address, other.address)),
                directory: Some(format!("both are addresses of {}", who.address)),
                suggestion: None,
            }));
        }
    }
}

fn of_entry(snapshot: &Snapshot, names: &[Box<str>], entry: &Entry, out: &mut Vec<Drift>) {
    let key = entry.address.key();
    let mut keys = std::iter::once(key.clone()).chain(entry.aliases.iter().map(Address::key));
    let Some(found) = keys.find_map(|it| snapshot.find_in(names, &it)) else {
        return out.push(Drift {
            address: entry.address.clone(),
            kind: DriftKind::NotInDirectory,
            table: Some(format!("{}, state {}", entry.home, entry.state)),
            directory: None,
            // One that was not read may know it.
            suggestion: names
                .iter()
                .all(|it| snapshot.was_read(it))
                .then(|| words(["route", "remove", &entry.address.to_string()])),
        });
    };
    let who = &found.recipient;
    for alias in entry.aliases.iter().filter(|it| !who.has(&it.key())) {
        let other = snapshot.find_in(names, &alias.key()).map(|it| &it.recipient.address);
        let kept = entry.aliases.iter().filter(|it| *it != alias).map(Address::to_string);
        let kept = kept.collect::<Vec<_>>().join(",");
        let address = entry.address.to_string();
        out.push(Drift {
            address: entry.address.clone(),
            kind: other.map_or(DriftKind::AliasDiffers, |_| DriftKind::AliasConflict),
            table: Some(format!("{alias} is an alias of it")),
            directory: other.map(|it| format!("{alias} is an address of {it}")),
            suggestion: Some(words(["route", "set", &address, "--aliases", &kept])),
        });
    }
}

/// It does not live any more where its domain's mailboxes come from.
fn is_moved(entry: &Entry, domains: &Domains) -> bool {
    match entry.state {
        MoveState::Cloud | MoveState::Settled => true,
        MoveState::OnPrem | MoveState::Syncing | MoveState::Cutover => {
            domains.origin(entry.address.domain()).is_some_and(|it| *it != entry.home)
        }
    }
}

/// Where it would live by the directory's word: plain when there are two sides.
fn home_of<'a>(domains: &'a Domains, who: &Recipient) -> Option<&'a SiteName> {
    let origin = domains.origin(who.address.domain())?;
    if !who.is_remote() {
        return Some(origin);
    }
    let mut others = domains.sites().filter(|it| *it != origin);
    let other = others.next()?;
    others.next().is_none().then_some(other)
}

fn set(address: &Address, home: &SiteName) -> Vec<String> {
    words(["route", "set", &address.to_string(), "--home", home.as_str()])
}

fn words<const N: usize>(words: [&str; N]) -> Vec<String> {
    words.map(str::to_owned).into()
}

#[cfg(test)]
mod tests {
    use mail::{Template, Timestamp, Unlisted};
    use router::Rules;

    use super::*;
    use crate::{Kind, People};

    fn entry(address: &str, home: &str, state: MoveState, aliases: &[&str]) -> Entry {
        Entry {
            address: address.parse().unwrap(),
            home: SiteName::new(home),
            state,
            batch: None,
            cloud_address: None,
            aliases: aliases.iter().map(|it| it.parse().unwrap()).collect(),
            note: None,
            changed_at: Timestamp::from_micros(0),
            generation: 1,
        }
    }

    fn person(address: &str, others: &[&str], kind: Kind) -> Arc<Recipient> {
        Arc::new(Recipient {
            id: address.into(),
            address: address.parse().unwrap(),
            others: others.iter().map(|it| it.parse().unwrap()).collect(),
            x500: Box::default(),
            target: None,
            kind,
            usn: 0,
        })
    }

    fn domains() -> Domains {
        let ours: mail::Domain = "x.example".parse().unwrap();
        let site = |it| (SiteName::new(it), Template::Unchanged);
        Domains::from(Rules {
            relay_domains: vec![(ours.clone(), Unlisted::Site(SiteName::new("on_prem")))],
            directories: [(ours, ["ad".into()].into())].into(),
            sites: vec![site("on_prem"), site("cloud")],
            ..Rules::default()
        })
    }

    #[test]
    fn each_disagreement_has_its_kind_and_pages_go_on_where_they_ended() {
        let rows = [
            entry("agreed@x.example", "cloud", MoveState::Cloud, &["also@x.example"]),
            entry("behind@x.example", "on_prem", MoveState::OnPrem, &[]),
            entry("gone@x.example", "on_prem", MoveState::OnPrem, &[]),
            entry(
                "more@x.example",
                "on_prem",
                MoveState::OnPrem,
                &["odd@x.example", "b2@x.example"],
            ),
            entry("two@x.example", "on_prem", MoveState::OnPrem, &[]),
        ];
        let table = Table::from_rows(7, rows.into_iter());
        let people: People = [
            person("agreed@x.example", &["also@x.example"], Kind::RemoteUser),
            person("behind@x.example", &["b2@x.example"], Kind::RemoteUser),
            person("more@x.example", &["two@x.example"], Kind::User),
            person("new@x.example", &[], Kind::Shared),
            person("list@x.example", &[], Kind::Group),
            person("new@elsewhere.example", &[], Kind::User),
        ]
        .map(|it| (it.id.clone(), it))
        .into();
        let source: Arc<str> = "ad".into();
        let snapshot = Snapshot::new([(&source, &people)].into_iter());
        let all = drift(&table, &snapshot, &domains(), None, 100);
        let shown: Vec<_> = all
            .iter()
            .flat_map(|it| &it.1)
            .map(|it| format!("{} {:?} {:?}", it.address.local(), it.kind, it.suggestion))
            .collect();
        let text = shown.join("\n").replace("\", \"", " ").replace("@x.example", "");
        assert_eq!(
            text,
            "behind HomeDiffers Some([\"route set behind --home cloud\"])\n\
             behind AliasConflict None\n\
             gone NotInDirectory Some([\"route remove gone\"])\n\
             more AliasConflict None\n\
             more AliasDiffers Some([\"route set more --aliases b2\"])\n\
             more AliasConflict Some([\"route set more --aliases odd\"])\n\
             new NotInTable Some([\"route set new --home on_prem\"])"
        );
        let (mut after, mut paged) = (None, Vec::new());
        loop {
            let page = drift(&table, &snapshot, &domains(), after.as_ref(), 1);
            let Some((key, _)) = page.last() else { break };
            after = Some(key.clone());
            paged.extend(page);
        }
        assert_eq!(paged, all);
    }

    #[test]
    fn what_was_never_read_has_nobody_removed() {
        let rows = [entry("anna@x.example", "on_prem", MoveState::OnPrem, &[])];
        let table = Table::from_rows(1, rows.into_iter());
        let (people, source): (People, Arc<str>) = (People::new(), "ad".into());
        let snapshot = Snapshot::new([(&source, &people)].into_iter());
        assert_eq!(drift(&table, &snapshot, &domains(), None, 100), []);
    }
}
