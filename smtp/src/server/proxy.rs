//! The PROXY protocol: a load balancer's word on who the client is. Believed only from peers
//! that the configuration names; anybody else's header is a syntax error like any other.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// What a reader of the header can say so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Header {
    /// Read more; the header is incomplete.
    Incomplete,
    /// `used` octets are the header. Without a source the balancer speaks for itself.
    Complete { used: usize, source: Option<(IpAddr, u16)> },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a PROXY protocol header of version 1 or 2")]
pub struct BadHeader;

const V1_MAX: usize = 107;
const SIGNATURE: &[u8; 12] = b"\r\n\r\n\0\r\nQUIT\n";
/// Longest body of a version 2 header that is read: addresses and a few hundred octets of TLVs.
const V2_BODY_MAX: usize = 2048;

/// Reads a header from the start of a connection; `input` is all that has come.
///
/// Source: haproxy's proxy-protocol.txt, §2.1 and §2.2.
pub fn read(input: &[u8]) -> Result<Header, BadHeader> {
    let same = |prefix: &[u8]| {
        let n = input.len().min(prefix.len());
        input[..n] == prefix[..n]
    };
    if same(SIGNATURE) {
        if input.len() < 16 { Ok(Header::Incomplete) } else { version_2(input) }
    } else if same(b"PROXY ") {
        version_1(input)
    } else {
        Err(BadHeader)
    }
}

fn version_1(input: &[u8]) -> Result<Header, BadHeader> {
    let Some(end) = memchr::memmem::find(input, b"\r\n") else {
        return if input.len() < V1_MAX { Ok(Header::Incomplete) } else { Err(BadHeader) };
    };
    let used = end + 2;
    let line = std::str::from_utf8(&input[..end]).map_err(|_| BadHeader)?;
    if used > V1_MAX {
        return Err(BadHeader);
    }
    let mut words = line.split(' ').skip(1);
    let family = words.next().ok_or(BadHeader)?;
    if family == "UNKNOWN" {
        return Ok(Header::Complete { used, source: None });
    }
    let mut word = || words.next().ok_or(BadHeader);
    let (source, target, port, to_port) = (word()?, word()?, word()?, word()?);
    let (source, target) = match family {
        "TCP4" => (v4(source)?, v4(target)?),
        "TCP6" => (v6(source)?, v6(target)?),
        _ => return Err(BadHeader),
    };
    let port: u16 = port.parse().map_err(|_| BadHeader)?;
    let _: u16 = to_port.parse().map_err(|_| BadHeader)?;
    if words.next().is_some() || source.is_ipv4() != target.is_ipv4() {
        return Err(BadHeader);
    }
    Ok(Header::Complete { used, source: Some((source, port)) })
}

fn v4(text: &str) -> Result<IpAddr, BadHeader> {
    text.parse::<Ipv4Addr>().map(IpAddr::V4).map_err(|_| BadHeader)
}

fn v6(text: &str) -> Result<IpAddr, BadHeader> {
    text.parse::<Ipv6Addr>().map(IpAddr::V6).map_err(|_| BadHeader)
}

/// `input` has at least the 16 octets in front of the body.
fn version_2(input: &[u8]) -> Result<Header, BadHeader> {
    let (command, family) = (input[12], input[13]);
    let len = usize::from(u16::from_be_bytes([input[14], input[15]]));
    if command >> 4 != 2 || len > V2_BODY_MAX {
        return Err(BadHeader);
    }
    let Some(body) = input.get(16..16 + len) else { return Ok(Header::Incomplete) };
    let source = match (command & 0x0f, family) {
        (0, _) => None,
        (1, 0x11) => Some(source::<4>(body)?),
        (1, 0x21) => Some(source::<16>(body)?),
        (1, _) => None,
        _ => return Err(BadHeader),
    };
    Ok(Header::Complete { used: 16 + len, source })
}

/// Source and target address of `N` octets each, then the two ports.
fn source<const N: usize>(body: &[u8]) -> Result<(IpAddr, u16), BadHeader>
where
    IpAddr: From<[u8; N]>,
{
    let address: [u8; N] = body.get(..N).and_then(|it| it.try_into().ok()).ok_or(BadHeader)?;
    let port = body.get(2 * N..2 * N + 2).ok_or(BadHeader)?;
    let whole = body.len() >= 2 * N + 4;
    whole.then(|| (address.into(), u16::from_be_bytes([port[0], port[1]]))).ok_or(BadHeader)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn complete(used: usize, source: Option<(&str, u16)>) -> Result<Header, BadHeader> {
        let source = source.map(|(address, port)| (address.parse().unwrap(), port));
        Ok(Header::Complete { used, source })
    }

    /// Every proper prefix is incomplete.
    fn check(input: &[u8], want: Result<Header, BadHeader>) {
        assert_eq!(read(input), want, "{input:?}");
        if want.is_ok() {
            for cut in 0..input.len() {
                assert_eq!(read(&input[..cut]), Ok(Header::Incomplete), "{cut} of {input:?}");
            }
        }
    }

    #[test]
    fn version_1_lines() {
        let line = b"PROXY TCP4 192.0.2.7 198.51.100.1 4711 25\r\n";
        check(line, complete(line.len(), Some(("192.0.2.7", 4711))));
        let line = b"PROXY TCP6 2001:db8::7 ::1 1 25\r\n";
        check(line, complete(line.len(), Some(("2001:db8::7", 1))));
        check(b"PROXY UNKNOWN\r\n", complete(15, None));
        for bad in [
            &b"PROXY TCP4 192.0.2.7 198.51.100.1 4711\r\n"[..],
            b"PROXY TCP4 2001:db8::7 198.51.100.1 1 25\r\n",
            b"PROXY TCP4 192.0.2.7 198.51.100.1 99999 25\r\n",
            b"PROXY TCP4 192.0.2.7 198.51.100.1 1 25 x\r\n",
            b"PROXY UDP4 192.0.2.7 198.51.100.1 1 25\r\n",
            b"EHLO x\r\n",
            &[b'P'; 200],
        ] {
            check(bad, Err(BadHeader));
        }
    }

    fn v2(command: u8, family: u8, body: &[u8]) -> Vec<u8> {
        let len = u16::try_from(body.len()).unwrap().to_be_bytes();
        [&SIGNATURE[..], &[command, family], &len, body].concat()
    }

    #[test]
    fn version_2_headers() {
        let v4 = [192, 0, 2, 7, 198, 51, 100, 1, 0x12, 0x67, 0, 25];
        check(&v2(0x21, 0x11, &v4), complete(28, Some(("192.0.2.7", 4711))));
        check(&v2(0x20, 0x11, &v4), complete(28, None));
        check(&v2(0x21, 0x31, b""), complete(16, None));
        let mut v6 = [0_u8; 36 + 7];
        v6[15] = 1;
        v6[33] = 9;
        check(&v2(0x21, 0x21, &v6), complete(16 + 43, Some(("::1", 9))));
        check(&v2(0x11, 0x11, &v4), Err(BadHeader));
        check(&v2(0x21, 0x11, &v4[..11]), Err(BadHeader));
        assert_eq!(read(&v2(0x21, 0x11, &[0; 4096])), Err(BadHeader));
    }
}
