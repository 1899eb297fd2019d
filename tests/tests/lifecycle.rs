//! Start, reload, stop: what an operator does on an ordinary day.

use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use e2e::certs::{Certs, NAME};
use e2e::gateway::{self, Settings};
use e2e::load::{Load, Outcome, Plan};
use e2e::peers::Server;
use e2e::rig::Rig;
use e2e::smtp::Client;
use e2e::{scratch, wait};

#[test]
fn sigterm_drains_and_exits_0_and_nothing_is_lost() -> Result<()> {
    let mut rig = Rig::new(&Settings::default())?;
    let load = Load::start(&Plan::new(rig.gateway.address(), "before"));
    wait::until("mail to flow", Duration::from_secs(20), || load.n_accepted() >= 200)?;
    let code = rig.gateway.terminate()?;
    let sent = load.stop();
    ensure!(code == 0, "exit code {code}");
    let unknown = sent.iter().filter(|one| one.outcome == Outcome::Unknown).count();
    // One client at most is cut off between messages on each connection.
    ensure!(unknown <= 4, "{unknown} messages were left without an answer");
    rig.gateway.start()?;
    rig.gateway.flush()?;
    eprintln!("{}", rig.settle(&sent)?);
    Ok(())
}

#[test]
fn a_new_certificate_is_used_after_sighup_and_a_bad_file_changes_nothing() -> Result<()> {
    let folder = scratch::folder()?;
    let (old, new) = (folder.path().join("old"), folder.path().join("new"));
    std::fs::create_dir_all(&old)?;
    std::fs::create_dir_all(&new)?;
    let (old, new) = (Certs::new(&old)?, Certs::new(&new)?);
    let settings = Settings {
        listener: format!(
            "tls_certificate = \"{}\"\ntls_key = \"{}\"\n",
            old.certificate.display(),
            old.key.display()
        ),
        ..Settings::default()
    };
    let rig = Rig::new(&settings)?;
    let shakes_hands = |certs: &Certs| -> Result<()> {
        Client::open(rig.gateway.address())?.start_tls(certs.client_config()?, NAME)
    };
    shakes_hands(&old)?;
    ensure!(shakes_hands(&new).is_err(), "the new authority is trusted too early");

    let good = std::fs::read_to_string(rig.gateway.config_path())?;
    rig.gateway.configure("nonsense = [")?;
    rig.gateway.hang_up()?;
    wait::until("a complaint in the log", Duration::from_secs(10), || {
        rig.gateway.log().contains("causeway.toml")
    })?;
    shakes_hands(&old)?;

    // As renewal does it: new files in the place of the old.
    rig.gateway.configure(&good)?;
    std::fs::copy(&new.certificate, &old.certificate)?;
    std::fs::copy(&new.key, &old.key)?;
    rig.gateway.hang_up()?;
    let taken =
        wait::until("the new certificate", Duration::from_secs(10), || shakes_hands(&new).is_ok());
    ensure!(taken.is_ok(), "{taken:?}: {}", rig.gateway.log());
    Ok(())
}

#[test]
fn the_demo_accounts_for_every_message_within_half_a_minute() -> Result<()> {
    let start = Instant::now();
    let out = Command::new(gateway::binary()).arg("demo").output()?;
    let said = String::from_utf8_lossy(&out.stdout);
    let wrong = String::from_utf8_lossy(&out.stderr);
    eprintln!("{said}{wrong}");
    ensure!(out.status.success(), "{}", out.status);
    ensure!(start.elapsed() < Duration::from_secs(30), "took {:?}", start.elapsed());
    Ok(())
}
