//! The envelope of a message and where it came from.

use std::net::IpAddr;

use crate::{Address, ReversePath, SiteName};

/// What a client said in MAIL and RCPT, checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Envelope {
    pub reverse_path: ReversePath,
    pub recipients: Vec<Recipient>,
    pub body: BodyType,
    pub smtputf8: bool,
    /// `RET`, RFC 3461 §4.3.
    pub ret: Option<Ret>,
    /// `ENVID` in the xtext form in which it came, RFC 3461 §4.4; passed on unchanged.
    pub envid: Option<Box<str>>,
}

/// One recipient of an accepted message. Its place in [`Envelope::recipients`] names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recipient {
    pub address: Address,
    pub notify: Notify,
    /// `ORCPT` as it came (`rfc822;…` in xtext), RFC 3461 §4.2; passed on unchanged.
    pub orcpt: Option<Box<str>>,
    pub kind: RecipientKind,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RecipientKind {
    /// Named by the client; settled by delivery, bounce, expiry or an operator.
    Named,
    /// A second copy for `site` while a mailbox is syncing. Its failure is nobody's bounce.
    Copy { site: SiteName },
}

/// `BODY=`, RFC 6152 and RFC 3030.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum BodyType {
    #[default]
    SevenBit,
    EightBitMime,
    BinaryMime,
}

/// `RET=`, RFC 3461 §4.3.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ret {
    Full,
    Headers,
}

/// `NOTIFY=`, RFC 3461 §4.1. Without the parameter, failures and delays are reported.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Notify {
    /// The client gave the parameter, so it is passed on.
    pub explicit: bool,
    pub success: bool,
    pub failure: bool,
    pub delay: bool,
}

impl Notify {
    pub const DEFAULT: Self = Self { explicit: false, success: false, failure: true, delay: true };
    pub const NEVER: Self = Self { explicit: true, success: false, failure: false, delay: false };

    pub const fn is_never(self) -> bool {
        !self.success && !self.failure && !self.delay
    }
}

impl Default for Notify {
    fn default() -> Self {
        Self::DEFAULT
    }
}

/// How a message reached us; kept with it for trace and for `Received`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// The listener's name, or `internal` for mail that we made ourselves.
    pub listener: Box<str>,
    pub peer: Option<IpAddr>,
    /// The EHLO or HELO argument, printable ASCII.
    pub helo: Box<str>,
    pub protocol: Protocol,
    pub tls: Option<TlsInfo>,
    /// The subject name of a client certificate that was checked.
    pub client_certificate: Option<Box<str>>,
}

impl Origin {
    /// For DSNs and notices of our own.
    pub fn internal() -> Self {
        Self {
            listener: "internal".into(),
            peer: None,
            helo: "".into(),
            protocol: Protocol::Esmtp,
            tls: None,
            client_certificate: None,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    Smtp,
    Esmtp,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsInfo {
    /// `TLSv1.3`
    pub version: Box<str>,
    /// `TLS_AES_256_GCM_SHA384`
    pub cipher: Box<str>,
}
