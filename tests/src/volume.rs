//! A small filesystem of its own, whose power can be cut.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Result, ensure};

use crate::sandbox::Sandbox;
use crate::wait;

/// Stops an ext4 at once and drops what its journal had not committed
/// (`EXT4_IOC_SHUTDOWN` with `EXT4_GOING_FLAGS_NOLOGFLUSH`).
const SHUTDOWN: &str = r#"open(my $f, "<", $ARGV[0]) or die "open: $!";
    ioctl($f, 0x8004587d, my $how = pack("L", 2)) or die "ioctl: $!";"#;

/// An ext4 in a file, mounted inside a sandbox.
pub struct Volume {
    image: PathBuf,
    at: PathBuf,
}

/// How big a volume is.
#[derive(Clone, Copy)]
pub struct Size {
    pub bytes: u64,
    /// `None` leaves it to mkfs.
    pub inodes: Option<u64>,
}

impl Volume {
    /// Makes the image `NAME.img` in `folder` and mounts it at `folder/NAME`.
    pub fn new(sandbox: &Sandbox, folder: &Path, name: &str, size: Size) -> Result<Self> {
        let image = folder.join(format!("{name}.img"));
        let at = folder.join(name);
        File::create(&image)?.set_len(size.bytes)?;
        fs::create_dir_all(&at)?;
        let path = image.to_string_lossy();
        let inodes = size.inodes.map(|count| count.to_string());
        let mut args = vec!["-q", "-F"];
        args.extend(inodes.iter().flat_map(|count| ["-N", count.as_str()]));
        args.push(&path);
        sandbox.run("mkfs.ext4", &args)?;
        let volume = Self { image, at };
        volume.mount(sandbox)?;
        Ok(volume)
    }

    /// The mount point, as seen inside the sandbox.
    pub fn path(&self) -> &Path {
        &self.at
    }

    /// What a pulled plug does: nothing that was not synced survives, and
    /// everything that ran in the sandbox is gone. Returns with the volume
    /// mounted again, its journal replayed.
    ///
    /// Count an acknowledgement only if it was received before this call.
    pub fn cut_power(&self, sandbox: &Sandbox) -> Result<()> {
        let at = self.at.to_string_lossy();
        sandbox.run("perl", &["-e", SHUTDOWN, &at])?;
        sandbox.kill_all()?;
        wait::until("the dead volume to unmount", Duration::from_secs(5), || {
            // Wherever else it is shown, too: one mount left would keep it alive.
            sandbox.run("umount", &["--all-targets", &at]).is_ok()
        })?;
        ensure!(
            sandbox.run("mountpoint", &["-q", &at]).is_err(),
            "the dead volume is still mounted: what follows would prove nothing"
        );
        self.mount(sandbox)?;
        // A volume that was not really remounted answers EIO here.
        let probe = self.at.join("probe");
        sandbox.run("sh", &["-c", "echo alive > $0 && cat $0", &probe.to_string_lossy()])?;
        Ok(())
    }

    fn mount(&self, sandbox: &Sandbox) -> Result<()> {
        let (image, at) = (self.image.to_string_lossy(), self.at.to_string_lossy());
        sandbox.run("mount", &["-o", "loop", &image, &at]).map(drop)
    }
}
