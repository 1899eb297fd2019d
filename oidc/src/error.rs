//! Why somebody is not signed in.

use std::time::Duration;

/// In words for whoever looks at the page. None holds what the provider sent: `detail` of the log does.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The provider cannot be reached, or its answer is not what it should be.
    #[error("the identity provider does not answer as it should: {0}")]
    Provider(String),
    #[error("this sign-in was begun in another browser, took too long, or was finished already")]
    State,
    #[error("the identity provider did not let you in: {0}")]
    Denied(String),
    /// The token is not one that we accept.
    #[error("the identity provider's token is not valid: {0}")]
    Token(&'static str),
    #[error("you are {name}, and none of your groups may use this gateway")]
    NoGroup { name: String, subject: String },
    #[error("you are in so many groups that the identity provider did not list them")]
    TooManyGroups { name: String, subject: String },
    #[error("too many sign-ins from your network are under way: wait {} s", .0.as_secs())]
    Busy(Duration),
}

impl Error {
    /// Label of metrics, code of the audit log.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Provider(_) => "provider",
            Self::State => "state",
            Self::Denied(_) => "denied",
            Self::Token(_) => "token",
            Self::NoGroup { .. } => "no_group",
            Self::TooManyGroups { .. } => "too_many_groups",
            Self::Busy(_) => "throttled",
        }
    }
}
