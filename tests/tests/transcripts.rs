//! Every transcript, over TCP and TLS, against the real binary.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use e2e::certs::Certs;
use e2e::dialogue::{Dialogue, Setup};
use e2e::gateway::Gateway;
use e2e::peers::Server;
use e2e::sandbox::Sandbox;
use e2e::scratch;
use e2e::sink::Sink;
use e2e::smtp::Client;
use smtp::server::transcript::{self, Line};

/// The world of `transcripts/README.md`.
const TABLE: &str = "address,home,state\nanna@known.example,on_prem,on_prem\n\
    ben@known.example,on_prem,on_prem\ncarol@known.example,on_prem,on_prem\n\
    dave@known.example,on_prem,syncing\n";

struct Transcript {
    path: PathBuf,
    lines: Vec<Line>,
}

/// Transcripts by the settings that they need, so that each gateway serves many.
fn transcripts() -> Result<BTreeMap<Setup, Vec<Transcript>>> {
    let mut found: BTreeMap<Setup, Vec<_>> = BTreeMap::new();
    for entry in fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("transcripts"))? {
        let path = entry?.path();
        if path.extension().is_none_or(|extension| extension != "smtp") {
            continue;
        }
        let lines = transcript::parse(&fs::read_to_string(&path)?);
        let lines =
            lines.map_err(anyhow::Error::msg).with_context(|| path.display().to_string())?;
        found.entry(Setup::read(&lines)).or_default().push(Transcript { path, lines });
    }
    Ok(found)
}

fn config(setup: &Setup, data: &Path, certs: &Certs, on_prem: &Sink, cloud: &Sink) -> String {
    let mut listener = String::new();
    if setup.tls {
        let (certificate, key) = (certs.certificate.display(), certs.key.display());
        listener += &format!("tls_certificate = \"{certificate}\"\ntls_key = \"{key}\"\n");
    }
    if setup.xclient {
        listener += "xclient_from = [\"127.0.0.0/8\"]\n";
    }
    if setup.normalize {
        listener += "bare_newline = \"normalize\"\n";
    }
    let role = if setup.is_relay { "relay\"\nrelay_from = [\"127.0.0.0/8\"]" } else { "mx\"" };
    format!(
        "[server]\nhostname = \"gw.example\"\ndata_dir = \"{}\"\n\
         [[listener]]\nname = \"mx\"\nbind = \"127.0.0.1:0\"\nrole = \"{role}\n{listener}\
         [site.on_prem]\nhosts = [\"{}\"]\ntls = \"none\"\n\
         [site.cloud]\nhosts = [\"{}\"]\ntls = \"none\"\n\
         [[relay_domain]]\nname = \"known.example\"\nunlisted = \"reject\"\n\
         [routing]\ncopy_while_syncing = \"cloud\"\npostmaster = \"on_prem\"\n\
         [admin]\nbind = \"127.0.0.1:0\"\n[delivery]\nsmart_host = [\"{}\"]\n[limits]\n{}\n",
        data.display(),
        on_prem.address(),
        cloud.address(),
        cloud.address(),
        setup.limits.join("\n")
    )
}

/// Plays all transcripts that need this setup; the problems, each with its file.
fn play(setup: &Setup, files: &[Transcript]) -> Result<Vec<String>> {
    let folder = scratch::folder()?;
    let certs = Certs::new(folder.path())?;
    let (on_prem, cloud) = (Sink::start("on_prem")?, Sink::start("cloud")?);
    let data = folder.path().join("data");
    let config = config(setup, &data, &certs, &on_prem, &cloud);
    let mut gateway = Gateway::new(Sandbox::new()?, folder.path(), &data, &config)?;
    gateway.start()?;
    let table = folder.path().join("table.csv");
    fs::write(&table, TABLE)?;
    gateway.command(&["route", "import", &table.to_string_lossy()])?;
    let sinks = [&on_prem, &cloud];
    let tls = Some(certs.client_config()?);
    let mut problems = Vec::new();
    for Transcript { path, lines } in files {
        let client = Client::dial(gateway.address())?;
        if let Err(problem) = Dialogue::new(client, &sinks, tls.clone()).run(lines) {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            problems.push(format!("{name}: {problem:#}"));
        }
    }
    Ok(problems)
}

#[test]
fn every_transcript_holds_over_tcp() -> Result<()> {
    let transcripts = transcripts()?;
    let (mut problems, mut n_played) = (Vec::new(), 0);
    for (setup, files) in transcripts.iter().filter(|(setup, _)| !setup.core_only) {
        n_played += files.len();
        problems.extend(play(setup, files).with_context(|| format!("{setup:?}"))?);
    }
    eprintln!("{n_played} transcripts over TCP, {} gateways", transcripts.len());
    ensure!(n_played > 20, "only {n_played} transcripts found");
    ensure!(problems.is_empty(), "{} problems\n{}", problems.len(), problems.join("\n"));
    Ok(())
}
