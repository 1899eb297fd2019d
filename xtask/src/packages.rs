//! The Debian packages that the end-to-end scenarios need.
//!
//! Postfix is installed but never started: the scenarios run their own
//! instances on loopback. Exim and OpenSMTPD exclude Postfix as packages, so
//! they are unpacked below the target folder and run from there.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use crate::process::{command, output, run, target_dir};

/// Installed with apt-get: servers and clients to talk to, tools of the crash
/// scenarios, and the libraries of the unpacked servers.
const INSTALLED: &[&str] = &[
    "postfix",
    "swaks",
    "libnet-ssleay-perl",
    "e2fsprogs",
    "openssl",
    "perl-base",
    "util-linux",
    "linux-perf",
    "prometheus",
    "libidn12",
    "libgnutls-dane0",
    "libnsl2",
    "libevent-2.1-7",
    "slapd",
    "ldap-utils",
    "chromium",
];

/// Unpacked below [`peers_dir`], never installed.
const UNPACKED: &[&str] = &["exim4-base", "exim4-daemon-light", "opensmtpd"];

/// Denies every start of a service while packages are being configured.
const POLICY: &str = "/usr/sbin/policy-rc.d";

/// Where Exim and OpenSMTPD are unpacked; the scenarios look here too.
fn peers_dir() -> PathBuf {
    target_dir().join("peers")
}

/// Installs and unpacks what is missing; without root, says how to.
pub(crate) fn install() -> Result<()> {
    let missing: Vec<&str> = INSTALLED.iter().copied().filter(|name| !is_installed(name)).collect();
    if !is_root()? {
        let advice = match missing.is_empty() {
            true => String::new(),
            false => format!(
                "\n    sudo sh -c 'DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends {}'",
                missing.join(" ")
            ),
        };
        bail!(
            "the end-to-end scenarios mount filesystems and start Postfix, which takes root; run:{advice}\n    sudo -E env PATH=\"$PATH\" cargo xtask ci"
        );
    }
    if !missing.is_empty() {
        let _quiet = NoServices::begin()?;
        apt(&["update"])?;
        let mut args = vec!["install", "-y", "--no-install-recommends"];
        args.extend(missing);
        apt(&args)?;
    }
    unpack()
}

fn apt(args: &[&str]) -> Result<()> {
    run(command("apt-get", args).env("DEBIAN_FRONTEND", "noninteractive"))
}

fn is_root() -> Result<bool> {
    Ok(output(&mut command("id", &["-u"]))?.trim() == "0")
}

fn is_installed(package: &str) -> bool {
    let mut query = command("dpkg-query", &["-W", "-f=${db:Status-Status}", package]);
    query.output().is_ok_and(|out| out.stdout == b"installed")
}

fn unpack() -> Result<()> {
    let folder = peers_dir();
    let done = folder.join("complete");
    if done.exists() {
        return Ok(());
    }
    fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let mut args = vec!["download"];
    args.extend(UNPACKED);
    if run(command("apt-get", &args).current_dir(&folder)).is_err() {
        apt(&["update"])?;
        run(command("apt-get", &args).current_dir(&folder))?;
    }
    for entry in fs::read_dir(&folder)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "deb") {
            let (package, folder) = (path.to_string_lossy(), folder.to_string_lossy());
            run(&mut command("dpkg", &["-x", &package, &folder]))?;
        }
    }
    fs::write(&done, b"")?;
    Ok(())
}

/// While it lives, a package that is configured cannot start its service.
struct NoServices {
    ours: bool,
}

impl NoServices {
    /// Leaves a policy that the machine already has alone.
    fn begin() -> Result<Self> {
        let ours = !Path::new(POLICY).exists();
        if ours {
            fs::write(POLICY, "#!/bin/sh\nexit 101\n").context("cannot forbid service starts")?;
            fs::set_permissions(POLICY, fs::Permissions::from_mode(0o755))?;
        }
        Ok(Self { ours })
    }
}

impl Drop for NoServices {
    fn drop(&mut self) {
        if self.ours
            && let Err(error) = fs::remove_file(POLICY)
        {
            eprintln!("cannot remove {POLICY}: {error}");
        }
    }
}
