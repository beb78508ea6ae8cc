//! Volumes that can be filled and stopped: each is a small file system in a file.

use std::fs::{self, File};
use std::io::{ErrorKind, Write};
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};
use camino::{Utf8Path, Utf8PathBuf};
use tokio::time::Instant;

use super::undo::{Injected, Undo};

/// Room for a small database, its WAL, and a copy made by a rewind.
const SIZE: u64 = 700 << 20;
const FILLER: &str = "filler";

/// The volumes of a pocket. Dropping it unmounts them.
#[derive(Debug, Default)]
pub(super) struct Disks {
    mounted: Vec<Utf8PathBuf>,
}

impl Disks {
    /// Puts every volume of a stopped pocket on a file system of its own.
    pub(super) fn below(state: &Utf8Path) -> Result<Self> {
        let mut disks = Self::default();
        for entry in state.join("volumes").read_dir_utf8()? {
            let folder = entry?.into_path();
            let image = state.with_file_name(format!(
                "{}.image",
                folder.file_name().context("a volume has a name")?
            ));
            let aside = folder.with_extension("aside");
            File::create(&image)?.set_len(SIZE)?;
            run("mkfs.ext4", &["-q", "-m", "0", image.as_str()])?;
            fs::rename(&folder, &aside)?;
            fs::create_dir(&folder)?;
            run("mount", &["-o", "loop", image.as_str(), folder.as_str()])?;
            disks.mounted.push(folder.clone());
            run("cp", &["-a", &format!("{aside}/."), &format!("{folder}/")])?;
            fs::remove_dir_all(&aside)?;
        }
        ensure!(!disks.mounted.is_empty(), "there are no volumes");
        Ok(disks)
    }
}

impl Drop for Disks {
    fn drop(&mut self) {
        for folder in &self.mounted {
            // Lazily: what still works in it is about to be ended.
            if let Err(error) = run("umount", &["-l", folder.as_str()]) {
                eprintln!("{folder} stays mounted: {error:#}");
            }
        }
    }
}

/// Writes into the volume that holds a folder until nothing more fits.
pub(super) fn fill(data: &Utf8Path) -> Result<Injected> {
    let volume = mount_of(data)?;
    let path = volume.join(FILLER);
    let at = Instant::now();
    let mut file = File::create(&path).with_context(|| format!("create {path}"))?;
    let undo = Undo::nothing().and(move || {
        // It may never have been made.
        let _ = fs::remove_file(&path);
    });
    let mut size = 1 << 20;
    while size > 0 {
        match file.write_all(&vec![0; size]) {
            Ok(()) => {}
            Err(error) if error.kind() == ErrorKind::StorageFull => size /= 2,
            Err(error) => return Err(error.into()),
        }
    }
    Ok(Injected { at, undo })
}

/// Stops the file system that holds a folder: whoever writes to it waits.
pub(super) fn hang(data: &Utf8Path) -> Result<Injected> {
    let volume = mount_of(data)?;
    let at = Instant::now();
    run("fsfreeze", &["--freeze", volume.as_str()])?;
    let undo = Undo::nothing().and(move || {
        if let Err(error) = run("fsfreeze", &["--unfreeze", volume.as_str()]) {
            eprintln!("{volume} stays frozen: {error:#}");
        }
    });
    Ok(Injected { at, undo })
}

/// The volume's own mount: never fill or stop the machine's.
fn mount_of(folder: &Utf8Path) -> Result<Utf8PathBuf> {
    let mounts = fs::read_to_string("/proc/mounts")?;
    let is_loop = |above: &&Utf8Path| {
        let wanted = format!(" {above} ext4 ");
        mounts
            .lines()
            .any(|line| line.starts_with("/dev/loop") && line.contains(&wanted))
    };
    match folder.ancestors().find(is_loop) {
        Some(found) => Ok(found.to_owned()),
        None => bail!("{folder} is on no volume of its own"),
    }
}

fn run(program: &str, arguments: &[&str]) -> Result<()> {
    let output = Command::new(program)
        .args(arguments)
        .output()
        .with_context(|| format!("disks that can be filled and stopped need {program}"))?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(
        output.status.success(),
        "`{program} {}` failed: {said}",
        arguments.join(" ")
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_machines_own_disk_is_never_touched() {
        let folder = Utf8Path::new("/tmp/nothing/of/ours");
        assert!(fill(folder).is_err());
        assert!(hang(folder).is_err());
    }
}
