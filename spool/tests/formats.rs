//! What this version writes is what the fixture holds, and what the fixture holds is read.
//!
//! `UPDATE_FIXTURES=1 cargo test -p spool --test formats` writes the fixture of the current
//! version again; those of earlier versions are never touched.

#![allow(clippy::unwrap_used, reason = "a test")]

mod common;

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use common::{TestClock, body, bytes_of, envelope, open, options};
use mail::{Envelope, Notify, Origin, Protocol, ReversePath, SpoolId, Timestamp, TlsInfo};
use spool::sim::SimDisk;
use spool::{Event, RealDisk, Spool, SpoolMetrics, SystemClock, What};

const SEGMENT: &str = "spool/seg-00000001";
const LEDGER: &str = "ledger/00000001.led";

fn fixtures() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/v1")
}

fn rich_envelope() -> Envelope {
    let mut envelope = envelope(2);
    envelope.reverse_path = ReversePath::Mailbox("\"a b\"@client.example".parse().unwrap());
    envelope.recipients[1].notify = Notify::NEVER;
    envelope.recipients[1].orcpt = Some("rfc822;bo+2Bx@contoso.example".into());
    envelope.recipients[1].kind = mail::RecipientKind::Copy { site: mail::SiteName::new("cloud") };
    envelope.smtputf8 = true;
    envelope.ret = Some(mail::Ret::Headers);
    envelope.envid = Some("QQ314159".into());
    envelope
}

fn rich_origin() -> Origin {
    Origin {
        listener: "mx".into(),
        peer: Some("2001:db8::9".parse().unwrap()),
        helo: "client.example".into(),
        protocol: Protocol::Smtp,
        tls: Some(TlsInfo { version: "TLSv1.3".into(), cipher: "TLS_AES_128_GCM_SHA256".into() }),
        client_certificate: Some("site.example".into()),
    }
}

/// Events of every kind about the first recipient of `id`; the second one bounces.
fn events(id: SpoolId) -> Vec<Event> {
    let time = Timestamp::from_micros;
    let by = || "ann".to_owned();
    let (hop, host) = (|| "cloud".to_owned(), || "mx.cloud.example".to_owned());
    let whats = [
        What::Deferred {
            hop: hop(),
            host: host(),
            generation: 7,
            attempt: 1,
            reply: "451 4.7.0 später".into(),
            due: time(9),
            maybe_duplicate: true,
        },
        What::Held { by: by(), why: "test".into() },
        What::Released { by: by() },
        What::DelayNotified { dsn: None },
    ];
    let all = whats.into_iter().map(|what| Event { id, recipients: vec![0], at: time(5), what });
    all.collect()
}

/// One of everything: the disk after it.
fn written() -> (SimDisk, [SpoolId; 3]) {
    let (disk, clock) = (SimDisk::new(), TestClock::new());
    let (spool, _, mut hands) = open(&disk, &clock).unwrap();
    let mut incoming = spool.receive();
    incoming.write(&body(1, 200)).unwrap();
    let small = hands.finish(incoming.commit(rich_envelope(), rich_origin())).unwrap();
    let small = small.receipt.id();
    let mut incoming = spool.receive();
    incoming.write(&body(2, 9000)).unwrap();
    let large = hands.finish(incoming.commit(envelope(1), Origin::internal())).unwrap();
    events(small).into_iter().for_each(|it| spool.post(it));
    hands.commit();
    let dsn = spool.receive();
    let what = What::Bounced { generation: 7, reply: "550 5.1.1 no".into(), dsn: Some(dsn.id()) };
    let at = Timestamp::from_micros(6);
    let bounce = Event { id: small, recipients: vec![1], at, what };
    let dsn = hands.finish(dsn.commit_settling(envelope(1), Origin::internal(), bounce)).unwrap();
    hands.close();
    (disk, [small, large.receipt.id(), dsn.receipt.id()])
}

/// The file without the zeros at its end.
fn used(bytes: Vec<u8>) -> Vec<u8> {
    let end = bytes.iter().rposition(|&it| it != 0).map_or(0, |it| it + 1);
    bytes[..end].to_vec()
}

#[test]
fn this_version_writes_what_the_fixture_holds() {
    let (disk, [_, large, _]) = written();
    for path in [SEGMENT, LEDGER, &format!("spool/large/{large}")] {
        let bytes = used(disk.contents(path).unwrap());
        let file = fixtures().join(path);
        if std::env::var_os("UPDATE_FIXTURES").is_some() {
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(&file, &bytes).unwrap();
        }
        let same = fs::read(&file).is_ok_and(|it| it == bytes);
        assert!(same, "{path} differs: a changed format is a new version with its own fixture");
    }
}

fn copy(from: &PathBuf, to: &PathBuf) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let to = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &to);
        } else {
            fs::copy(entry.path(), to).unwrap();
        }
    }
}

#[test]
fn version_1_is_read() {
    let dir = tempfile::tempdir().unwrap();
    copy(&fixtures(), &dir.path().to_owned());
    let disk = Arc::new(RealDisk::new(dir.path()).unwrap());
    let (spool, recovery) =
        Spool::open(disk, options(), SpoolMetrics::new(), Arc::new(SystemClock)).unwrap();
    let found: Vec<_> = recovery.collect();
    let (_, ids) = written();
    assert_eq!(found.iter().map(|it| it.id).collect::<Vec<_>>(), ids);
    assert_eq!(found[0].envelope, rich_envelope());
    let first = &found[0].recipients[0];
    assert_eq!((first.attempts, first.due), (1, Some(Timestamp::from_micros(9))));
    assert_eq!(first.first_failed_at, Some(Timestamp::from_micros(5)));
    assert_eq!(first.last_reply.as_deref(), Some("451 4.7.0 später"));
    assert!(first.delay_notified && first.held_by.is_none() && first.maybe_duplicate);
    assert!(found[0].recipients[1].settled, "by the DSN that exists");
    let message = spool.load(ids[0]).unwrap();
    assert_eq!(message.origin, rich_origin());
    assert_eq!(bytes_of(&message.body).unwrap(), body(1, 200));
    assert_eq!(bytes_of(&spool.load(ids[1]).unwrap().body).unwrap(), body(2, 9000));
    let books = spool.ledger().verify().unwrap();
    assert_eq!(books.problems, Vec::<String>::new());
    assert_eq!((books.accepted, books.bounced, books.queued), (4, 1, 3));
    spool.close();
}

#[test]
fn a_later_version_is_not_touched() {
    let dir = tempfile::tempdir().unwrap();
    copy(&fixtures(), &dir.path().to_owned());
    let path = dir.path().join(SEGMENT);
    let mut bytes = fs::read(&path).unwrap();
    bytes[8] = 2;
    let crc = crc32fast::hash(&bytes[..40]);
    bytes[40..44].copy_from_slice(&crc.to_le_bytes());
    fs::write(&path, &bytes).unwrap();
    let disk = Arc::new(RealDisk::new(dir.path()).unwrap());
    let error = Spool::open(disk, options(), SpoolMetrics::new(), Arc::new(SystemClock)).err();
    let text = error.unwrap().to_string();
    assert_eq!(text, "spool/seg-00000001 was written by a later version: format 2");
    assert_eq!(fs::read(&path).unwrap(), bytes);
}
