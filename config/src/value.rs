//! From one TOML value to one typed value. Each refusal says what to write.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use ipnet::IpNet;
use mail::{Address, Domain, SiteName, Template};
use toml::Spanned;
use toml::de::{DeInteger, DeValue};

use crate::HostPort;
use crate::key::Kind;
use crate::suggest;
use crate::units::{duration_text, parse_duration, parse_size, size_text};

/// What was wrong with one value: byte offsets and messages.
#[derive(Default)]
pub(crate) struct Faults(pub(crate) Vec<(usize, String)>);

type Raw<'a> = Spanned<DeValue<'a>>;

impl Faults {
    fn add(&mut self, raw: &Raw<'_>, message: String) {
        self.0.push((raw.span().start, message));
    }

    /// The wrong type of TOML value.
    fn want(&mut self, raw: &Raw<'_>, what: &str) {
        self.add(raw, format!("want {what}, not {}", text(raw.get_ref())));
    }
}

/// A type that a key can have.
pub(crate) trait Value: Sized {
    /// `None` once it has added to `faults`.
    fn read(raw: &Raw<'_>, kind: Kind, faults: &mut Faults) -> Option<Self>;
    /// Stands in for a value that could not be read; never leaves this crate.
    fn placeholder() -> Self;
}

/// The value as one line of TOML.
pub(crate) fn text(value: &DeValue<'_>) -> String {
    match value {
        DeValue::String(it) => format!("{:?}", it.as_ref()),
        DeValue::Integer(it) => it.as_str().to_owned(),
        DeValue::Float(it) => it.as_str().to_owned(),
        DeValue::Boolean(it) => it.to_string(),
        DeValue::Datetime(it) => it.to_string(),
        DeValue::Array(list) => {
            let items: Vec<String> = list.iter().map(|it| text(it.get_ref())).collect();
            format!("[{}]", items.join(", "))
        }
        DeValue::Table(_) => "a table".to_owned(),
    }
}

/// Reads a string and parses it; `want` completes "want …, not …".
fn parsed<T>(
    raw: &Raw<'_>,
    faults: &mut Faults,
    want: &str,
    parse: impl FnOnce(&str) -> Option<T>,
) -> Option<T> {
    let value = raw.get_ref().as_str().and_then(parse);
    if value.is_none() {
        faults.want(raw, want);
    }
    value
}

/// Reads a string whose parser says itself what is wrong.
fn explained<T>(
    raw: &Raw<'_>,
    faults: &mut Faults,
    want: &str,
    parse: impl FnOnce(&str) -> Result<T, String>,
) -> Option<T> {
    let Some(text) = raw.get_ref().as_str() else {
        faults.want(raw, want);
        return None;
    };
    parse(text).map_err(|message| faults.add(raw, message)).ok()
}

const URL_WANT: &str = "an address, as in \"https://login.contoso.example\"";

impl Value for String {
    fn read(raw: &Raw<'_>, kind: Kind, faults: &mut Faults) -> Option<Self> {
        match kind {
            Kind::Level => {
                parsed(raw, faults, LEVEL_WANT, |it| is_level(it).then(|| it.to_owned()))
            }
            Kind::Names => {
                parsed(raw, faults, "a DNS name, as in \"mail.contoso.example\"", |it| {
                    it.parse::<Domain>().ok().filter(|it| !it.is_literal()).map(|it| it.to_string())
                })
            }
            Kind::Url => explained(raw, faults, URL_WANT, |it| {
                crate::url::check(it).map(|()| it.to_owned()).map_err(ToOwned::to_owned)
            }),
            Kind::Line | Kind::Lines => parsed(raw, faults, "a text that is not empty", |it| {
                let is_line = !it.trim().is_empty() && !it.chars().any(char::is_control);
                is_line.then(|| it.to_owned())
            }),
            _ => parsed(raw, faults, NAME_WANT, |it| is_name(it).then(|| it.to_owned())),
        }
    }

    fn placeholder() -> Self {
        Self::new()
    }
}

const LEVEL_WANT: &str = "error, warn, info, debug, trace or off, and perhaps parts with another: \"info,deliver=debug\"";
const NAME_WANT: &str = "a short name of letters, digits, - and _";

fn is_level(text: &str) -> bool {
    let is_word = |it: &str| matches!(it, "error" | "warn" | "info" | "debug" | "trace" | "off");
    let is_target = |it: &str| {
        !it.is_empty() && it.chars().all(|c| c.is_ascii_alphanumeric() || "_:-".contains(c))
    };
    text.split(',').map(str::trim).all(|part| match part.split_once('=') {
        Some((target, level)) => is_target(target) && is_word(level),
        None => is_word(part),
    })
}

/// Names become labels of metrics and parts of keys, so they are kept plain.
pub(crate) fn is_name(text: &str) -> bool {
    (1..=64).contains(&text.len())
        && text.bytes().all(|it| it.is_ascii_alphanumeric() || matches!(it, b'-' | b'_'))
}

impl Value for Address {
    fn read(raw: &Raw<'_>, _: Kind, faults: &mut Faults) -> Option<Self> {
        const WANT: &str = "an address, as in \"ops@contoso.example\"";
        explained(raw, faults, WANT, |it| it.parse().map_err(|why| format!("{why}; want {WANT}")))
    }

    fn placeholder() -> Self {
        "placeholder@placeholder.invalid".parse().expect("a valid address")
    }
}

impl Value for Domain {
    fn read(raw: &Raw<'_>, _: Kind, faults: &mut Faults) -> Option<Self> {
        const WANT: &str = "a domain name, as in \"contoso.example\"";
        explained(raw, faults, WANT, |it| match it.parse::<Self>() {
            Ok(domain) if !domain.is_literal() => Ok(domain),
            Ok(_) => Err(format!("want a domain name, not the address literal {it}")),
            Err(why) => Err(format!("{why}; want a name as in \"contoso.example\"")),
        })
    }

    fn placeholder() -> Self {
        "placeholder.invalid".parse().expect("a valid name")
    }
}

impl Value for PathBuf {
    fn read(raw: &Raw<'_>, _: Kind, faults: &mut Faults) -> Option<Self> {
        let is_path = |it: &str| !it.is_empty() && !it.contains('\0');
        parsed(raw, faults, "the path of a file or folder", |it| is_path(it).then(|| it.into()))
    }

    fn placeholder() -> Self {
        Self::new()
    }
}

impl Value for SocketAddr {
    fn read(raw: &Raw<'_>, _: Kind, faults: &mut Faults) -> Option<Self> {
        let want = "ADDRESS:PORT, as in \"0.0.0.0:25\" or \"[::]:25\"";
        parsed(raw, faults, want, |it| it.parse().ok())
    }

    /// Port 0 is in nobody's way.
    fn placeholder() -> Self {
        Self::from(([0, 0, 0, 0], 0))
    }
}

impl Value for SiteName {
    fn read(raw: &Raw<'_>, _: Kind, faults: &mut Faults) -> Option<Self> {
        parsed(raw, faults, "the name of a site", |it| is_name(it).then(|| Self::new(it)))
    }

    fn placeholder() -> Self {
        Self::new("")
    }
}

impl Value for Template {
    fn read(raw: &Raw<'_>, _: Kind, faults: &mut Faults) -> Option<Self> {
        let want = "\"{address}\" or \"{local}@DOMAIN\"";
        explained(raw, faults, want, |it| {
            it.parse().map_err(|why: mail::TemplateError| why.to_string())
        })
    }

    fn placeholder() -> Self {
        Self::Unchanged
    }
}

impl Value for char {
    fn read(raw: &Raw<'_>, _: Kind, faults: &mut Faults) -> Option<Self> {
        let want = "one character such as \"+\" or \"-\", or \"off\"";
        parsed(raw, faults, want, |it| {
            let mut chars = it.chars();
            let first = chars.next().filter(|c| "+-_=#~!%&/".contains(*c))?;
            chars.next().is_none().then_some(first)
        })
    }

    fn placeholder() -> Self {
        '+'
    }
}

impl Value for Duration {
    fn read(raw: &Raw<'_>, kind: Kind, faults: &mut Faults) -> Option<Self> {
        let (min, max) = match kind {
            Kind::Duration { min_s, max_s } => (min_s, max_s),
            Kind::Durations { max_s } => (1, max_s),
            _ => (0, u64::MAX),
        };
        let (min, max) = (Self::from_secs(min), Self::from_secs(max));
        let want = "a duration with its unit, as in \"30s\", \"5m\", \"4h\" or \"5d\"";
        let span = parsed(raw, faults, want, parse_duration)?;
        if span < min || span > max {
            faults.want(raw, &format!("{} to {}", duration_text(min), duration_text(max)));
            return None;
        }
        Some(span)
    }

    fn placeholder() -> Self {
        Self::from_secs(1)
    }
}

fn integer(it: &DeInteger<'_>) -> Option<u64> {
    u64::from_str_radix(it.as_str(), it.radix()).ok()
}

impl Value for u64 {
    fn read(raw: &Raw<'_>, kind: Kind, faults: &mut Faults) -> Option<Self> {
        let (number, range) = match (kind, raw.get_ref()) {
            (Kind::Size { min, max }, value) => {
                let number = match value {
                    DeValue::String(text) => parse_size(text),
                    value => value.as_integer().and_then(integer),
                };
                let range = format!("{} to {}", size_text(min), size_text(max));
                let want = format!("a size from {range}, as in \"64MiB\" or a number of bytes");
                (number.filter(|it| (min..=max).contains(it)), want)
            }
            (Kind::Count { min, max }, value) => {
                let number = value.as_integer().and_then(integer);
                (
                    number.filter(|it| (min..=max).contains(it)),
                    format!("a number from {min} to {max}"),
                )
            }
            (_, value) => (value.as_integer().and_then(integer), "a number".to_owned()),
        };
        if number.is_none() {
            faults.want(raw, &range);
        }
        number
    }

    fn placeholder() -> Self {
        1
    }
}

/// Narrower numbers; the range of the key keeps them inside the type.
macro_rules! narrow {
    ($($type:ty),*) => {$(
        impl Value for $type {
            fn read(raw: &Raw<'_>, kind: Kind, faults: &mut Faults) -> Option<Self> {
                let number = Self::try_from(u64::read(raw, kind, faults)?).ok();
                if number.is_none() {
                    faults.want(raw, "a smaller number");
                }
                number
            }

            fn placeholder() -> Self {
                1
            }
        }
    )*};
}

narrow!(usize, u16, u8);

impl Value for IpNet {
    fn read(raw: &Raw<'_>, _: Kind, faults: &mut Faults) -> Option<Self> {
        const WANT: &str = "a network, as in \"10.0.0.0/8\", or one address";
        explained(raw, faults, WANT, |it| {
            let net = it.parse::<Self>().or_else(|_| it.parse::<IpAddr>().map(Self::from));
            let net = net.map_err(|_| format!("want {WANT}, not {it:?}"))?;
            if net.addr() == net.network() {
                Ok(net)
            } else {
                Err(format!("{net} has bits beyond its prefix: write \"{}\"", net.trunc()))
            }
        })
    }

    fn placeholder() -> Self {
        Self::from(IpAddr::from([127, 0, 0, 1]))
    }
}

impl Value for HostPort {
    fn read(raw: &Raw<'_>, _: Kind, faults: &mut Faults) -> Option<Self> {
        explained(raw, faults, "HOST or HOST:PORT, as in \"mail.example:25\"", Self::parse)
    }

    fn placeholder() -> Self {
        Self { host: crate::Host::Ip(IpAddr::from([127, 0, 0, 1])), port: 1 }
    }
}

/// Reads every element, so that every wrong one is named.
impl<T: Value> Value for Vec<T> {
    fn read(raw: &Raw<'_>, kind: Kind, faults: &mut Faults) -> Option<Self> {
        let Some(items) = raw.get_ref().as_array() else {
            faults.want(raw, "a list in brackets: […]");
            return None;
        };
        let read: Self = items.iter().filter_map(|it| T::read(it, kind, faults)).collect();
        (read.len() == items.len()).then_some(read)
    }

    fn placeholder() -> Self {
        Self::new()
    }
}

/// A type with a few named values. `NAMES` and `ALL` go in step; the first is the placeholder.
pub(crate) trait Choice: Copy + 'static {
    const ALL: &'static [Self];
    const NAMES: &'static [&'static str];
}

impl<T: Choice> Value for T {
    fn read(raw: &Raw<'_>, _: Kind, faults: &mut Faults) -> Option<Self> {
        let word = raw.get_ref().as_str();
        let found = word.and_then(|word| T::NAMES.iter().position(|it| *it == word));
        if found.is_none() {
            let hint = word.map(|it| suggest::hint(it, T::NAMES.iter().copied()));
            let quoted: Vec<String> = T::NAMES.iter().map(|it| format!("{it:?}")).collect();
            let message = format!(
                "want one of {}, not {}{}",
                quoted.join(", "),
                text(raw.get_ref()),
                hint.unwrap_or_default()
            );
            faults.add(raw, message);
        }
        found.map(|it| T::ALL[it])
    }

    fn placeholder() -> Self {
        T::ALL[0]
    }
}
