//! What a server says it can do.

use mail::Reply;

/// The extensions of an EHLO reply that change what we send. All off after HELO.
///
/// Keywords that we do not know, among them every private `X-…` of Exchange, change nothing.
///
/// Source: RFC 5321 §4.1.1.1 and the RFC named at each field.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Capabilities {
    /// RFC 2920.
    pub pipelining: bool,
    /// RFC 1870.
    pub size: bool,
    /// Largest message in octets; `None` when no limit was named.
    pub size_max: Option<u64>,
    /// RFC 6152.
    pub eight_bit_mime: bool,
    /// RFC 3030 §3.
    pub binary_mime: bool,
    /// RFC 3030 §2.
    pub chunking: bool,
    /// RFC 6531.
    pub smtputf8: bool,
    /// RFC 3461.
    pub dsn: bool,
    /// RFC 3207.
    pub starttls: bool,
    /// RFC 2034.
    pub enhanced_status_codes: bool,
    pub limits: Limits,
}

/// `LIMITS`; `None` where the server named none. A limit of zero is no limit.
///
/// Source: RFC 9422 §4.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    /// Transactions per session.
    pub mail_max: Option<u32>,
    /// Recipients per transaction.
    pub rcpt_max: Option<u32>,
    /// Different domains among the recipients of a session.
    pub rcpt_domain_max: Option<u32>,
}

impl Capabilities {
    /// Reads a positive reply to EHLO; its first line is the server's name and greeting.
    pub fn from_ehlo(reply: &Reply) -> Self {
        let mut found = Self::default();
        for line in reply.text.split('\n').skip(1) {
            let mut words = line.split_ascii_whitespace();
            if let Some(keyword) = words.next() {
                found.add(&keyword.to_ascii_uppercase(), words);
            }
        }
        found
    }

    fn add<'a>(&mut self, keyword: &str, mut arguments: impl Iterator<Item = &'a str>) {
        match keyword {
            "PIPELINING" => self.pipelining = true,
            "SIZE" => {
                self.size = true;
                self.size_max = arguments.next().and_then(octets).filter(|&it| it > 0);
            }
            "8BITMIME" => self.eight_bit_mime = true,
            "BINARYMIME" => self.binary_mime = true,
            "CHUNKING" => self.chunking = true,
            "SMTPUTF8" => self.smtputf8 = true,
            "DSN" => self.dsn = true,
            "STARTTLS" => self.starttls = true,
            "ENHANCEDSTATUSCODES" => self.enhanced_status_codes = true,
            "LIMITS" => arguments.for_each(|it| self.limits.add(it)),
            _ => (),
        }
    }
}

impl Limits {
    fn add(&mut self, argument: &str) {
        let Some((name, value)) = argument.split_once('=') else { return };
        let value = octets(value).map(|it| u32::try_from(it).unwrap_or(u32::MAX));
        let value = value.filter(|&it| it > 0);
        match name.to_ascii_uppercase().as_str() {
            "MAILMAX" => self.mail_max = value,
            "RCPTMAX" => self.rcpt_max = value,
            "RCPTDOMAINMAX" => self.rcpt_domain_max = value,
            _ => (),
        }
    }
}

/// A decimal number; one too large for 64 bits counts as the largest.
fn octets(text: &str) -> Option<u64> {
    if text.is_empty() || !text.bytes().all(|it| it.is_ascii_digit()) {
        return None;
    }
    Some(text.parse().unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &'static str) -> Capabilities {
        Capabilities::from_ehlo(&Reply::plain(250, text))
    }

    #[test]
    fn exchange_online_offers_what_we_need_and_private_words_change_nothing() {
        let found = parse(
            "DM6.mail.protection.outlook.com Hello [192.0.2.1]\nSIZE 157286400\nPIPELINING\nDSN\n\
             ENHANCEDSTATUSCODES\nSTARTTLS\n8BITMIME\nBINARYMIME\nCHUNKING\nSMTPUTF8\nX-EXPS NTLM",
        );
        let all = Capabilities {
            pipelining: true,
            size: true,
            size_max: Some(157_286_400),
            eight_bit_mime: true,
            binary_mime: true,
            chunking: true,
            smtputf8: true,
            dsn: true,
            starttls: true,
            enhanced_status_codes: true,
            limits: Limits::default(),
        };
        assert_eq!(found, all);
    }

    #[test]
    fn the_first_line_is_a_greeting_and_not_a_capability() {
        assert_eq!(parse("PIPELINING"), Capabilities::default());
        assert!(parse("mx\npipelining").pipelining);
    }

    #[test]
    fn numbers_that_make_no_sense_are_no_limits() {
        assert_eq!(parse("mx\nSIZE").size_max, None);
        assert_eq!(parse("mx\nSIZE 0").size_max, None);
        assert_eq!(parse("mx\nSIZE many").size_max, None);
        assert_eq!(parse("mx\nSIZE 99999999999999999999999").size_max, Some(u64::MAX));
        let limits = parse("mx\nLIMITS RCPTMAX=50 MAILMAX=0 rcptdomainmax=1 OTHER=3 X").limits;
        let want = Limits { mail_max: None, rcpt_max: Some(50), rcpt_domain_max: Some(1) };
        assert_eq!(limits, want);
    }
}
