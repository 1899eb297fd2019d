//! What an operator, a file or a batch asks of the table.

use mail::{Address, AddressKey, SiteName, Timestamp};

use crate::{Domains, Entry, MoveState};

/// Exchange knows up to about this many proxy addresses of a mailbox.
const ALIASES_MAX: usize = 1000;
const BATCH_CHARS_MAX: usize = 100;
const NOTE_CHARS_MAX: usize = 1000;

/// One wish. What it comes to depends on the row that is there: see [`crate::Table::plan`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Edit {
    Put(Box<Put>),
    Remove(AddressKey),
}

/// Makes or changes a row. What is not said stays as it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Put {
    pub address: Address,
    pub home: SiteName,
    /// False: `home` is what it was when somebody looked. What the row has when it is changed wins,
    /// and a row that is gone by then is not made again.
    pub home_said: bool,
    pub state: StateRule,
    pub batch: Field<Box<str>>,
    pub cloud_address: Field<Address>,
    pub aliases: Field<Box<[Address]>>,
    pub note: Field<Box<str>>,
}

/// What becomes of a field that need not be there.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub enum Field<T> {
    #[default]
    Keep,
    Clear,
    Is(T),
}

impl<T: Clone> Field<T> {
    fn over(&self, before: Option<&T>) -> Option<T> {
        match self {
            Self::Keep => before.cloned(),
            Self::Clear => None,
            Self::Is(value) => Some(value.clone()),
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StateRule {
    Is(MoveState),
    /// Nothing was said: the state stays while the home stays; a new home brings `otherwise`.
    Keep {
        otherwise: MoveState,
    },
}

/// What is wrong with an edit; `column` as in the files of the table.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{address}: {column}: {message}")]
pub struct Problem {
    pub address: String,
    pub column: &'static str,
    pub message: String,
}

impl Put {
    /// A row of which only address and home are said. A mailbox that does not live where its
    /// domain comes from counts as moved: see [`Domains::origin`].
    pub fn new(address: Address, home: SiteName, domains: &Domains) -> Self {
        let moved = domains.origin(address.domain()).is_some_and(|it| *it != home);
        let otherwise = if moved { MoveState::Cloud } else { MoveState::OnPrem };
        Self {
            address,
            home,
            home_said: true,
            state: StateRule::Keep { otherwise },
            batch: Field::Keep,
            cloud_address: Field::Keep,
            aliases: Field::Keep,
            note: Field::Keep,
        }
    }

    /// What can be told without looking into a table.
    pub fn problems(&self, domains: &Domains) -> Vec<Problem> {
        let mut problems = Vec::new();
        let mut note = |column, message: String| {
            problems.push(Problem { address: self.address.to_string(), column, message });
        };
        if !domains.is_relay_domain(self.address.domain()) {
            let domain = self.address.domain();
            note("address", format!("{domain} is not a relay domain: add it to the configuration"));
        }
        if !domains.has_site(&self.home) {
            note("home", format!("there is no site {}: want {}", self.home, domains.site_list()));
        }
        for (column, field, max) in
            [("batch", &self.batch, BATCH_CHARS_MAX), ("note", &self.note, NOTE_CHARS_MAX)]
        {
            if let Field::Is(text) = field
                && let Some(message) = not_one_line(text, max)
            {
                note(column, message);
            }
        }
        if let Field::Is(aliases) = &self.aliases {
            if aliases.len() > ALIASES_MAX {
                note("aliases", format!("want at most {ALIASES_MAX} aliases"));
            }
            for alias in aliases.iter().filter(|it| !domains.is_relay_domain(it.domain())) {
                note("aliases", format!("the domain of {alias} is not a relay domain"));
            }
        }
        if let Field::Is(address) = &self.cloud_address
            && address.domain().is_literal()
        {
            note("cloud_address", "want a domain name after the @".to_owned());
        }
        problems
    }

    /// It was to change a row that is not there any more.
    pub(crate) fn gone(&self) -> Problem {
        let message = "the row was removed meanwhile: name a home to make it again".to_owned();
        Problem { address: self.address.to_string(), column: "home", message }
    }

    /// The row that this makes of `before`.
    pub(crate) fn over(&self, before: Option<&Entry>, generation: u64, at: Timestamp) -> Entry {
        let kept = before.filter(|_| !self.home_said).map(|it| &it.home);
        let home = kept.unwrap_or(&self.home);
        let state = match (self.state, before) {
            (StateRule::Is(state), _) => state,
            (StateRule::Keep { .. }, Some(before)) if before.home == *home => before.state,
            (StateRule::Keep { otherwise }, _) => otherwise,
        };
        let aliases = self.aliases.over(before.map(|it| &it.aliases)).unwrap_or_default();
        Entry {
            home: home.clone(),
            state,
            batch: self.batch.over(before.and_then(|it| it.batch.as_ref())),
            cloud_address: self.cloud_address.over(before.and_then(|it| it.cloud_address.as_ref())),
            aliases: tidy(&self.address, aliases),
            note: self.note.over(before.and_then(|it| it.note.as_ref())),
            address: self.address.clone(),
            changed_at: at,
            generation,
        }
    }
}

/// Batches and notes are shown in lists and written to files: one plain line.
fn not_one_line(text: &str, max: usize) -> Option<String> {
    if text.is_empty() || text.chars().count() > max {
        return Some(format!("want 1 to {max} characters"));
    }
    let plain = text.trim() == text && !text.chars().any(char::is_control);
    (!plain).then(|| "want one line, without spaces at its ends".to_owned())
}

/// Sorted, each mailbox once, without the address itself.
fn tidy(address: &Address, aliases: Box<[Address]>) -> Box<[Address]> {
    if aliases.is_empty() {
        return aliases;
    }
    let own = address.key();
    let mut keyed: Vec<(AddressKey, Address)> =
        aliases.into_iter().map(|it| (it.key(), it)).filter(|(key, _)| *key != own).collect();
    keyed.sort_by(|(a, _), (b, _)| a.cmp(b));
    keyed.dedup_by(|(a, _), (b, _)| a == b);
    keyed.into_iter().map(|(_, it)| it).collect()
}
