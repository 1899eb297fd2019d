//! Temporary folders that other accounts may enter.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use anyhow::Result;
use tempfile::TempDir;

/// Gone when dropped. Mail servers drop privileges, so everybody may enter.
pub fn folder() -> Result<TempDir> {
    let folder = TempDir::with_prefix("causeway-e2e-")?;
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755))?;
    Ok(folder)
}
