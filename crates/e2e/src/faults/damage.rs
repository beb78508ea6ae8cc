//! Damage to the files of a server.

use std::fs::{self, OpenOptions};
use std::io::Write;

use anyhow::{Context, Result};
use camino::Utf8Path;

use super::undo::Injected;

/// Removes what is in a data directory, as a hand with the wrong path does.
pub(super) fn remove(data: &Utf8Path) -> Result<Injected> {
    Injected::by(|| {
        for entry in data.read_dir_utf8()? {
            let path = entry?.into_path();
            let removed = if path.is_dir() {
                fs::remove_dir_all(&path)
            } else {
                fs::remove_file(&path)
            };
            // The server makes and removes files itself meanwhile.
            let _ = removed;
        }
        Ok(())
    })
}

/// Overwrites the control file.
pub(super) fn corrupt(data: &Utf8Path) -> Result<()> {
    let path = data.join("global/pg_control");
    let mut file = OpenOptions::new()
        .write(true)
        .open(&path)
        .with_context(|| format!("open {path}"))?;
    file.write_all(&[0x5a; 512])?;
    Ok(())
}
