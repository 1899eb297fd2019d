//! What a gateway has that has been used for a while: rows, moves, plans, people, programs, mail.

use std::fmt::Write as _;
use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use super::Gateway;

const N_ROWS: usize = 120;
const N_PLANS: usize = 40;
const N_PEOPLE: usize = 12;
const N_MESSAGES: usize = 60;
pub(super) const PASSWORD: &str = "correct horse battery staple";

/// Names of what is there.
#[derive(Default)]
pub(super) struct Seeds {
    pub(super) addresses: Vec<String>,
    /// Those of them that are in cutover.
    pub(super) cut_over: Vec<String>,
    pub(super) plans: Vec<String>,
    pub(super) users: Vec<String>,
    pub(super) tokens: Vec<String>,
    pub(super) sessions: Vec<String>,
    pub(super) messages: Vec<String>,
    /// One that has many messages in doubt after a kill, and these.
    pub(super) doubted: String,
    pub(super) doubts: Vec<String>,
}

pub(super) fn seed(gateway: &Gateway) -> Result<Seeds> {
    let mut seeds = Seeds::default();
    rows(gateway, &mut seeds)?;
    people(gateway, &mut seeds)?;
    plans(gateway, &mut seeds)?;
    mail(gateway, &mut seeds)?;
    Ok(seeds)
}

/// Every state, in batches of ten; and the same people in a directory.
fn rows(gateway: &Gateway, seeds: &mut Seeds) -> Result<()> {
    let mut table = String::from("address,home,state,batch\n");
    let mut people = String::from("address\n");
    // Those of whom the document's examples speak.
    for name in ["anna", "bert"] {
        writeln!(table, "{name}@contoso.example,on_prem,on_prem,wave-7")?;
        writeln!(people, "{name}@contoso.example")?;
    }
    for n in 0..N_ROWS {
        let address = format!("user{n:03}@contoso.example");
        let (home, state) = [
            ("on_prem", "on_prem"),
            ("on_prem", "syncing"),
            ("on_prem", "cutover"),
            ("cloud", "cloud"),
            ("cloud", "settled"),
        ][n % 5];
        writeln!(table, "{address},{home},{state},wave-{}", n / 10)?;
        writeln!(people, "{address}")?;
        if state == "cutover" {
            seeds.cut_over.push(address.clone());
        }
        seeds.addresses.push(address);
    }
    let file = |name: &str, text: &str| fs::write(gateway.folder.join(name), text);
    file("table.csv", &table)?;
    file("people.csv", &people)?;
    gateway.causeway(&["route", "import", "table.csv", "--reason", "first"])?;
    gateway.causeway(&["directory", "import", "people", "people.csv"])?;
    for n in 0..4 {
        let address = format!("late{n}@contoso.example");
        gateway.causeway(&["route", "set", &address, "--home", "cloud"])?;
    }
    Ok(())
}

fn people(gateway: &Gateway, seeds: &mut Seeds) -> Result<()> {
    fs::write(gateway.folder.join("password"), format!("{PASSWORD}\n"))?;
    for n in 0..N_PEOPLE {
        let (user, token) = (format!("user{n}"), format!("program {n}"));
        let role = ["viewer", "operator", "approver", "administrator"][n % 4];
        gateway.causeway(&["user", "add", &user, "--role", role, "--password-file", "password"])?;
        gateway.causeway(&["token", "make", &token, "--role", role])?;
        login(gateway, &user)?;
        seeds.users.push(user);
    }
    seeds.tokens = gateway.ids(&["token", "list"], "id")?;
    seeds.sessions = gateway.ids(&["session", "list"], "id")?;
    Ok(())
}

/// A session, of which nobody keeps the cookie.
fn login(gateway: &Gateway, user: &str) -> Result<()> {
    let body = serde_json::json!({ "user": user, "password": PASSWORD }).to_string();
    let answer = gateway.http(&format!(
        "POST /api/v1/session HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    ))?;
    ensure!(answer.starts_with("HTTP/1.1 200"), "cannot log in: {answer}");
    Ok(())
}

fn plans(gateway: &Gateway, seeds: &mut Seeds) -> Result<()> {
    for n in 0..N_PLANS {
        let address = format!("user{n:03}@contoso.example");
        let home = ["cloud", "on_prem"][n % 2];
        let mut line = vec!["route", "plan", "--set", &address, "--home", home, "--reason", "seed"];
        if n % 5 == 0 {
            line.push("--second-person");
        }
        let made = gateway.causeway_json(&line)?;
        let id = made.first().and_then(|it| it["id"].as_str()).context("a plan has an id")?;
        seeds.plans.push(id.to_owned());
    }
    Ok(())
}

/// For mailboxes in every state; nobody takes it.
fn mail(gateway: &Gateway, seeds: &mut Seeds) -> Result<()> {
    let mut stream = TcpStream::connect(&gateway.mx)?;
    let mut lines = BufReader::new(stream.try_clone()?).lines();
    let mut until = |code: &str| -> Result<()> {
        for line in lines.by_ref() {
            if line?.starts_with(code) {
                return Ok(());
            }
        }
        anyhow::bail!("no {code} came")
    };
    until("220 ")?;
    stream.write_all(b"EHLO client.example\r\n")?;
    until("250 ")?;
    seeds.doubted.clone_from(&seeds.addresses[0]);
    for n in 0..N_MESSAGES {
        let to = if n % 3 == 0 { &seeds.doubted } else { &seeds.addresses[n] };
        write!(stream, "MAIL FROM:<sender@elsewhere.example>\r\n")?;
        until("250 ")?;
        write!(stream, "RCPT TO:<{to}>\r\n")?;
        until("250 ")?;
        write!(stream, "DATA\r\n")?;
        until("354 ")?;
        write!(stream, "Subject: {n}\r\nMessage-ID: <{n}@elsewhere.example>\r\n\r\nhi\r\n.\r\n")?;
        until("250 ")?;
    }
    seeds.messages = gateway.ids(&["queue", "list"], "id")?;
    seeds.doubts = gateway.ids(&["queue", "list", "--recipient", &seeds.doubted], "id")?;
    Ok(())
}

impl Gateway {
    fn command(&self, line: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        command.args(["--config", "causeway.toml"]).args(line).current_dir(&self.folder);
        command
    }

    pub(super) fn causeway(&self, line: &[&str]) -> Result<String> {
        let out = self.command(line).output()?;
        let said = String::from_utf8_lossy(&out.stderr);
        ensure!(out.status.success(), "causeway {}: {said}", line.join(" "));
        Ok(String::from_utf8_lossy(&out.stdout).into_owned())
    }

    /// One document, or one object a line.
    fn causeway_json(&self, line: &[&str]) -> Result<Vec<Value>> {
        let text = self.causeway(&[line, &["--json"]].concat())?;
        let found = serde_json::Deserializer::from_str(&text).into_iter::<Value>();
        found.collect::<Result<_, _>>().context("this is no JSON")
    }

    /// The secret of a new token.
    pub(super) fn make_token(&self, name: &str, role: &str) -> Result<String> {
        let made = self.causeway_json(&["token", "make", name, "--role", role])?;
        let secret = made.first().and_then(|it| it["secret"].as_str());
        secret.map(str::to_owned).context("a new token has a secret")
    }

    fn ids(&self, line: &[&str], field: &str) -> Result<Vec<String>> {
        let all = self.causeway_json(line)?;
        let ids: Vec<String> =
            all.iter().filter_map(|it| Some(it[field].as_str()?.to_owned())).collect();
        ensure!(!ids.is_empty(), "there is nothing to {}", line.join(" "));
        Ok(ids)
    }

    /// What a request of this text is answered, head and body.
    pub(super) fn http(&self, request: &str) -> Result<String> {
        let mut stream = TcpStream::connect(&self.admin)?;
        stream.write_all(request.as_bytes())?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        Ok(answer)
    }
}
