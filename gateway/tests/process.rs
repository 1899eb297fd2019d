//! The whole process: start, reload and stop, as signals and the admin API see them.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// How long any test waits for anything.
const PATIENCE: Duration = Duration::from_secs(20);
const FILE: &str = "CAUSEWAY_TEST_FILE";

/// What the tests start as a process of its own. By itself it does nothing.
#[test]
fn serve_when_asked() {
    if let Some(file) = std::env::var_os(FILE) {
        let file = PathBuf::from(file);
        let config = gateway::load_config(&file).unwrap_or_else(|it| panic!("{it}"));
        gateway::run::serve(config, &file).unwrap();
    }
}

const FIRST: &str = r#"
[server]
hostname = "gw.example"
data_dir = "data"
[[listener]]
name = "mx"
bind = "127.0.0.1:0"
role = "mx"
[site.on_prem]
hosts = ["127.0.0.1:9"]
[[relay_domain]]
name = "known.example"
unlisted = "on_prem"
[admin]
bind = "127.0.0.1:0"
[spool]
segment_bytes = "4MiB"
free_bytes_min = 0
free_inodes_min = 0
"#;

struct Process {
    child: Child,
    dir: tempfile::TempDir,
}

impl Process {
    fn start(dir: tempfile::TempDir) -> Self {
        let child = Command::new(std::env::current_exe().unwrap())
            .args(["serve_when_asked", "--exact", "--nocapture"])
            .env(FILE, dir.path().join("causeway.toml"))
            .stdout(Stdio::null())
            .stderr(fs::File::create(dir.path().join("log")).unwrap())
            .spawn()
            .unwrap();
        Self { child, dir }
    }

    fn ready(text: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        write(dir.path(), text);
        let process = Self::start(dir);
        until("addresses.json", || process.addresses().is_some());
        process
    }

    fn addresses(&self) -> Option<String> {
        fs::read_to_string(self.dir.path().join("data/addresses.json")).ok()
    }

    fn log(&self) -> String {
        fs::read_to_string(self.dir.path().join("log")).unwrap()
    }

    fn signal(&self, name: &str) {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args(["-s", name, &id]).status().unwrap().success());
    }

    /// Writes the file and asks for a reload; gives status and body of the answer.
    fn reload(&self, text: &str) -> (u16, String) {
        write(self.dir.path(), text);
        let addresses = self.addresses().unwrap();
        let at = addresses.split('"').skip_while(|it| *it != "admin").nth(2).unwrap();
        let token = fs::read_to_string(self.dir.path().join("data/admin.token")).unwrap();
        let mut stream = TcpStream::connect(at).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let request = format!(
            "POST /api/v1/reload HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}\r\n\
             content-length: 0\r\nconnection: close\r\n\r\n",
            token.trim()
        );
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        (answer[9..12].parse().unwrap(), answer)
    }

    fn wait(&mut self) -> ExitStatus {
        let mut status = None;
        until("the process to end", || {
            status = self.child.try_wait().unwrap();
            status.is_some()
        });
        status.unwrap()
    }

    fn terminate(mut self) {
        self.signal("TERM");
        assert!(self.wait().success(), "{}", self.log());
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn write(dir: &Path, text: &str) {
    fs::write(dir.join("causeway.toml"), text).unwrap();
}

fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !is_so() {
        assert!(Instant::now() < deadline, "waited for {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn a_file_with_mistakes_is_refused_with_each_of_them() {
    let process = Process::ready(FIRST);
    let (status, answer) = process.reload(&FIRST.replace("role", "rule"));
    assert_eq!(status, 422, "{answer}");
    assert!(answer.contains("causeway.toml:8:1"), "{answer}");
    assert!(answer.contains("listener[mx].rule: unknown key"), "{answer}");
    let (status, answer) = process.reload(FIRST);
    assert_eq!(status, 200, "{answer}");
    process.terminate();
}

#[test]
fn what_waits_for_a_restart_waits_at_every_reload() {
    let process = Process::ready(FIRST);
    let site = "[site.cloud]\nhosts = [\"127.0.0.1:10\"]\n";
    let next = FIRST.replace("gw.example", "other.example").replace("\"on_prem\"\n", "\"cloud\"\n");
    for _ in 0..2 {
        let (status, answer) = process.reload(&format!("{next}{site}"));
        assert_eq!(status, 200, "{answer}");
        let (applied, waiting) = answer.split_once("\"needs_restart\"").unwrap();
        assert!(!applied.contains("server.hostname") && waiting.contains("server.hostname"));
        assert!(waiting.contains("relay_domain[known.example].unlisted"), "{answer}");
    }
    process.terminate();
}

#[test]
fn addresses_of_the_last_run_are_gone_before_anything_else() {
    let mut process = Process::ready(FIRST);
    process.signal("KILL");
    process.wait();
    let dir = std::mem::replace(&mut process.dir, tempfile::tempdir().unwrap());
    assert!(dir.path().join("data/addresses.json").exists());
    write(dir.path(), &FIRST.replace("127.0.0.1:0\"\nrole", "192.0.2.1:25\"\nrole"));
    let mut second = Process::start(dir);
    assert!(!second.wait().success());
    assert_eq!(second.addresses(), None);
}

#[test]
fn a_signal_during_the_start_is_a_stop() {
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), FIRST);
    let process = Process::start(dir);
    // The lock comes right behind the signals, and the spool takes longer.
    until("the lock", || process.dir.path().join("data/lock").exists());
    process.terminate();
}

#[test]
fn what_is_unwise_is_in_the_log_at_the_start_and_at_a_reload() {
    let made = rcgen::generate_simple_self_signed(["gw.example".to_owned()]).unwrap();
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("cert.pem"), made.cert.pem()).unwrap();
    fs::write(dir.path().join("key.pem"), made.signing_key.serialize_pem()).unwrap();
    let tls = "tls_certificate = \"cert.pem\"\ntls_key = \"key.pem\"\nrole = \"mx\"";
    let text = FIRST.replace("role = \"mx\"", tls);
    write(dir.path(), &text);
    let process = Process::start(dir);
    until("addresses.json", || process.addresses().is_some());
    let n_warnings = || process.log().matches("everyone can read").count();
    until("a warning", || n_warnings() == 1);
    assert_eq!(process.reload(&text).0, 200);
    until("another warning", || n_warnings() == 2);

    fs::write(process.dir.path().join("key.pem"), "half written").unwrap();
    let (status, answer) = process.reload(&format!("{text}[limits]\nhops_max = 30\n"));
    assert_eq!(status, 422, "{answer}");
    assert!(answer.contains("listener[mx].tls_key: there is no private key in"), "{answer}");
    let other = rcgen::KeyPair::generate().unwrap().serialize_pem();
    fs::write(process.dir.path().join("key.pem"), other).unwrap();
    let (status, answer) = process.reload(&text);
    assert_eq!(status, 422, "{answer}");
    assert!(answer.contains("listener[mx].tls_certificate: "), "{answer}");
    fs::write(process.dir.path().join("key.pem"), made.signing_key.serialize_pem()).unwrap();
    let (status, answer) = process.reload(&format!("{text}[limits]\nhops_max = 30\n"));
    assert!(status == 200 && answer.contains("limits.hops_max"), "{answer}");
    process.terminate();
}
