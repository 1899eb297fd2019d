//! How a key is declared. A section of the file is a table of these and a function that reads it.

/// One key of the configuration. Declared once: the reader, the reference page and the report of
/// a reload all go by this.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Key {
    pub(crate) name: &'static str,
    pub(crate) kind: Kind,
    pub(crate) default: Default,
    /// What it means, in one sentence for the reference page.
    pub(crate) meaning: &'static str,
    /// A reload is not enough.
    pub(crate) needs_restart: bool,
}

/// What a value must look like. Numbers carry the range that is accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A short name.
    Text,
    /// An address of mail.
    Mailbox,
    /// Whatever is not empty.
    Line,
    Domain,
    Path,
    /// `ADDRESS:PORT`
    Bind,
    Site,
    Template,
    /// One character, or `off`.
    Separator,
    /// Microseconds would be too fine: whole milliseconds and up, written `"30s"`.
    Duration {
        min_s: u64,
        max_s: u64,
    },
    /// Bytes, written `"64MiB"` or as a number.
    Size {
        min: u64,
        max: u64,
    },
    Count {
        min: u64,
        max: u64,
    },
    /// One of these words.
    OneOf(&'static [&'static str]),
    Level,
    Networks,
    Hosts,
    Addresses,
    Names,
    /// Whatever is not empty, several times.
    Lines,
    /// `https://…`, or `http://` to loopback.
    Url,
    /// Names of sections.
    Sections,
    Durations {
        max_s: u64,
    },
    /// When something is not done.
    Windows,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Default {
    Required,
    /// Nothing is set, and that has a meaning, given here.
    Absent(&'static str),
    /// The value as it would stand in the file.
    Value(&'static str),
}

impl Key {
    pub(crate) const fn new(
        name: &'static str,
        kind: Kind,
        default: Default,
        meaning: &'static str,
    ) -> Self {
        Self { name, kind, default, meaning, needs_restart: false }
    }

    /// Marks a key that is read only when the gateway starts.
    pub(crate) const fn at_start(mut self) -> Self {
        self.needs_restart = true;
        self
    }
}

impl Kind {
    /// What is wanted, for the reference page.
    pub(crate) fn describe(self) -> String {
        match self {
            Self::Text | Self::Line => "text".into(),
            Self::Mailbox => "address of mail".into(),
            Self::Domain => "domain name".into(),
            Self::Path => "path".into(),
            Self::Bind => "ADDRESS:PORT".into(),
            Self::Site => "name of a site".into(),
            Self::Template => "template".into(),
            Self::Separator => "one character, or `off`".into(),
            Self::Duration { min_s, max_s } => {
                format!("duration, {} to {}", span_text(min_s), span_text(max_s))
            }
            Self::Size { min, max } => format!("size, {} to {}", size_text(min), size_text(max)),
            Self::Count { min, max } => format!("number, {min} to {max}"),
            Self::OneOf(words) => words.join(", "),
            Self::Level => "log level".into(),
            Self::Networks => "list of networks".into(),
            Self::Hosts => "list of HOST or HOST:PORT".into(),
            Self::Addresses => "list of ADDRESS:PORT".into(),
            Self::Sections => "list of names".into(),
            Self::Names => "list of DNS names".into(),
            Self::Lines => "list of texts".into(),
            Self::Url => "address, https://…".into(),
            Self::Windows => "list of windows of time".into(),
            Self::Durations { max_s } => format!("list of durations up to {}", span_text(max_s)),
        }
    }
}

fn span_text(seconds: u64) -> String {
    crate::units::duration_text(std::time::Duration::from_secs(seconds))
}

fn size_text(bytes: u64) -> String {
    crate::units::size_text(bytes)
}
