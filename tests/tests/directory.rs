//! Recipients from a real slapd with twenty thousand users, whole, changed, cut down and gone.

use std::fs;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt as _;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use e2e::certs::Certs;
use e2e::gateway::{Gateway, Settings};
use e2e::load::{Load, Outcome, Plan};
use e2e::peers::postfix::{self, Postfix};
use e2e::peers::slapd::{BASE, READER, READER_PASSWORD, Slapd, user, without};
use e2e::peers::{Server, Sites};
use e2e::sandbox::Sandbox;
use e2e::sink::Sink;
use e2e::smtp::Client;
use e2e::trial::sinks;
use e2e::{ports, scratch, wait};
use serde_json::Value;
use tempfile::TempDir;

const N_USERS: usize = 20_000;
const SYNC_BOUND: Duration = Duration::from_secs(120);
/// Is not ours to refuse while it is not known whether it exists.
const NOBODY: &str = "nobody.at.all@example.test";

struct World {
    gateway: Gateway,
    slapd: Slapd,
    _sinks: [Sink; 2],
    _folder: TempDir,
}

impl World {
    fn new(n_users: usize, more: &str) -> Result<Self> {
        let folder = scratch::folder()?;
        let certs = Certs::new(folder.path())?;
        let mut slapd = Slapd::new(folder.path(), &certs, n_users)?;
        slapd.start()?;
        let password = folder.path().join("password");
        fs::write(&password, format!("{READER_PASSWORD}\n"))?;
        fs::set_permissions(&password, fs::Permissions::from_mode(0o600))?;
        let source = |name: &str, url: String| {
            format!(
                "[directory.{name}]\nkind = \"ldap\"\nurl = \"{url}\"\nca_file = \"{}\"\n\
                 bind_dn = \"{READER}\"\npassword_file = \"{}\"\nbase = \"{BASE}\"\n\
                 refresh = \"1s\"\n{more}\n",
                certs.authority.display(),
                password.display(),
            )
        };
        let (sinks, sites) = sinks()?;
        let data = folder.path().join("data");
        let mut settings = Settings::default();
        settings.sections += &source("ad", format!("ldap://localhost:{}", slapd.plain.port()));
        settings.sections += &source("secure", format!("ldaps://localhost:{}", slapd.tls.port()));
        settings.sections +=
            "[limits]\nunknown_recipients_soft = 9999\nunknown_recipients_hard = 9999\n";
        let config = settings.config(&data, sites);
        let config =
            config.replace("unlisted = \"even\"", "unlisted = \"even\"\ndirectory = [\"ad\"]");
        let mut gateway = Gateway::new(Sandbox::new()?, folder.path(), &data, &config)?;
        gateway.start()?;
        gateway.import_table()?;
        let world = Self { gateway, slapd, _sinks: sinks, _folder: folder };
        world.until("ad", "ok")?;
        Ok(world)
    }

    fn source(&self, name: &str) -> Result<Value> {
        let status = self.gateway.json(&["directory", "status"])?;
        let sources = status["sources"].as_array().context("sources")?;
        sources.iter().find(|it| it["name"] == name).cloned().context("no such source")
    }

    fn until(&self, name: &str, state: &str) -> Result<()> {
        wait::until(&format!("{name} to be {state}"), SYNC_BOUND, || {
            self.source(name).is_ok_and(|it| it["state"] == state)
        })
        .with_context(|| format!("{:?}", self.source(name)))
    }

    /// The code and text of the reply to RCPT.
    fn rcpt(&self, to: &str) -> Result<String> {
        let mut client = Client::open(self.gateway.listener("mx")?)?;
        client.expect("MAIL FROM:<a@stranger.example>", 250)?;
        let reply = client.command(&format!("RCPT TO:<{to}>"))?;
        Ok(format!("{} {}", reply.code, reply.text))
    }

    fn expect(&self, to: &str, begins: &str) -> Result<()> {
        let reply = self.rcpt(to)?;
        ensure!(reply.starts_with(begins), "{to} was answered {reply}, not {begins}");
        Ok(())
    }

    fn until_rcpt(&self, to: &str, begins: &str) -> Result<Duration> {
        let begun = Instant::now();
        wait::until(&format!("{to} to be answered {begins}"), SYNC_BOUND, || {
            self.rcpt(to).is_ok_and(|it| it.starts_with(begins))
        })?;
        Ok(begun.elapsed())
    }
}

#[test]
fn twenty_thousand_users_come_by_pages_and_change_one_by_one() -> Result<()> {
    let world = World::new(N_USERS, "")?;
    let (code, entries) = world.slapd.search("(objectClass=user)", &[])?;
    assert_eq!((code, entries), (4, 1000), "the limit holds without pages");
    let ad = world.source("ad")?;
    assert_eq!(ad["recipients"], N_USERS, "{ad}");
    assert_eq!(ad["addresses"], 2 * N_USERS);
    world.until("secure", "ok")?;
    assert_eq!(world.source("secure")?["recipients"], N_USERS, "by LDAPS as by StartTLS");
    let synced = world.gateway.json(&["directory", "sync", "ad"])?;
    println!("full sync of {N_USERS}: {synced}");
    let status = fs::read_to_string(format!("/proc/{}/status", world.gateway.pid()?))?;
    println!("{}", status.lines().filter(|it| it.starts_with("VmRSS")).collect::<String>());

    world.expect("user19999@example.test", "250")?;
    world.expect("ALIAS.19999+tag@example.test", "250")?;
    world.expect(NOBODY, "550 5.1.1")?;
    let imceaex =
        "IMCEAEX-_O=EXAMPLE_OU=EXCHANGE+20GROUP+20+28X+29_CN=RECIPIENTS_CN=USER7@example.test";
    world.expect(imceaex, "250")?;
    let explained = world.gateway.json(&["explain", imceaex])?;
    assert_eq!(
        (&explained["hop"], &explained["onward"]),
        (&"odd".into(), &"user7@example.test".into())
    );
    let explained = world.gateway.json(&["explain", "alias.9@example.test"])?;
    assert_eq!(
        explained["hop"], "odd",
        "an alias goes where the mailbox's entry says: {explained}"
    );
    let explained = world.gateway.json(&["explain", "alias.8@example.test"])?;
    assert_eq!(explained["hop"], "even", "unlisted");

    let mut change = user(30_000, 30_001, &[]);
    change += &format!(
        "dn: cn=user5,{BASE}\nchangetype: modify\nreplace: uSNChanged\nuSNChanged: 30002\n-\n\
         add: proxyAddresses\nproxyAddresses: smtp:five@example.test\n\n"
    );
    change += &user(30_003, 30_003, &["proxyAddresses: nonsense"]);
    world.slapd.modify(&change)?;
    println!("a new user is known after {:?}", world.until_rcpt("user30000@example.test", "250")?);
    world.expect("five@example.test", "250")?;
    world.expect("user30003@example.test", "250")?;
    let shown = world.gateway.json(&["directory", "show", "five@example.test"])?;
    assert_eq!(shown["address"], "user5@example.test");
    let last = &world.source("ad")?["last_sync"];
    assert!(last["full"] == false && last["entries"].as_u64() < Some(10), "{last}");
    world.gateway.verify_ledger()
}

#[test]
fn a_directory_that_loses_many_asks_first() -> Result<()> {
    let world = World::new(1000, "")?;
    let gone: String = (500..700).map(without).collect();
    world.slapd.modify(&gone)?;
    let out = world.gateway.cli(&["directory", "sync", "ad"])?;
    let said = String::from_utf8_lossy(&out.stdout).into_owned();
    assert_eq!(out.status.code(), Some(6), "{said}");
    assert!(said.contains("400 of 2000 addresses would be removed"), "{said}");
    assert_eq!(world.source("ad")?["state"], "needs_confirmation");
    world.expect("user600@example.test", "250")?;
    world.expect(NOBODY, "451 4.4.3")?;
    world.gateway.command(&["directory", "sync", "ad", "--accept-removals"])?;
    world.expect("user600@example.test", "550 5.1.1")?;
    world.expect("user499@example.test", "250")?;
    assert_eq!(world.source("ad")?["recipients"], 800);
    let drift = world.gateway.cli(&["directory", "drift"])?;
    let said = String::from_utf8_lossy(&drift.stdout).into_owned();
    assert_eq!(drift.status.code(), Some(1), "{said}");
    assert!(said.contains("causeway route remove user501@example.test"), "{said}");
    assert!(said.contains("causeway route set user0@example.test --home even"), "{said}");
    Ok(())
}

/// Acceptance: slapd stops and starts during mail flow, and nobody who exists is refused.
#[test]
fn while_the_directory_is_down_nobody_is_refused() -> Result<()> {
    let mut world = World::new(N_USERS, "")?;
    let mut plan = Plan::new(world.gateway.address(), "d");
    plan.recipients = |n| vec![format!("user{}@example.test", (n * 7) % N_USERS)];
    let load = Load::start(&plan);
    wait::until("mail to flow", SYNC_BOUND, || load.n_accepted() >= 50)?;
    for round in 0..2 {
        world.slapd.kill()?;
        println!("noticed after {:?}", world.until_rcpt(NOBODY, "451 4.4.3")?);
        world.until("ad", "failed")?;
        let before = load.n_accepted();
        for n in (0..N_USERS).step_by(997) {
            world.expect(&format!("user{n}@example.test"), "250")?;
            world.expect(&format!("alias.{n}@example.test"), "250")?;
            world.expect(&format!("no.such.{n}@example.test"), "451 4.4.3")?;
        }
        wait::until("mail to flow on", SYNC_BOUND, || load.n_accepted() >= before + 50)?;
        if round == 1 {
            break;
        }
        world.slapd.start()?;
        println!("back after {:?}", world.until_rcpt(NOBODY, "550 5.1.1")?);
    }
    let sent = load.stop();
    let refused: Vec<_> =
        sent.iter().filter(|it| matches!(it.outcome, Outcome::Refused(_))).collect();
    assert!(refused.is_empty(), "{refused:?}");
    println!("{} messages sent, none refused", sent.len());

    // The last good copy outlives a restart, too.
    world.gateway.terminate()?;
    world.gateway.start()?;
    world.expect("user19999@example.test", "250")?;
    world.expect(NOBODY, "451 4.4.3")?;
    world.slapd.start()?;
    world.until_rcpt(NOBODY, "550 5.1.1")?;
    world.gateway.verify_ledger()
}

/// A gateway whose recipients come by import, or from the site `even`.
fn small(kind: &str, even: SocketAddr) -> Result<(Gateway, TempDir)> {
    let folder = scratch::folder()?;
    let data = folder.path().join("data");
    let mut settings = Settings::default();
    settings.sections += &format!("[directory.list]\nkind = {kind}\n");
    let sites = Sites { odd: even, even };
    let config = settings
        .config(&data, sites)
        .replace("unlisted = \"even\"", "unlisted = \"even\"\ndirectory = [\"list\"]");
    let mut gateway = Gateway::new(Sandbox::new()?, folder.path(), &data, &config)?;
    gateway.start()?;
    Ok((gateway, folder))
}

fn rcpt(gateway: &Gateway, to: &str) -> Result<String> {
    let mut client = Client::open(gateway.listener("mx")?)?;
    client.expect("MAIL FROM:<a@stranger.example>", 250)?;
    let reply = client.command(&format!("RCPT TO:<{to}@example.test>"))?;
    Ok(format!("{} {}", reply.code, reply.text))
}

#[test]
fn a_file_that_was_imported_is_everybody_also_after_a_restart() -> Result<()> {
    let (mut gateway, folder) = small("\"csv\"", ports::free()?)?;
    assert!(rcpt(&gateway, "anna")?.starts_with("451 4.4.3"), "nothing was imported yet");
    let file = folder.path().join("people.csv");
    let file = file.to_string_lossy();
    fs::write(&*file, "address,aliases\nno at,\nanna@example.test,a@example.test a@b\n,\n")?;
    let wrong = gateway.cli(&["directory", "import", "list", &file])?;
    let said = String::from_utf8_lossy(&wrong.stderr).into_owned();
    assert!(said.contains("line 2, column address") && said.contains("line 4"), "{said}");
    fs::write(&*file, "address,aliases\nanna@example.test,a@example.test\n")?;
    gateway.command(&["directory", "import", "list", &file])?;
    for _ in 0..2 {
        assert!(rcpt(&gateway, "a")?.starts_with("250"));
        assert!(rcpt(&gateway, "bert")?.starts_with("550 5.1.1"));
        assert!(rcpt(&gateway, "postmaster")?.starts_with("250"));
        gateway.terminate()?;
        gateway.start()?;
    }
    Ok(())
}

#[test]
fn a_postfix_is_asked_about_recipients_and_remembered_while_it_is_down() -> Result<()> {
    let folder = scratch::folder()?;
    let map = folder.path().join("recipients");
    fs::write(&map, "anna@example.test x\nbert@example.test x\n")?;
    let extra = format!(
        "relay_domains = example.test\nrelay_recipient_maps = texthash:{}\n\
         smtpd_delay_reject = no\n",
        map.display()
    );
    let nowhere = ports::free()?;
    let sites = Sites { odd: nowhere, even: nowhere };
    let options =
        postfix::Options { folder: folder.path(), spool: folder.path(), sites, extra: &extra };
    let mut site = Postfix::new(Sandbox::new()?, &options)?;
    site.start()?;
    let (gateway, _folder) = small("\"callout\"\nsite = \"even\"", site.address())?;
    assert!(rcpt(&gateway, "anna")?.starts_with("250"));
    assert!(rcpt(&gateway, "nobody")?.starts_with("550 5.1.1"));
    let said = gateway.json(&["explain", "carl@example.test"])?;
    assert_eq!(said["verdict"], "ask", "{said}");
    site.sandbox().kill_all()?;
    assert!(rcpt(&gateway, "anna")?.starts_with("250"), "remembered");
    assert!(rcpt(&gateway, "nobody")?.starts_with("550 5.1.1"), "remembered");
    assert!(rcpt(&gateway, "bert")?.starts_with("451 4.4.3"), "never asked");
    Ok(())
}

/// The rail `loop` by what Active Directory says: the old home would send the mail back to us.
#[test]
fn a_mailbox_that_its_directory_sends_on_to_us_does_not_go_back() -> Result<()> {
    let world = World::new(100, "")?;
    let (anna, bert) = ("user5@example.test", "user7@example.test");
    let on = |n: usize, usn: usize, what: &str| {
        format!(
            "dn: cn=user{n},{BASE}\nchangetype: modify\nreplace: uSNChanged\nuSNChanged: {usn}\n-\n\
             {what}\n\n"
        )
    };
    let target = "replace: targetAddress\ntargetAddress: SMTP:user5@example.test";
    world.slapd.modify(&on(5, 30_001, target))?;
    let known =
        |address: &str| -> Result<Value> { world.gateway.json(&["directory", "show", address]) };
    wait::until("the target to be known", SYNC_BOUND, || {
        known(anna).is_ok_and(|it| it["target_address"] == "user5@example.test")
    })?;
    for (mailbox, blocked) in [(anna, true), (bert, false)] {
        world.gateway.command(&["route", "set", mailbox, "--home", "odd", "--state", "cloud"])?;
        let tries: [&[&str]; 2] = [
            &["route", "set", mailbox, "--home", "even", "--state", "on_prem", "--dry-run"],
            &["move", "transition", "on_prem", mailbox, "--home", "even", "--dry-run"],
        ];
        for line in tries {
            let out = world.gateway.cli(line)?;
            let said = String::from_utf8_lossy(&out.stdout).into_owned();
            ensure!(said.contains("blocked: loop") == blocked, "{line:?}: {said}");
            let for_real: Vec<&str> =
                line.iter().copied().filter(|it| *it != "--dry-run").collect();
            if blocked {
                let out = world.gateway.cli(&for_real)?;
                let said = String::from_utf8_lossy(&out.stderr).into_owned();
                assert_eq!(out.status.code(), Some(6), "{said}");
                assert!(said.contains("even would send the mail back here"), "{said}");
            }
        }
    }
    // The directory is put right, and the way is free.
    world.slapd.modify(&on(5, 30_002, "delete: targetAddress"))?;
    wait::until("the target to be gone", SYNC_BOUND, || {
        known(anna).is_ok_and(|it| it["target_address"].is_null())
    })?;
    world.gateway.command(&["move", "transition", "on_prem", anna, "--home", "even"])?;
    Ok(())
}
