//! The vocabulary that every other crate speaks: addresses, envelopes, replies, identifiers, time.
//! No I/O, no async, no clock: a value here was checked once, at the edge, and is never looked at again.

mod address;
mod domain;
mod envelope;
mod id;
mod reply;
mod site;
mod template;
mod time;

pub use address::{Address, AddressError, AddressKey, Path, ReversePath};
pub use domain::{Domain, DomainError};
pub use envelope::{
    BodyType, Envelope, Notify, Origin, Protocol, Recipient, RecipientKind, Ret, TlsInfo,
};
pub use id::{ParseIdError, SpoolId};
pub use reply::{Enhanced, Reply};
pub use site::{SiteName, Unlisted};
pub use template::{Template, TemplateError};
pub use time::{NotATime, Timestamp};
