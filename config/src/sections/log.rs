//! `[log]`

use crate::key::Default::Value;
use crate::key::{Key, Kind};
use crate::reader::{Found, Reader};
use crate::types::{Log, LogFormat};
use crate::value::Choice;

#[rustfmt::skip]
pub(crate) const KEYS: &[Key] = &[
    Key::new("format", Kind::OneOf(LogFormat::NAMES), Value("\"text\""), "text for people, json for machines.").at_start(),
    Key::new("level", Kind::Level, Value("\"info\""), "How much is logged: error, warn, info, debug, trace, off; parts may differ, as in \"info,deliver=debug\".").at_start(),
];

impl Choice for LogFormat {
    const ALL: &'static [Self] = &[Self::Text, Self::Json];
    const NAMES: &'static [&'static str] = &["text", "json"];
}

pub(crate) fn read(found: Found<'_, '_>, reader: &mut Reader) -> Log {
    let mut section = reader.section("log", KEYS, found);
    let log = Log { format: section.get("format"), level: section.get("level") };
    section.finish();
    log
}
