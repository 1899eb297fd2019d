//! Who asks, when a proxy stands in between. Pure.

use std::net::{IpAddr, SocketAddr};

use axum::http::HeaderMap;
use ipnet::IpNet;

const HEADER: &str = "x-forwarded-for";
/// Addresses of the header that are looked at, from its end.
const HOPS_MAX: usize = 16;

/// The address of whoever is in front of the last proxy that is trusted. Each proxy adds at the end who
/// asked it, so the end is what our own proxies say; what is before the first address that is not one of
/// theirs is a stranger's word.
pub(crate) fn client(peer: IpAddr, headers: &HeaderMap, trusted: &[IpNet]) -> IpAddr {
    let is_trusted = |it: &IpAddr| trusted.iter().any(|net| net.contains(it));
    let mut client = peer.to_canonical();
    if !is_trusted(&client) {
        return client;
    }
    let lines: Vec<&str> =
        headers.get_all(HEADER).iter().map(|it| it.to_str().unwrap_or("?")).collect();
    let named = lines.iter().rev().flat_map(|it| it.rsplit(',')).take(HOPS_MAX);
    for text in named {
        // Whoever trusts the proxy trusts it to know addresses; what is no address ends it.
        let Some(next) = address(text.trim()) else { return client };
        client = next;
        if !is_trusted(&client) {
            return client;
        }
    }
    client
}

/// `192.0.2.1`, `192.0.2.1:80`, `2001:db8::1`, `[2001:db8::1]`, `[2001:db8::1]:80`.
fn address(text: &str) -> Option<IpAddr> {
    let bare = text.strip_prefix('[').and_then(|it| it.strip_suffix(']')).unwrap_or(text);
    let parsed = bare.parse::<IpAddr>().ok();
    let parsed = parsed.or_else(|| text.parse::<SocketAddr>().ok().map(|it| it.ip()));
    parsed.map(|it| it.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(peer: &str, lines: &[&str], expected: &str) {
        let trusted: Vec<IpNet> =
            ["10.0.0.0/8", "2001:db8:1::/48"].iter().map(|it| it.parse().unwrap()).collect();
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(HEADER, line.parse().unwrap());
        }
        let found = client(peer.parse().unwrap(), &headers, &trusted);
        assert_eq!(found, expected.parse::<IpAddr>().unwrap(), "{peer} {lines:?}");
    }

    #[test]
    fn a_stranger_is_who_connects_whatever_they_say() {
        check("192.0.2.1", &["10.0.0.1"], "192.0.2.1");
        check("192.0.2.1", &["198.51.100.7, 10.0.0.1"], "192.0.2.1");
        check("::ffff:192.0.2.1", &["198.51.100.7"], "192.0.2.1");
    }

    #[test]
    fn behind_a_proxy_it_is_whom_the_proxy_saw_and_not_whom_they_name() {
        check("10.0.0.1", &[], "10.0.0.1");
        check("10.0.0.1", &["192.0.2.1"], "192.0.2.1");
        check("10.0.0.1", &["198.51.100.7, 192.0.2.1"], "192.0.2.1");
        check("10.0.0.1", &["198.51.100.7", "192.0.2.1"], "192.0.2.1");
        check("10.0.0.1", &["10.9.9.9, 192.0.2.1"], "192.0.2.1");
        check("10.0.0.1", &["198.51.100.7, 192.0.2.1, 10.0.0.2"], "192.0.2.1");
        check("2001:db8:1::1", &["[2001:db8:2::7]:443"], "2001:db8:2::7");
        check("::ffff:10.0.0.1", &["192.0.2.1:1234"], "192.0.2.1");
    }

    #[test]
    fn what_is_no_address_ends_it() {
        check("10.0.0.1", &["198.51.100.7, unknown"], "10.0.0.1");
        check("10.0.0.1", &["198.51.100.7, , 10.0.0.2"], "10.0.0.2");
        check("10.0.0.1", &[&vec!["10.0.0.9"; 400].join(",")], "10.0.0.9");
    }
}
