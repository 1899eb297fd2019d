//! From bytes to text: UTF-8 with or without a byte order mark, UTF-16 with one.

use std::borrow::Cow;

use super::import::{RowError, error};

pub(super) fn decode(bytes: &[u8]) -> Result<Cow<'_, str>, RowError> {
    match bytes {
        [0xff, 0xfe, rest @ ..] => utf16(rest, u16::from_le_bytes).map(Cow::Owned),
        [0xfe, 0xff, rest @ ..] => utf16(rest, u16::from_be_bytes).map(Cow::Owned),
        [0xef, 0xbb, 0xbf, rest @ ..] => utf8(rest).map(Cow::Borrowed),
        bytes => utf8(bytes).map(Cow::Borrowed),
    }
}

fn utf8(bytes: &[u8]) -> Result<&str, RowError> {
    if let Some(place) = bytes.iter().position(|it| *it == 0) {
        let what = "a zero byte: UTF-16 wants its byte order mark; save the file as \"CSV UTF-8\"";
        return Err(error(line(bytes, place), "", what));
    }
    std::str::from_utf8(bytes).map_err(|why| {
        let line = line(bytes, why.valid_up_to());
        error(line, "", "not UTF-8: save the file as \"CSV UTF-8\"")
    })
}

fn line(bytes: &[u8], place: usize) -> usize {
    bytes.iter().take(place).filter(|it| **it == b'\n').count() + 1
}

fn utf16(bytes: &[u8], unit: fn([u8; 2]) -> u16) -> Result<String, RowError> {
    let units = bytes.chunks_exact(2).map(|it| unit([it[0], it[1]]));
    let mut text = String::with_capacity(bytes.len() / 2);
    for it in char::decode_utf16(units) {
        match it {
            Ok('\0') | Err(_) => {
                let line = text.matches('\n').count() + 1;
                return Err(error(line, "", "not UTF-16 as its first bytes say: save it anew"));
            }
            Ok(it) => text.push(it),
        }
    }
    if !bytes.len().is_multiple_of(2) {
        let line = text.matches('\n').count() + 1;
        return Err(error(line, "", "half a character at the end: the file was cut off"));
    }
    Ok(text)
}
