//! `causeway.toml`: the static shape of a gateway. The routing table is data and never in here.
//!
//! Reading goes once over the file and collects every mistake with its line and column:
//!
//! ```text
//! text ── toml ──> tree with places ── sections/* ──> Config, or Mistakes
//!                                       each key is declared once, in its section's table:
//!                                       type, default, meaning, and whether a reload is enough
//! ```
//!
//! The same tables make `docs/reference/configuration.md` ([`reference()`]) and say on reload
//! what changed and what must wait ([`Config::reload`]). What the rest of the program gets has no text left to interpret.

mod check;
mod diff;
mod freeze;
mod host;
mod key;
mod load;
mod mistakes;
mod reader;
mod reference;
mod reload;
mod sections;
mod suggest;
mod types;
mod units;
mod url;
mod value;

#[cfg(test)]
mod tests;

pub use diff::{Change, Setting};
pub use freeze::{FreezeWindow, parse_time, zone_assumed};
pub use host::{Host, HostPort};
pub use mistakes::{Mistake, Mistakes};
pub use reference::reference;
pub use reload::Reload;
pub use types::{
    Admin, AdminRole, Alerts, BareNewline, BatchSynced, CertificateSenders, Chunking, Config,
    DeliverySettings, DeliveryTimeouts, DirectoryKind, DirectorySource, Hosts, IpPreference,
    LdapSource, LdapTls, Limits, Listener, Log, LogFormat, Oidc, OidcGroup, Portal, Rails,
    RailsCheck, RecipientCheck, RelayDomain, Role, Routing, SecondPerson, Server, Site,
    SpoolSettings, TlsFiles, TlsPolicy,
};
