//! A mount and process namespace that owns all a test starts and mounts.
//!
//! Its first process is a `cat` that reads from us. When the test ends, even by
//! SIGKILL, the pipe closes, `cat` ends, and the kernel ends every process and
//! mount of the namespace with it. Mounts are private: no process outside can
//! pin a filesystem whose power was cut.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use crate::wait;

/// How long the kernel may take to end or make a process.
const PROCESS_BOUND: Duration = Duration::from_secs(10);

/// A namespace with its holder; see the module.
pub struct Sandbox {
    holder: Child,
    /// Process id, outside, of the first process inside.
    init: u32,
}

impl Sandbox {
    /// Needs root.
    pub fn new() -> Result<Self> {
        let mut holder = Command::new("unshare")
            .args(["--mount", "--pid", "--fork", "--kill-child", "--mount-proc"])
            .args(["--propagation", "private", "cat"])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .context("cannot start unshare")?;
        let mut init = None;
        let ready = wait::until("a namespace (does this run as root?)", PROCESS_BOUND, || {
            init = child_of(holder.id()).filter(|pid| runs(*pid, "cat"));
            init.is_some() || holder.try_wait().is_ok_and(|status| status.is_some())
        });
        ready?;
        let init = init.context("unshare failed: these scenarios need root")?;
        Ok(Self { holder, init })
    }

    /// A command that will run inside; give it absolute paths.
    pub fn command(&self, program: &str) -> Command {
        let mut command = Command::new("nsenter");
        command.args(["--mount", "--pid", "--target", &self.init.to_string(), program]);
        command.stdin(Stdio::null());
        command
    }

    /// Runs a command inside to its end; its standard output, or an error with
    /// what it said on standard error.
    pub fn run(&self, program: &str, args: &[&str]) -> Result<String> {
        let out = self.command(program).args(args).output()?;
        let said = String::from_utf8_lossy(&out.stderr);
        ensure!(out.status.success(), "{program} {}: {}: {said}", args.join(" "), out.status);
        Ok(String::from_utf8_lossy(&out.stdout).into_owned())
    }

    /// Where a path of the inside is reached from outside.
    pub fn path(&self, inside: &Path) -> PathBuf {
        let inside = inside.strip_prefix("/").unwrap_or(inside);
        Path::new("/proc").join(self.init.to_string()).join("root").join(inside)
    }

    /// SIGKILL to every process inside but the holder; returns when they are gone.
    pub fn kill_all(&self) -> Result<()> {
        // The shell is spared by its own signal, and ends right after it.
        self.command("sh").args(["-c", "kill -9 -1"]).status()?;
        wait::until("killed processes to be gone", PROCESS_BOUND, || {
            self.processes().is_ok_and(|processes| processes.is_empty())
        })
    }

    /// Process ids, outside, of all inside but the holder. Zombies do not count.
    pub fn processes(&self) -> Result<Vec<u32>> {
        let namespace = |pid: u32| fs::read_link(format!("/proc/{pid}/ns/pid"));
        let ours = namespace(self.init)?;
        let mut found = Vec::new();
        for entry in fs::read_dir("/proc")? {
            let name = entry?.file_name();
            let Ok(pid) = name.to_string_lossy().parse::<u32>() else { continue };
            if pid != self.init && namespace(pid).is_ok_and(|theirs| theirs == ours) && alive(pid) {
                found.push(pid);
            }
        }
        Ok(found)
    }

    /// Makes accounts exist inside without touching those of the machine.
    pub fn add_users(&self, names: &[&str], scratch: &Path) -> Result<()> {
        for (file, line) in
            [("passwd", ":x:ID:ID::/var/empty:/usr/sbin/nologin\n"), ("group", ":x:ID:\n")]
        {
            let mut text = fs::read_to_string(format!("/etc/{file}"))?;
            for (number, name) in names.iter().enumerate() {
                if !text.lines().any(|line| line.starts_with(&format!("{name}:"))) {
                    text += name;
                    text += &line.replace("ID", &(990 - number).to_string());
                }
            }
            let ours = scratch.join(file);
            fs::write(&ours, text)?;
            self.bind(&ours, Path::new(&format!("/etc/{file}")))?;
        }
        Ok(())
    }

    /// Shows `from` at `at` inside.
    pub fn bind(&self, from: &Path, at: &Path) -> Result<()> {
        let (from, at) = (from.to_string_lossy(), at.to_string_lossy());
        self.run("mount", &["--bind", &from, &at]).map(drop)
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        // Closes the pipe to `cat`, which ends the namespace.
        drop(self.holder.stdin.take());
        let bound = wait::until("a sandbox to end", PROCESS_BOUND, || {
            self.holder.try_wait().is_ok_and(|status| status.is_some())
        });
        if bound.is_err() {
            self.holder.kill().ok();
            self.holder.wait().ok();
        }
    }
}

/// The first child of a process.
pub fn child_of(pid: u32) -> Option<u32> {
    let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).ok()?;
    children.split(' ').next()?.parse().ok()
}

fn runs(pid: u32, program: &str) -> bool {
    fs::read_to_string(format!("/proc/{pid}/comm")).is_ok_and(|name| name.trim() == program)
}

/// Whether anything of it still runs: a process is a zombie already while its
/// last threads end, and holds its files until they have.
fn alive(pid: u32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let state = stat.rsplit(") ").next().and_then(|rest| rest.chars().next());
    let n_threads = fs::read_dir(format!("/proc/{pid}/task")).map_or(0, Iterator::count);
    n_threads > 1 || !matches!(state, None | Some('Z' | 'X'))
}
