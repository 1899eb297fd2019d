//! Little-endian primitives of every byte layout in this crate.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The bytes are not what a writer of this version would have written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("malformed {0}")]
pub(crate) struct Malformed(pub(crate) &'static str);

/// Appends values. Texts are a `u32` length and UTF-8; options are a byte 0 or 1 in front.
pub(crate) trait Put {
    fn put(&mut self, bytes: &[u8]);

    fn put_u8(&mut self, value: u8) {
        self.put(&[value]);
    }
    fn put_u16(&mut self, value: u16) {
        self.put(&value.to_le_bytes());
    }
    fn put_u32(&mut self, value: u32) {
        self.put(&value.to_le_bytes());
    }
    fn put_u64(&mut self, value: u64) {
        self.put(&value.to_le_bytes());
    }
    fn put_text(&mut self, text: &str) {
        self.put_u32(u32::try_from(text.len()).unwrap_or(u32::MAX));
        self.put(text.as_bytes());
    }
    fn put_option_text(&mut self, text: Option<&str>) {
        self.put_u8(u8::from(text.is_some()));
        if let Some(text) = text {
            self.put_text(text);
        }
    }
    fn put_ip(&mut self, ip: Option<IpAddr>) {
        match ip {
            None => self.put_u8(0),
            Some(IpAddr::V4(v4)) => {
                self.put_u8(4);
                self.put(&v4.octets());
            }
            Some(IpAddr::V6(v6)) => {
                self.put_u8(6);
                self.put(&v6.octets());
            }
        }
    }
}

impl Put for Vec<u8> {
    fn put(&mut self, bytes: &[u8]) {
        self.extend_from_slice(bytes);
    }
}

/// Takes values off the front of a slice; never panics and never allocates by a length it read.
pub(crate) struct Take<'a>(pub(crate) &'a [u8]);

impl<'a> Take<'a> {
    pub(crate) fn bytes(&mut self, n: usize) -> Result<&'a [u8], Malformed> {
        let (front, rest) = self.0.split_at_checked(n).ok_or(Malformed("length"))?;
        self.0 = rest;
        Ok(front)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Malformed> {
        let (front, rest) = self.0.split_first_chunk::<N>().ok_or(Malformed("length"))?;
        self.0 = rest;
        Ok(*front)
    }

    pub(crate) fn u8(&mut self) -> Result<u8, Malformed> {
        self.array::<1>().map(|it| it[0])
    }
    pub(crate) fn u16(&mut self) -> Result<u16, Malformed> {
        self.array().map(u16::from_le_bytes)
    }
    pub(crate) fn u32(&mut self) -> Result<u32, Malformed> {
        self.array().map(u32::from_le_bytes)
    }
    pub(crate) fn u64(&mut self) -> Result<u64, Malformed> {
        self.array().map(u64::from_le_bytes)
    }
    pub(crate) fn flag(&mut self) -> Result<bool, Malformed> {
        match self.u8()? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(Malformed("flag")),
        }
    }
    pub(crate) fn text(&mut self) -> Result<&'a str, Malformed> {
        let n = self.u32()? as usize;
        std::str::from_utf8(self.bytes(n)?).map_err(|_| Malformed("text"))
    }
    pub(crate) fn option_text(&mut self) -> Result<Option<&'a str>, Malformed> {
        if self.flag()? { self.text().map(Some) } else { Ok(None) }
    }
    pub(crate) fn ip(&mut self) -> Result<Option<IpAddr>, Malformed> {
        match self.u8()? {
            0 => Ok(None),
            4 => Ok(Some(IpAddr::V4(Ipv4Addr::from(self.array::<4>()?)))),
            6 => Ok(Some(IpAddr::V6(Ipv6Addr::from(self.array::<16>()?)))),
            _ => Err(Malformed("address family")),
        }
    }
    /// Nothing may be left: a longer value than its writer knew is not ours.
    pub(crate) fn end(&self) -> Result<(), Malformed> {
        if self.0.is_empty() { Ok(()) } else { Err(Malformed("end")) }
    }
}
