//! `host[:port]` of a next hop.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};

use mail::Domain;

/// A next hop as the configuration names it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct HostPort {
    pub host: Host,
    pub port: u16,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Host {
    Name(Domain),
    Ip(IpAddr),
}

/// What SMTP servers listen on. Source: RFC 5321 §4.5.4.2.
const SMTP_PORT: u16 = 25;

impl HostPort {
    /// `mail.example`, `mail.example:2525`, `10.0.0.5:25`, `[2001:db8::5]:25`. The error says
    /// what to write instead.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        if let Ok(ip) = text.parse::<Ipv6Addr>() {
            return Err(format!("an IPv6 address needs brackets: \"[{ip}]:25\""));
        }
        let (host, port) = split_port(text)?;
        let inner = host.strip_prefix('[').and_then(|it| it.strip_suffix(']'));
        let host = match inner {
            Some(v6) => v6
                .parse()
                .map(|it| Host::Ip(IpAddr::V6(it)))
                .map_err(|_| format!("not an IPv6 address: {v6:?}"))?,
            None => parse_host(host)?,
        };
        Ok(Self { host, port })
    }
}

fn split_port(text: &str) -> Result<(&str, u16), String> {
    let Some((host, port)) = text.rsplit_once(':').filter(|_| !text.ends_with(']')) else {
        return Ok((text, SMTP_PORT));
    };
    match port.parse::<u16>() {
        Ok(number) if number > 0 => Ok((host, number)),
        _ => Err(format!("want a port from 1 to 65535 after the colon, not {port:?}")),
    }
}

fn parse_host(host: &str) -> Result<Host, String> {
    if let Ok(ip) = host.parse::<IpAddr>() {
        return Ok(Host::Ip(ip));
    }
    let looks_like_ip = host.bytes().all(|it| it.is_ascii_digit() || it == b'.');
    match host.parse::<Domain>() {
        Ok(name) if !looks_like_ip => Ok(Host::Name(name)),
        Ok(_) => Err(format!("not an IP address: {host:?}")),
        Err(why) => Err(format!("want HOST or HOST:PORT, as in \"mail.example:25\": {why}")),
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => write!(f, "{name}"),
            Self::Ip(ip) => write!(f, "{ip}"),
        }
    }
}

impl fmt::Display for HostPort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.host {
            Host::Ip(IpAddr::V6(ip)) => write!(f, "[{ip}]:{}", self.port),
            host => write!(f, "{host}:{}", self.port),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn port_25_is_meant_when_none_is_said() {
        let form = |text: &str| HostPort::parse(text).map(|it| it.to_string());
        assert_eq!(form("Mail.Example"), Ok("mail.example:25".into()));
        assert_eq!(form("10.0.0.5:2525"), Ok("10.0.0.5:2525".into()));
        assert_eq!(form("[2001:DB8::5]"), Ok("[2001:db8::5]:25".into()));
        assert_eq!(form("[::1]:26"), Ok("[::1]:26".into()));
    }

    #[test]
    fn what_is_no_host_is_refused() {
        for bad in [
            "",
            ":25",
            "a:",
            "a:0",
            "a:65536",
            "a:x",
            "::1",
            "[::1",
            "[10.0.0.1]",
            "10.0.0.256",
            "a b",
        ] {
            assert!(HostPort::parse(bad).is_err(), "{bad}");
        }
    }
}
