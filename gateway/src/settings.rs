//! What a listener's sessions go by, made from the configuration and swapped whole at a reload.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use config::{BareNewline, CertificateSenders, Config, Limits, Listener, Role};
use ipnet::IpNet;
use mail::{Domain, Reply, ReversePath};
use smtp::server::Rules;

use crate::limits::ConnectionLimits;

#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub(crate) role: Role,
    pub(crate) rules: Arc<Rules>,
    pub(crate) times: Times,
    pub(crate) connections: ConnectionLimits,
    pub(crate) proxy_from: Vec<IpNet>,
    pub(crate) xclient_from: Vec<IpNet>,
    pub(crate) relay_from: Vec<IpNet>,
    pub(crate) relay_certificates: Vec<String>,
    /// Whom clients that are admitted by certificate may send for; `None`: for anybody.
    pub(crate) certificate_senders: Option<Vec<Domain>>,
}

/// Who asks to send.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sender<'a> {
    /// `None` when nobody knows it: then it is admitted nowhere.
    pub(crate) address: Option<IpAddr>,
    pub(crate) certificate: Option<&'a str>,
    pub(crate) reverse_path: &'a ReversePath,
}

const NOT_ADMITTED: Reply =
    Reply::new(550, (5, 7, 1), "Neither your network nor your certificate is admitted here");
const NOT_YOUR_SENDER: Reply =
    Reply::new(550, (5, 7, 1), "Your certificate is admitted for senders of our domains only");

/// How long a client may take.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Times {
    /// To the first EHLO, and for a proxy's header.
    pub(crate) greeting: Duration,
    /// For a whole command, and for taking our replies.
    pub(crate) command: Duration,
    /// Instead of every other one, under stress.
    pub(crate) stress: Duration,
    /// Between two pieces of a body; also the head start of `data_rate_min`.
    pub(crate) data_block: Duration,
    /// Octets a second that a body must make on the whole.
    pub(crate) data_rate_min: u64,
    pub(crate) handshake: Duration,
}

impl Settings {
    pub(crate) fn new(config: &Config, listener: &Listener) -> Self {
        let limits = &config.limits;
        Self {
            role: listener.role,
            rules: Arc::new(rules(config, listener)),
            times: Times {
                greeting: limits.greeting_timeout,
                command: limits.command_timeout,
                stress: limits.command_timeout_stress,
                data_block: limits.data_block_timeout,
                data_rate_min: limits.data_rate_min.max(1),
                handshake: limits.tls_handshake_timeout,
            },
            connections: ConnectionLimits {
                all: limits.connections_max,
                on_listener: listener.connections_max.unwrap_or(usize::MAX),
                per_ip: limits.connections_per_ip_max,
                per_net: limits.connections_per_net_max,
            },
            proxy_from: listener.proxy_protocol_from.clone(),
            xclient_from: listener.xclient_from.clone(),
            relay_from: listener.relay_from.clone(),
            relay_certificates: listener.relay_certificates.clone(),
            certificate_senders: certificate_senders(config, listener),
        }
    }

    /// Whether a client may send at all. A listener for the sites is for nobody else.
    pub(crate) fn admit(&self, sender: Sender<'_>) -> Result<(), Reply> {
        match self.role {
            Role::Mx => Ok(()),
            Role::Submission => Err(NOT_ADMITTED),
            Role::Relay if sender.address.is_some_and(|it| contains(&self.relay_from, it)) => {
                Ok(())
            }
            Role::Relay => self.admit_by_certificate(sender),
        }
    }

    fn admit_by_certificate(&self, sender: Sender<'_>) -> Result<(), Reply> {
        let is_known = |it| self.relay_certificates.iter().any(|name| name == it);
        if !sender.certificate.is_some_and(is_known) {
            return Err(NOT_ADMITTED);
        }
        match (&self.certificate_senders, sender.reverse_path) {
            (None, _) | (_, ReversePath::Null) => Ok(()),
            (Some(ours), ReversePath::Mailbox(it)) if ours.contains(it.domain()) => Ok(()),
            (Some(_), ReversePath::Mailbox(_)) => Err(NOT_YOUR_SENDER),
        }
    }

    /// Of the names a client proved, the one that matters: an admitted one, else the first.
    pub(crate) fn pick_name(&self, names: Vec<String>) -> Option<Box<str>> {
        let admitted = names.iter().position(|it| self.relay_certificates.contains(it));
        names.into_iter().nth(admitted.unwrap_or(0)).map(String::into_boxed_str)
    }
}

fn certificate_senders(config: &Config, listener: &Listener) -> Option<Vec<Domain>> {
    match listener.relay_certificate_senders {
        CertificateSenders::Any => None,
        CertificateSenders::RelayDomains => {
            Some(config.relay_domains.iter().map(|it| it.name.clone()).collect())
        }
    }
}

/// Version 4 addresses that arrive on a version 6 socket count as what they are.
pub(crate) fn contains(nets: &[IpNet], address: IpAddr) -> bool {
    let address = address.to_canonical();
    nets.iter().any(|it| it.contains(&address))
}

fn rules(config: &Config, listener: &Listener) -> Rules {
    let limits = &config.limits;
    let mut rules = Rules::new(config.server.hostname.clone());
    rules.from_strangers = listener.role == Role::Mx;
    rules.starttls = listener.tls.is_some();
    rules.bare_newline = match listener.bare_newline {
        BareNewline::Reject => smtp::server::BareNewline::Reject,
        BareNewline::Normalize => smtp::server::BareNewline::Normalize,
    };
    limit(&mut rules, limits);
    if listener.role == Role::Relay {
        trust(&mut rules);
    }
    if let Some(max) = listener.recipients_max {
        rules.recipients_max = rules.recipients_max.min(max);
    }
    if let Some(max) = listener.message_bytes_max {
        rules.message_bytes_max = rules.message_bytes_max.min(max);
    }
    rules
}

/// Lines of any length that some program of the sites may write.
const TRUSTED_LINE_MAX: u64 = 65_536;

/// The sites pass on what their users write: they do not guess addresses, and the mail has come
/// through their own checks.
fn trust(rules: &mut Rules) {
    rules.unknown_recipients_soft = u32::MAX;
    rules.unknown_recipients_hard = u32::MAX;
    rules.data_line_max = rules.data_line_max.max(TRUSTED_LINE_MAX);
}

fn limit(rules: &mut Rules, limits: &Limits) {
    rules.message_bytes_max = limits.message_bytes_max;
    rules.recipients_max = limits.recipients_max;
    rules.header_bytes_max = usize::try_from(limits.header_bytes_max).unwrap_or(usize::MAX);
    rules.header_lines_max = limits.header_lines_max;
    rules.hops_max = limits.hops_max;
    rules.command_line_max = limits.command_line_max;
    rules.data_line_max = limits.data_line_max as u64;
    rules.messages_per_session_max = count(limits.messages_per_session_max);
    rules.errors_soft = count(limits.errors_soft);
    rules.errors_hard = count(limits.errors_hard);
    rules.junk_max = count(limits.junk_max);
    rules.unknown_recipients_soft = count(limits.unknown_recipients_soft);
    rules.unknown_recipients_hard = count(limits.unknown_recipients_hard);
}

fn count(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}
