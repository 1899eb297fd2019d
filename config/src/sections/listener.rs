//! `[[listener]]`

use super::limits::RECIPIENTS_MAX;
use crate::key::Default::{Absent, Required, Value};
use crate::key::{Key, Kind};
use crate::reader::{Found, Reader, Section};
use crate::types::{BareNewline, CertificateSenders, Listener, Role, TlsFiles};
use crate::value::Choice;

#[rustfmt::skip]
pub(crate) const KEYS: &[Key] = &[
    Key::new("name", Kind::Text, Required, "Names the listener in logs, metrics and trace; once only.").at_start(),
    Key::new("bind", Kind::Bind, Required, "Address to listen on. Port 0 lets the system choose; `addresses.json` in `data_dir` says what it chose.").at_start(),
    Key::new("role", Kind::OneOf(Role::NAMES), Required, "mx: anyone, to relay domains only. relay: the sites, to any recipient. submission: users who signed in; no version has it yet.").at_start(),
    Key::new("tls_certificate", Kind::Path, Absent("STARTTLS is not offered"), "Certificate chain, PEM. A new one in the same file is used after a reload.").at_start(),
    Key::new("tls_key", Kind::Path, Absent("STARTTLS is not offered"), "Private key of the certificate, PEM, not readable by everyone.").at_start(),
    Key::new("proxy_protocol_from", Kind::Networks, Value("[]"), "Load balancers: from these every connection must start with a PROXY header, version 1 or 2."),
    Key::new("xclient_from", Kind::Networks, Value("[]"), "Peers that may use XCLIENT to say who their client is."),
    Key::new("relay_from", Kind::Networks, Value("[]"), "Role relay: networks that may send to any recipient."),
    Key::new("client_ca", Kind::Path, Absent("no client certificate is asked for"), "Issuers of the certificates of `relay_certificates`, PEM.").at_start(),
    Key::new("relay_certificates", Kind::Names, Value("[]"), "Role relay: who may send to any recipient, by a DNS name in its client certificate."),
    Key::new("relay_certificate_senders", Kind::OneOf(CertificateSenders::NAMES), Value("\"any\""), "Role relay: who may stand in MAIL FROM of a client that is admitted by its certificate alone. relay_domains: an address in a relay domain, or nobody (`<>`)."),
    Key::new("bare_newline", Kind::OneOf(BareNewline::NAMES), Value("\"reject\""), "What becomes of a CR or LF that stands alone in a message. normalize is for trusted peers only."),
    Key::new("connections_max", Kind::Count { min: 1, max: 1_000_000 }, Absent("as in [limits]"), "Connections to this listener; beyond it 421 4.3.2."),
    Key::new("recipients_max", Kind::Count { min: 100, max: RECIPIENTS_MAX }, Absent("as in [limits]"), "Recipients of a message on this listener."),
    Key::new("message_bytes_max", Kind::Size { min: 1 << 16, max: 1 << 40 }, Absent("as in [limits]"), "Size of a message on this listener."),
];

impl Choice for Role {
    const ALL: &'static [Self] = &[Self::Mx, Self::Relay, Self::Submission];
    const NAMES: &'static [&'static str] = &["mx", "relay", "submission"];
}

impl Choice for CertificateSenders {
    const ALL: &'static [Self] = &[Self::Any, Self::RelayDomains];
    const NAMES: &'static [&'static str] = &["any", "relay_domains"];
}

impl Choice for BareNewline {
    const ALL: &'static [Self] = &[Self::Reject, Self::Normalize];
    const NAMES: &'static [&'static str] = &["reject", "normalize"];
}

/// `place` counts from 0 and names a listener that has no name.
pub(crate) fn read(reader: &mut Reader, place: usize, found: Found<'_, '_>) -> Listener {
    let written = found.table.and_then(|it| it.get("name")).and_then(|it| it.get_ref().as_str());
    let label = written.map_or_else(|| place.to_string(), |it| it.escape_debug().to_string());
    let mut section = reader.section(&format!("listener[{label}]"), KEYS, found);
    let listener = Listener {
        name: section.get("name"),
        bind: section.get("bind"),
        role: section.get("role"),
        tls: tls_files(&mut section, "tls_certificate", "tls_key"),
        proxy_protocol_from: section.get("proxy_protocol_from"),
        xclient_from: section.get("xclient_from"),
        relay_from: section.get("relay_from"),
        client_ca: section.path_opt("client_ca"),
        relay_certificates: section.get("relay_certificates"),
        relay_certificate_senders: section.get("relay_certificate_senders"),
        bare_newline: section.get("bare_newline"),
        connections_max: section.get_opt("connections_max"),
        recipients_max: section.get_opt("recipients_max"),
        message_bytes_max: section.get_opt("message_bytes_max"),
    };
    if let Some(role) = section.get_opt("role") {
        check_role(&mut section, role, &listener);
    }
    section.finish();
    listener
}

/// Both files or none.
pub(crate) fn tls_files(
    section: &mut Section<'_, '_, '_>,
    certificate: &'static str,
    key: &'static str,
) -> Option<TlsFiles> {
    match (section.path_opt(certificate), section.path_opt(key)) {
        (Some(certificate), Some(key)) => Some(TlsFiles { certificate, key }),
        _ => {
            for (here, there) in [(certificate, key), (key, certificate)] {
                if section.is_written(here) && !section.is_written(there) {
                    section.note(here, format!("write {there} as well, or neither"));
                }
            }
            None
        }
    }
}

fn check_role(section: &mut Section<'_, '_, '_>, role: Role, listener: &Listener) {
    match role {
        Role::Relay => check_relay(section, listener),
        Role::Mx => {
            if listener.bare_newline == BareNewline::Normalize {
                let message = "is for trusted peers only: a stranger's bare newline may be \
                               smuggling; write \"reject\", or leave it out";
                section.note("bare_newline", message);
            }
            for key in
                ["relay_from", "client_ca", "relay_certificates", "relay_certificate_senders"]
            {
                if section.is_written(key) {
                    section.note(key, "is for role = \"relay\" only: anyone may connect to an mx");
                }
            }
        }
        Role::Submission => section.note(
            "role",
            "this version has no sign-in: use \"relay\" with relay_from for hosts that send mail",
        ),
    }
}

fn check_relay(section: &mut Section<'_, '_, '_>, listener: &Listener) {
    let by_certificate = section.is_written("relay_certificates");
    if !section.is_written("relay_from") && !by_certificate {
        section.note(
            "role",
            "a relay must know its clients: write relay_from = [networks] or relay_certificates = [names]",
        );
    }
    if by_certificate && !section.is_written("client_ca") {
        section
            .note("relay_certificates", "write client_ca as well: who issues these certificates");
    }
    if by_certificate && listener.tls.is_none() {
        section.note(
            "relay_certificates",
            "certificates are shown in TLS: write tls_certificate and tls_key",
        );
    }
    if section.is_written("client_ca") && !by_certificate {
        section
            .note("client_ca", "write relay_certificates as well: whom of these issuers to admit");
    }
}
