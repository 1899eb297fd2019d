//! Who exists beyond the table: what directories know, as routing asks for it.

use std::fmt;

use mail::{Address, AddressKey, Reply, SiteName};

/// What directories know at one moment.
pub trait Known: fmt::Debug + Sync {
    /// Whom one of these directories has with this address, as it stands.
    fn find(&self, directories: &[Box<str>], key: &AddressKey) -> Option<KnownAs<'_>>;
    /// Whom the X.500 name in an IMCEAEX address means.
    fn find_encapsulated(&self, directories: &[Box<str>], local: &str) -> Option<KnownAs<'_>>;
    /// Whether the word of the directory of this name is good.
    fn trust(&self, directory: &str) -> Trust;
}

/// A recipient with all its addresses.
#[derive(Clone, Copy, Debug)]
pub struct KnownAs<'a> {
    pub source: &'a str,
    pub address: &'a Address,
    pub others: &'a [Address],
}

/// How good a directory's word is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trust {
    Fresh,
    /// Whom it does not know may exist all the same.
    Stale,
    /// It knows nobody: the site is to be asked.
    CallOut(SiteName),
}

/// What the directories of a domain say of a recipient that the table does not list.
#[derive(Clone, Debug)]
pub enum Found<'a> {
    Known {
        who: KnownAs<'a>,
        /// By the X.500 name in it: nobody else knows that address.
        encapsulated: bool,
    },
    Unknown {
        /// The first of them whose word is not good.
        stale: Option<Box<str>>,
        ask: Option<SiteName>,
    },
}

/// Whether an address that the table does not list may be written to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Doubt {
    /// Nobody has it.
    NoSuch,
    /// That is not known at the moment.
    NotNow,
    /// `site` knows. A refusal of it is `or_else`, because somebody else may know better.
    Ask { site: SiteName, or_else: Reply },
}

pub const NO_MAILBOX: Reply = Reply::new(550, (5, 1, 1), "No such mailbox");
/// X.4.3 is a failure of the directory. RFC 3463 §3.5.
pub const NOT_KNOWN_NOW: Reply =
    Reply::new(451, (4, 4, 3), "Whether this mailbox exists is not known now, try again later");

impl Doubt {
    /// What a client hears when nobody is asked.
    pub const fn reply(&self) -> Reply {
        match self {
            Self::NoSuch => NO_MAILBOX,
            Self::NotNow | Self::Ask { .. } => NOT_KNOWN_NOW,
        }
    }
}

impl<'a> Found<'a> {
    /// Asks the directories named `names`. `base`: the key without its tag.
    pub(crate) fn ask(
        known: &'a dyn Known,
        names: &[Box<str>],
        local: &str,
        key: &AddressKey,
        base: Option<&AddressKey>,
    ) -> Self {
        if let Some(who) = known.find(names, key).or_else(|| known.find(names, base?)) {
            return Self::Known { who, encapsulated: false };
        }
        if let Some(who) = known.find_encapsulated(names, local) {
            return Self::Known { who, encapsulated: true };
        }
        let (mut stale, mut ask) = (None, None);
        for name in names {
            match known.trust(name) {
                Trust::Fresh => (),
                Trust::Stale => stale = stale.or_else(|| Some(name.clone())),
                Trust::CallOut(site) => ask = ask.or(Some(site)),
            }
        }
        Self::Unknown { stale, ask }
    }
}

impl Found<'_> {
    pub(crate) fn doubt(&self) -> Option<Doubt> {
        match self {
            Self::Known { .. } => None,
            Self::Unknown { stale, ask: Some(site) } => {
                let or_else = if stale.is_some() { NOT_KNOWN_NOW } else { NO_MAILBOX };
                Some(Doubt::Ask { site: site.clone(), or_else })
            }
            Self::Unknown { stale: Some(_), ask: None } => Some(Doubt::NotNow),
            Self::Unknown { stale: None, ask: None } => Some(Doubt::NoSuch),
        }
    }
}
