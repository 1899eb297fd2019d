//! Against a name server on loopback.

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;

use config::IpPreference;
use hickory_resolver::proto::op::{Message, OpCode, ResponseCode};
use hickory_resolver::proto::rr::rdata::{A, AAAA, CNAME, MX};
use hickory_resolver::proto::rr::{Name, RData, Record, RecordType};
use tokio::net::UdpSocket;

use super::*;

/// What the name server knows. Names that are not in it do not exist.
const ZONE: &[(&str, &str)] = &[
    ("two.example", "MX 20 b.example"),
    ("two.example", "MX 10 a.example"),
    ("a.example", "A 192.0.2.1"),
    ("a.example", "AAAA 2001:db8::1"),
    ("b.example", "A 192.0.2.2"),
    ("b.example", "A 192.0.2.3"),
    ("null.example", "MX 0 ."),
    ("plain.example", "A 192.0.2.9"),
    ("nothing.example", "TXT"),
    ("dead.example", "MX 10 gone.example"),
    ("broken.example", "MX 10 servfail.example"),
    ("half.example", "MX 10 servfail.example"),
    ("half.example", "MX 20 a.example"),
    ("alias.example", "CNAME two.example"),
    ("ours.example", "MX 10 a.example"),
    ("ours.example", "MX 20 gw.example"),
    ("ours.example", "MX 20 b.example"),
    ("onlyus.example", "MX 10 gw.example"),
    ("byaddress.example", "MX 10 a.example"),
    ("byaddress.example", "MX 20 us.example"),
    ("us.example", "A 203.0.113.7"),
    ("gw.example", "A 203.0.113.7"),
    ("bad.example", "MX 10 0.example"),
    ("0.example", "A 0.0.0.0"),
];

fn data(text: &str) -> Option<RData> {
    let words: Vec<&str> = text.split(' ').collect();
    let name = |it: &str| Name::from_ascii(it).unwrap();
    Some(match words[..] {
        ["A", ip] => RData::A(A(ip.parse().unwrap())),
        ["AAAA", ip] => RData::AAAA(AAAA(ip.parse().unwrap())),
        ["CNAME", target] => RData::CNAME(CNAME(name(target))),
        ["MX", preference, "."] => RData::MX(MX::new(preference.parse().unwrap(), Name::root())),
        ["MX", preference, host] => RData::MX(MX::new(preference.parse().unwrap(), name(host))),
        _ => return None,
    })
}

fn answer(query: &Message) -> Message {
    let mut reply = Message::response(query.metadata.id, OpCode::Query);
    let question = query.queries[0].clone();
    let kind = question.query_type();
    let mut name = question.name().to_ascii().trim_end_matches('.').to_ascii_lowercase();
    reply.add_query(question);
    if name == "servfail.example" {
        reply.metadata.response_code = ResponseCode::ServFail;
        return reply;
    }
    let mut exists = false;
    for _ in 0..2 {
        let owner = Name::from_ascii(format!("{name}.")).unwrap();
        let mut target = None;
        for (_, text) in ZONE.iter().filter(|it| it.0 == name) {
            exists = true;
            let Some(data) = data(text) else { continue };
            if let RData::CNAME(it) = &data {
                target = Some(it.0.to_ascii());
            } else if data.record_type() != kind {
                continue;
            }
            reply.add_answer(Record::from_rdata(owner.clone(), 60, data));
        }
        match target {
            Some(target) => name = target,
            None => break,
        }
    }
    if !exists {
        reply.metadata.response_code = ResponseCode::NXDomain;
    }
    reply
}

/// Answers until dropped.
async fn serve(socket: Arc<UdpSocket>) {
    let mut buffer = [0; 2048];
    while let Ok((length, from)) = socket.recv_from(&mut buffer).await {
        let query = Message::from_vec(&buffer[..length]).unwrap();
        socket.send_to(&answer(&query).to_vec().unwrap(), from).await.unwrap();
    }
}

/// Runs `ask` with a resolver that asks the server above.
async fn with_server<T>(ask: impl AsyncFnOnce(Resolver) -> T) -> T {
    let socket = Arc::new(UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap());
    let settings = ResolverSettings {
        servers: Some(vec![socket.local_addr().unwrap()]),
        hostname: "gw.example".parse().unwrap(),
        own_addresses: vec!["203.0.113.7".parse().unwrap()],
        mx_port: 2525,
    };
    let resolver = Resolver::new(settings).unwrap();
    tokio::select! {
        () = serve(socket) => unreachable!("it serves for ever"),
        result = ask(resolver) => result,
    }
}

fn show(result: Result<Vec<Host>, MxError>) -> String {
    match result {
        Ok(hosts) => {
            let hosts: Vec<_> = hosts.iter().map(|it| format!("{}={}", it.name, it.addr)).collect();
            hosts.join(" ")
        }
        Err(MxError::Never(reply)) => format!("never: {reply}"),
        Err(MxError::NotNow(why)) => format!("not now: {why}"),
    }
}

#[tokio::test]
async fn the_next_hops_of_a_domain() {
    let cases = [
        (
            "two.example",
            "a.example=192.0.2.1:2525 a.example=[2001:db8::1]:2525 b.example=192.0.2.2:2525 b.example=192.0.2.3:2525",
        ),
        ("null.example", "never: 556 5.1.10"),
        ("plain.example", "plain.example=192.0.2.9:2525"),
        ("nothing.example", "never: 550 5.1.2"),
        ("nowhere.example", "never: 550 5.1.2"),
        ("dead.example", "never: 550 5.4.4"),
        ("bad.example", "never: 550 5.4.4"),
        ("broken.example", "not now: the DNS fails for servfail.example"),
        ("servfail.example", "not now: the DNS fails for servfail.example"),
        ("half.example", "a.example=192.0.2.1:2525 a.example=[2001:db8::1]:2525"),
        ("alias.example", "a.example=192.0.2.1:2525 a.example=[2001:db8::1]:2525 b.example"),
        ("ours.example", "a.example=192.0.2.1:2525 a.example=[2001:db8::1]:2525"),
        ("byaddress.example", "a.example=192.0.2.1:2525 a.example=[2001:db8::1]:2525"),
        ("onlyus.example", "not now: the best mail exchanger of onlyus.example is this gateway"),
        ("us.example", "not now: the best mail exchanger of us.example is this gateway"),
        ("[192.0.2.77]", "192.0.2.77=192.0.2.77:2525"),
        ("[IPv6:2001:db8::7]", "2001:db8::7=[2001:db8::7]:2525"),
        ("[203.0.113.7]", "not now: the best mail exchanger of [203.0.113.7] is this gateway"),
    ];
    with_server(async |resolver: Resolver| {
        for (domain, want) in cases {
            let domain = domain.parse().unwrap();
            let got = resolver.next_hops_in_order(&domain, IpPreference::V4First, 1).await;
            let got = show(got);
            assert!(got.starts_with(want), "{domain}: {got}");
        }
    })
    .await;
}

#[tokio::test]
async fn families_come_in_the_order_that_was_asked_for() {
    with_server(async |resolver: Resolver| {
        for (ip, want) in [
            (IpPreference::V6First, "a.example=[2001:db8::1]:25 a.example=192.0.2.1:25"),
            (IpPreference::V4Only, "a.example=192.0.2.1:25"),
            (IpPreference::V6Only, "a.example=[2001:db8::1]:25"),
        ] {
            let host = config::Host::Name("a.example".parse().unwrap());
            let host = config::HostPort { host, port: 25 };
            assert_eq!(show(resolver.addresses(&host, ip).await), want);
        }
        let host = config::HostPort { host: config::Host::Ip("::1".parse().unwrap()), port: 2 };
        assert_eq!(show(resolver.addresses(&host, IpPreference::V4First).await), "::1=[::1]:2");
        let host = config::Host::Name("nowhere.example".parse().unwrap());
        let host = config::HostPort { host, port: 25 };
        let got = show(resolver.addresses(&host, IpPreference::V4First).await);
        assert_eq!(got, "not now: nowhere.example has no address");
    })
    .await;
}

#[tokio::test]
async fn a_name_server_that_is_silent_says_nothing_about_the_domain() {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let settings = ResolverSettings {
        servers: Some(vec![socket.local_addr().unwrap()]),
        hostname: "gw.example".parse().unwrap(),
        own_addresses: Vec::new(),
        mx_port: 25,
    };
    let resolver = Resolver::with_patience(settings, Duration::from_millis(50)).unwrap();
    let got = resolver.next_hops(&"two.example".parse().unwrap(), IpPreference::V4First).await;
    assert!(matches!(got, Err(MxError::NotNow(_))), "{got:?}");
}

#[test]
fn record_types_of_the_zone_parse() {
    assert!(ZONE.iter().all(|it| data(it.1).is_some() || it.1 == "TXT"));
    assert_eq!(data("A 192.0.2.1").unwrap().record_type(), RecordType::A);
}
