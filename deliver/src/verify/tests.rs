//! Checks of recipients with a site over real sockets.

use std::sync::Arc;
use std::time::Duration;

use config::{Config, Hosts, IpPreference};
use directory::{Directory, DirectoryMetrics};
use mail::{Address, SiteName, Template, Unlisted};
use parking_lot::Mutex;
use prometheus::Registry;
use router::{Domains, Rules};
use spool::{RealDisk, Spool, SpoolMetrics, SystemClock};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::RecipientVerdict::{self, Accepted, Refused, Unknown};
use crate::mx::{Resolver, ResolverSettings};
use crate::queue::Batch;
use crate::retry::RetrySettings;
use crate::tls::ClientTls;
use crate::{DeliverMetrics, Delivery, HopSettings, Parts, Routes, Settings};

/// A site that answers RCPT by the first word of the local part.
#[derive(Clone, Default)]
struct Site(Arc<Mutex<Vec<String>>>);

impl Site {
    async fn serve(self, listener: TcpListener) {
        while let Ok((stream, _)) = listener.accept().await {
            TaskTracker::new().spawn(self.clone().talk(stream));
        }
    }

    async fn talk(self, mut stream: TcpStream) {
        let (read, mut write) = stream.split();
        let mut lines = BufReader::new(read).lines();
        write.write_all(b"220 mx ESMTP\r\n").await.unwrap();
        while let Ok(Some(line)) = lines.next_line().await {
            let reply =
                match line.strip_prefix("RCPT TO:<").and_then(|it| it.split(['.', '@']).next()) {
                    None if line.starts_with("EHLO") => "250-mx\r\n250 PIPELINING",
                    None => "250 2.0.0 ok",
                    Some("no") => "550 5.1.1 no such user",
                    Some("policy") => "550 5.7.1 not from there",
                    Some("later") => "451 4.3.0 try later",
                    Some("slow") => {
                        tokio::time::sleep(Duration::from_millis(1_100)).await;
                        "550 5.1.10 RESOLVER.ADR.RecipientNotFound; not found"
                    }
                    Some("mute") => {
                        tokio::time::sleep(Duration::from_secs(3)).await;
                        "250 2.1.5 at last"
                    }
                    Some("busy") => "421 4.3.2 go away",
                    Some(_) => "250 2.1.5 ok",
                };
            self.0.lock().push(line);
            if write.write_all(format!("{reply}\r\n").as_bytes()).await.is_err() {
                return;
            }
        }
    }

    fn n(&self, verb: &str) -> usize {
        self.0.lock().iter().filter(|it| it.starts_with(verb)).count()
    }
}

struct World {
    delivery: Delivery,
    site: Site,
    _dir: TempDir,
}

async fn world(check: &str) -> World {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let site = Site::default();
    TaskTracker::new().spawn(site.clone().serve(listener));
    let (delivery, _dir) = delivery(&address, check);
    World { delivery, site, _dir }
}

fn domains() -> Domains {
    Domains::from(Rules {
        relay_domains: vec![(
            "ours.example".parse().unwrap(),
            Unlisted::Site(SiteName::new("on_prem")),
        )],
        sites: vec![(
            SiteName::new("on_prem"),
            Template::AtDomain("inner.example".parse().unwrap()),
        )],
        ..Rules::default()
    })
}

fn delivery(address: &str, check: &str) -> (Delivery, TempDir) {
    let dir = tempfile::tempdir().unwrap();
    let text = format!(
        "[server]\nhostname = \"gw.example\"\ndata_dir = \"/tmp\"\n\
         [[listener]]\nname = \"in\"\nbind = \"127.0.0.1:0\"\nrole = \"mx\"\n\
         [site.on_prem]\nhosts = [\"{address}\"]\n\
         [[relay_domain]]\nname = \"ours.example\"\nunlisted = \"on_prem\"\n\
         [recipient_check]\nrcpt_timeout = \"2s\"\nslow_after = \"1s\"\n{check}\n"
    );
    let config = Config::parse(&text, "causeway.toml").unwrap();
    let hop = |hosts: Hosts| HopSettings {
        hosts,
        ip: IpPreference::V4First,
        tls: ClientTls::none(),
        chunking: true,
        connections_max: 2,
        recipients_max: 3,
        messages_per_connection_max: 10,
        batch: Batch { messages_max: 1, bytes_max: 1 },
        probe_every: Duration::from_secs(1),
    };
    let metrics = DirectoryMetrics::register(&Registry::new()).unwrap();
    let directory = Directory::open(&dir.path().join("table.db"), metrics).unwrap();
    let disk = Arc::new(RealDisk::new(dir.path()).unwrap());
    let clock = Arc::new(SystemClock);
    let (spool, _) =
        Spool::open(disk, spool::Options::default(), SpoolMetrics::new(), clock).unwrap();
    let delivery = Delivery::new(Parts {
        spool,
        routes: Arc::new(Routes::new(Arc::new(directory), domains(), false)),
        sites: vec![(SiteName::new("on_prem"), hop(config.sites[0].hosts.clone()))],
        settings: Settings {
            hostname: "gw.example".parse().unwrap(),
            retry: RetrySettings {
                schedule: vec![Duration::from_secs(60)],
                lifetime: Duration::from_secs(600),
                dsn_lifetime: Duration::from_secs(600),
                delay_notice_after: None,
            },
            directory_lag_grace: Duration::ZERO,
            timeouts: config.delivery.timeouts.clone(),
            mx: hop(Hosts::List(Vec::new())),
            smart_host: None,
            bounce_bytes_max: 0,
            memory_bodies_max: 0,
            recipient_check: config.recipient_check,
        },
        resolver: Resolver::new(ResolverSettings {
            servers: Some(vec!["127.0.0.1:9".parse().unwrap()]),
            hostname: "gw.example".parse().unwrap(),
            own_addresses: Vec::new(),
            mx_port: 25,
        })
        .unwrap(),
        events: events::Events::new(0, 0, CancellationToken::new()),
        metrics: DeliverMetrics::new(&Registry::new()).unwrap(),
        shards: Vec::new(),
        tracker: TaskTracker::new(),
        stop: CancellationToken::new(),
    });
    (delivery, dir)
}

impl World {
    async fn ask(&self, names: &[&str]) -> Vec<RecipientVerdict> {
        ask(&self.delivery, names).await
    }
}

async fn ask(delivery: &Delivery, names: &[&str]) -> Vec<RecipientVerdict> {
    let addresses: Vec<Address> =
        names.iter().map(|it| format!("{it}@ours.example").parse().unwrap()).collect();
    let answers = delivery.verify_recipients(&SiteName::new("on_prem"), addresses.clone()).await;
    assert!(answers.iter().map(|it| &it.0).eq(&addresses), "in their order");
    answers.into_iter().map(|it| it.1).collect()
}

fn why(verdict: &RecipientVerdict) -> &str {
    match verdict {
        Unknown(why) => why,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn each_recipient_is_asked_once_by_the_name_that_the_site_knows() {
    let world = world("").await;
    let answers = world.ask(&["ok", "no", "OK", "policy", "later"]).await;
    assert_eq!(answers[0], Accepted);
    assert!(matches!(&answers[1], Refused(reply) if reply.code == 550), "{answers:?}");
    assert_eq!(answers[2], Accepted);
    assert!(why(&answers[3]).contains("5.7.1"), "policy says nothing of the recipient");
    assert!(why(&answers[4]).contains("451"));
    assert!(world.site.0.lock().contains(&"RCPT TO:<ok@inner.example>".to_owned()));
    assert_eq!((world.site.n("RCPT"), world.site.n("RSET"), world.site.n("DATA")), (4, 1, 0));
    assert_eq!(world.ask(&["ok", "no"]).await, answers[..2], "from the cache");
    assert_eq!(world.site.n("RCPT"), 4);
    world.ask(&["later"]).await;
    assert_eq!(world.site.n("RCPT"), 5, "what is unknown is asked again");
}

#[tokio::test]
async fn many_recipients_take_more_transactions_and_connections() {
    let world = world("recipients_per_second = 1000\npause_after_refusal = \"1ms\"").await;
    let accepted: Vec<String> = (0..7).map(|it| format!("ok.{it}")).collect();
    let accepted: Vec<&str> = accepted.iter().map(String::as_str).collect();
    assert!(world.ask(&accepted).await.iter().all(|it| *it == Accepted));
    assert_eq!((world.site.n("EHLO"), world.site.n("MAIL")), (1, 3), "three to a transaction");
    let refused: Vec<String> = (0..17).map(|it| format!("no.{it}")).collect();
    let refused: Vec<&str> = refused.iter().map(String::as_str).collect();
    assert!(world.ask(&refused).await.iter().all(|it| matches!(it, Refused(_))));
    assert_eq!(world.site.n("EHLO"), 1 + 3, "eight refusals to a connection");
}

#[tokio::test]
async fn a_site_that_delays_its_answers_is_left_in_peace() {
    let world = world("slow_max = 2").await;
    let answers = world.ask(&["slow.1", "slow.2", "slow.3", "ok"]).await;
    assert!(matches!(&answers[0], Refused(_)), "{answers:?}");
    assert!(matches!(&answers[1], Refused(_)), "{answers:?}");
    assert!(why(&answers[2]).contains("delays its answers"), "{answers:?}");
    assert!(why(&answers[3]).contains("delays its answers"), "{answers:?}");
    assert_eq!(world.site.n("RCPT"), 2);
}

#[tokio::test]
async fn no_answer_is_no_verdict_and_the_rest_is_asked_on_another_connection() {
    let world = world("").await;
    let answers = world.ask(&["mute", "ok"]).await;
    assert!(why(&answers[0]).contains("no answer"), "{answers:?}");
    assert_eq!(answers[1], Accepted);
    assert_eq!(world.site.n("EHLO"), 2);
}

#[tokio::test]
async fn bounds_leave_the_rest_unknown() {
    let world = world("recipients_max = 2\ntime_max = \"1s\"\nrecipients_per_second = 1").await;
    let answers = world.ask(&["a", "b", "c"]).await;
    assert_eq!(answers[0], Accepted);
    assert!(why(&answers[2]).contains("within 1 s") || why(&answers[2]).contains("only 2"));
    let answers = world.ask(&["busy"]).await;
    assert!(why(&answers[0]).contains("421") || why(&answers[0]).contains("within 1 s"));
}

#[tokio::test]
async fn a_site_that_is_not_there_is_not_asked_each_time() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    drop(listener);
    let (delivery, _dir) = delivery(&address, "");
    let first = ask(&delivery, &["ok"]).await;
    assert!(why(&first[0]).contains("cannot be reached"), "{first:?}");
    let listener = TcpListener::bind(&address).await.unwrap();
    TaskTracker::new().spawn(Site::default().serve(listener));
    assert_eq!(ask(&delivery, &["ok"]).await, first, "not again within failed_for");
    let moon = SiteName::new("moon");
    let none = delivery.verify_recipients(&moon, vec!["a@b.c".parse().unwrap()]);
    assert!(why(&none.await[0].1).contains("no site moon"));
}
