//! What the rest of the program sees of the configuration: plain, checked values.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use ipnet::IpNet;
use mail::{Address, Domain, SiteName, Template, Unlisted};

use crate::value::Choice;
use crate::{FreezeWindow, HostPort, Mistakes, Setting};

/// A whole configuration that passed every check. Made only by [`Config::parse`] and [`Config::load`].
#[derive(Clone, Debug)]
pub struct Config {
    pub server: Server,
    /// At least one.
    pub listeners: Vec<Listener>,
    /// In the order of the file; at least one.
    pub sites: Vec<Site>,
    /// At least one; each name once.
    pub relay_domains: Vec<RelayDomain>,
    pub routing: Routing,
    pub rails: Rails,
    pub admin: Admin,
    pub oidc: Option<Oidc>,
    pub alerts: Alerts,
    pub portal: Option<Portal>,
    pub spool: SpoolSettings,
    pub limits: Limits,
    pub delivery: DeliverySettings,
    pub recipient_check: RecipientCheck,
    /// In the order of the file: the first that has an address has it.
    pub directories: Vec<DirectorySource>,
    pub log: Log,
    /// Every key with the value in force, as text, in the order of the reference page.
    pub(crate) settings: Vec<Setting>,
    pub(crate) warnings: Mistakes,
}

#[derive(Clone, Debug)]
pub struct Server {
    /// Banner, EHLO, `Received`, Message-ID of DSNs.
    pub hostname: Domain,
    /// Absolute, or relative to the folder of the configuration file and joined with it.
    pub data_dir: PathBuf,
    /// Never 0: the file's 0 became the number of processors.
    pub data_threads: usize,
    /// How long sessions and deliveries may finish after SIGTERM.
    pub shutdown_grace: Duration,
}

#[derive(Clone, Debug)]
pub struct Listener {
    pub name: String,
    /// Port 0 lets the system choose; the choice is written to `addresses.json`.
    pub bind: SocketAddr,
    pub role: Role,
    /// Without it STARTTLS is not offered.
    pub tls: Option<TlsFiles>,
    pub proxy_protocol_from: Vec<IpNet>,
    pub xclient_from: Vec<IpNet>,
    /// Role relay: who may send to any recipient, by network.
    pub relay_from: Vec<IpNet>,
    /// Who issues the certificates in `relay_certificates`.
    pub client_ca: Option<PathBuf>,
    /// Role relay: who may send to any recipient, by a DNS name in its certificate; lower case.
    pub relay_certificates: Vec<String>,
    pub relay_certificate_senders: CertificateSenders,
    pub bare_newline: BareNewline,
    /// These three lower the limit of the same name in [`Limits`] for one listener.
    pub connections_max: Option<usize>,
    pub recipients_max: Option<usize>,
    pub message_bytes_max: Option<u64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    /// Strangers, to relay domains only.
    Mx,
    /// The sites themselves, to anyone.
    Relay,
    /// Users who signed in.
    Submission,
}

/// Whose mail a client may bring that is admitted by its certificate alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CertificateSenders {
    Any,
    /// Reverse-paths of relay domains, and the null one.
    RelayDomains,
}

/// What becomes of a CR or LF that stands alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BareNewline {
    Reject,
    Normalize,
}

/// PEM files; both exist and are a pair, once [`Config::load`] is through.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsFiles {
    pub certificate: PathBuf,
    pub key: PathBuf,
}

#[derive(Clone, Debug)]
pub struct Site {
    pub name: SiteName,
    pub hosts: Hosts,
    pub tls: TlsPolicy,
    pub client_certificate: Option<TlsFiles>,
    /// Roots for `verify` instead of the system's.
    pub ca_file: Option<PathBuf>,
    pub connections_max: usize,
    pub recipients_per_message_max: usize,
    pub messages_per_connection_max: usize,
    /// The envelope recipient at this site.
    pub recipient: Template,
    pub ip: IpPreference,
    pub chunking: Chunking,
    /// While the site is down.
    pub probe_every: Duration,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Hosts {
    /// Tried in order; never empty.
    List(Vec<HostPort>),
    /// Whatever the MX of this domain says now.
    Mx(Domain),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TlsPolicy {
    None,
    Opportunistic,
    /// Encrypted, whoever it is.
    Require,
    /// Encrypted, and the certificate is that of the host.
    Verify,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum IpPreference {
    V4First,
    V6First,
    V4Only,
    V6Only,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Chunking {
    /// BDAT where it is offered.
    Auto,
    Never,
}

#[derive(Clone, Debug)]
pub struct RelayDomain {
    pub name: Domain,
    pub unlisted: Unlisted,
    /// Who must know a recipient that is not in the table; empty: nobody.
    pub directories: Vec<String>,
}

#[derive(Clone, Debug)]
pub struct Routing {
    /// `+` in `anna+news@…`; `None` when addresses have no tags.
    pub subaddress_separator: Option<char>,
    /// Who gets a second copy while a mailbox is syncing.
    pub copy_while_syncing: Option<SiteName>,
    /// Where a postmaster without an entry lives; `None`: see docs/ops/routing-rules.md.
    pub postmaster: Option<SiteName>,
    /// After this a cutover ends by itself, in the state and the home of before it.
    pub cutover_max: Duration,
}

/// What a change of the table is held against. All of it by reload.
#[derive(Clone, Debug)]
pub struct Rails {
    pub large_change_rows: Option<usize>,
    pub large_change_percent: Option<u8>,
    pub large_change_percent_from: usize,
    pub domain_row: bool,
    pub site_not_healthy: bool,
    pub loops: bool,
    pub recipient_check: RailsCheck,
    pub recipient_check_rows_max: usize,
    pub batch_synced: BatchSynced,
    pub batch_synced_age: Duration,
    pub second_person: SecondPerson,
    pub freeze: Vec<FreezeWindow>,
    pub plans_max: usize,
    pub plan_rows_max: usize,
    pub plan_lifetime: Duration,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Switch {
    On,
    Off,
}

/// Of which changes the future site is asked for the recipients.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RailsCheck {
    Off,
    Plans,
    All,
}

/// Which mailboxes must be copied before they move.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BatchSynced {
    Off,
    WhenReported,
    Required,
}

/// Which changes somebody other than their author must agree to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SecondPerson {
    Off,
    Large,
    Always,
}

impl Choice for Switch {
    const ALL: &'static [Self] = &[Self::On, Self::Off];
    const NAMES: &'static [&'static str] = &["on", "off"];
}

impl Choice for RailsCheck {
    const ALL: &'static [Self] = &[Self::Off, Self::Plans, Self::All];
    const NAMES: &'static [&'static str] = &["off", "plans", "all"];
}

impl Choice for BatchSynced {
    const ALL: &'static [Self] = &[Self::Off, Self::WhenReported, Self::Required];
    const NAMES: &'static [&'static str] = &["off", "when_reported", "required"];
}

impl Choice for SecondPerson {
    const ALL: &'static [Self] = &[Self::Off, Self::Large, Self::Always];
    const NAMES: &'static [&'static str] = &["off", "large", "always"];
}

#[derive(Clone, Debug)]
pub struct Admin {
    pub bind: SocketAddr,
    /// `None`: the first start writes `admin.token` into the data folder.
    pub token_file: Option<PathBuf>,
    pub trusted_proxies: Vec<IpNet>,
    pub stream_listeners_max: usize,
    pub session_idle: Duration,
    pub session_max: Duration,
    pub password_memory_bytes: u64,
    pub password_passes: u32,
    pub audit_kept: Duration,
}

/// Signing in by an OpenID Connect provider.
#[derive(Clone, Debug)]
pub struct Oidc {
    pub issuer: String,
    pub client_id: String,
    pub client_secret_file: Option<PathBuf>,
    /// Without a slash at the end.
    pub public_url: String,
    pub label: String,
    pub scopes: Vec<String>,
    pub name_claim: String,
    pub groups_claim: String,
    pub ca_file: Option<PathBuf>,
    pub timeout: Duration,
    pub signins_max: usize,
    /// At least one.
    pub groups: Vec<OidcGroup>,
}

#[derive(Clone, Debug)]
pub struct OidcGroup {
    pub group: String,
    pub role: AdminRole,
    pub domains: Vec<String>,
    pub batches: Vec<String>,
}

/// What somebody may do on the admin API.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AdminRole {
    Viewer,
    Operator,
    Approver,
    Administrator,
}

/// What is worth telling somebody, and whom.
#[derive(Clone, Debug)]
pub struct Alerts {
    pub site_after: Duration,
    pub mail_waits_over: Duration,
    pub free_bytes_under: u64,
    pub certificate_within: Duration,
    pub directory_after: Duration,
    /// `None`: no alert.
    pub break_glass_for: Option<Duration>,
    /// `None`: never.
    pub ledger_every: Option<Duration>,
    /// `None`: no alert.
    pub no_mail_for: Option<Duration>,
    /// Empty: always.
    pub working_hours: Vec<FreezeWindow>,
    pub mail_to: Option<Address>,
    /// Its address, and the file with the secret that signs.
    pub webhook: Option<(String, PathBuf)>,
    pub webhook_ca_file: Option<PathBuf>,
    pub webhook_timeout: Duration,
}

#[derive(Clone, Debug)]
pub struct Portal {
    pub bind: SocketAddr,
}

#[derive(Clone, Debug)]
pub struct SpoolSettings {
    pub segment_bytes: u64,
    /// Larger bodies get a file of their own.
    pub large_body_bytes: u64,
    pub free_bytes_min: u64,
    pub free_inodes_min: u64,
    pub bytes_max: Option<u64>,
    /// Bodies kept in memory between acceptance and their first attempt.
    pub memory_bodies_max: u64,
}

/// What strangers may use up. Source of the defaults: RFC 5321 §4.5.3 and the habits of Postfix.
#[derive(Clone, Debug)]
pub struct Limits {
    pub connections_max: usize,
    /// Per address of IPv4 and /64 of IPv6.
    pub connections_per_ip_max: usize,
    /// Per /24 of IPv4 and /48 of IPv6.
    pub connections_per_net_max: usize,
    pub recipients_max: usize,
    pub message_bytes_max: u64,
    pub header_bytes_max: u64,
    pub header_lines_max: usize,
    pub command_line_max: usize,
    pub data_line_max: usize,
    pub messages_per_session_max: usize,
    /// Errors after which replies slow down.
    pub errors_soft: usize,
    /// Errors after which the session ends.
    pub errors_hard: usize,
    pub junk_max: usize,
    pub unknown_recipients_soft: usize,
    pub unknown_recipients_hard: usize,
    pub hops_max: usize,
    pub greeting_timeout: Duration,
    pub command_timeout: Duration,
    pub command_timeout_stress: Duration,
    /// Bytes per second.
    pub data_rate_min: u64,
    pub data_block_timeout: Duration,
    pub tls_handshake_timeout: Duration,
    /// Percent of connections, descriptors or memory from which the stress time-outs hold.
    pub stress_at_percent: u8,
    pub memory_bytes_max: u64,
}

#[derive(Clone, Debug)]
pub struct DeliverySettings {
    /// Waits before the second, third, … attempt; the last one repeats. Never empty.
    pub retry: Vec<Duration>,
    pub lifetime: Duration,
    /// Lifetime of messages with a null reverse-path.
    pub dsn_lifetime: Duration,
    pub delay_notice_after: Option<Duration>,
    /// How long "no such mailbox" of a site is retried after the mailbox moved there.
    pub directory_lag_grace: Duration,
    /// For domains of strangers, instead of their MX; tried in order.
    pub smart_host: Option<Vec<HostPort>>,
    pub pipeline_messages_max: usize,
    pub timeouts: DeliveryTimeouts,
    pub mx_port: u16,
    /// `None`: the system's resolvers.
    pub resolver: Option<Vec<SocketAddr>>,
    /// How much of a message a DSN brings back.
    pub bounce_bytes_max: u64,
}

/// How long we wait for a next hop. Source: RFC 5321 §4.5.3.2, whose minima are the defaults.
#[derive(Clone, Debug)]
pub struct DeliveryTimeouts {
    pub connect: Duration,
    pub tls: Duration,
    pub greeting: Duration,
    pub ehlo: Duration,
    pub mail: Duration,
    pub rcpt: Duration,
    /// For the 354 after DATA.
    pub data: Duration,
    /// For progress while the body is written.
    pub data_block: Duration,
    /// For the reply after the final dot.
    pub data_done: Duration,
    pub quit: Duration,
}

/// Where recipients and their addresses are known from.
#[derive(Clone, Debug)]
pub struct DirectorySource {
    pub name: String,
    pub kind: DirectoryKind,
    /// How often it is read.
    pub refresh: Duration,
    /// Its copy counts as stale at this age; `None`: never.
    pub stale_after: Option<Duration>,
    /// A sync that takes away more addresses than both of these asks first.
    pub removals_max: usize,
    pub removals_percent_max: u8,
    /// More than this at once is asked about whatever its share.
    pub removals_always_ask: usize,
    pub recipients_max: usize,
    /// Addresses of one recipient.
    pub addresses_max: usize,
}

#[derive(Clone, Debug)]
pub enum DirectoryKind {
    Ldap(LdapSource),
    /// `None`: it comes by `causeway directory import`.
    Csv {
        file: Option<PathBuf>,
    },
    CallOut {
        site: SiteName,
    },
}

#[derive(Clone, Debug)]
pub struct LdapSource {
    /// `ldap://HOST:PORT` or `ldaps://HOST:PORT`.
    pub url: String,
    pub tls: LdapTls,
    pub ca_file: Option<PathBuf>,
    /// `None`: anonymous.
    pub bind: Option<(String, PathBuf)>,
    pub base: String,
    pub filter: String,
    pub page_size: u16,
    pub full_refresh: Duration,
    /// To connect, and for each answer.
    pub timeout: Duration,
    /// For one sync as a whole.
    pub sync_timeout: Duration,
}

/// What `ldap://` does about encryption; `ldaps://` always encrypts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LdapTls {
    StartTls,
    None,
}

/// How sites are asked whether they know a recipient, without mail.
#[derive(Clone, Debug)]
pub struct RecipientCheck {
    pub accepted_for: Duration,
    pub refused_for: Duration,
    /// After a site could not be reached it is not asked for so long.
    pub failed_for: Duration,
    pub cache_max: usize,
    pub connections_max: usize,
    pub recipients_per_second: u16,
    pub pause_after_refusal: Duration,
    pub rcpt_timeout: Duration,
    /// An answer that takes longer is a delayed one.
    pub slow_after: Duration,
    pub slow_max: usize,
    pub recipients_max: usize,
    pub time_max: Duration,
}

#[derive(Clone, Debug)]
pub struct Log {
    pub format: LogFormat,
    /// `info`, or `info,deliver=debug`.
    pub level: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    Text,
    Json,
}
