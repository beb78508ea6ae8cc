//! Volumes that can be filled, stopped and broken: each is a small file system in a file.

use std::fs::{self, File};
use std::io::{ErrorKind, Write};
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};
use camino::{Utf8Path, Utf8PathBuf};
use tokio::time::Instant;

use super::pod::{Pod, kill};
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
            let image = image_of(&folder)?;
            let aside = folder.with_extension("aside");
            File::create(&image)?.set_len(SIZE)?;
            run("mkfs.ext4", &["-q", "-m", "0", image.as_str()])?;
            fs::rename(&folder, &aside)?;
            fs::create_dir(&folder)?;
            mount(&image, &folder)?;
            disks.mounted.push(folder.clone());
            run("cp", &["-a", &format!("{aside}/."), &format!("{folder}/")])?;
            // It is long on its disk, and has to be on this one, too.
            run("sync", &["-f", folder.as_str()])?;
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

/// Every access to the file system that holds a folder fails from now on, as when its device is gone.
pub(super) fn fail(data: &Utf8Path, pod: Pod) -> Result<Injected> {
    let volume = mount_of(data)?;
    Injected::by(|| run("xfs_io", &["-x", "-c", "shutdown", volume.as_str()]).map(drop))
        .map(|injected| replaced(injected, volume.clone(), pod))
}

/// The file system that holds a folder is found damaged by the kernel, which lets nobody write to it any longer.
pub(super) fn make_read_only(data: &Utf8Path, pod: Pod) -> Result<Injected> {
    let volume = mount_of(data)?;
    let device = run("findmnt", &["-n", "-o", "SOURCE", volume.as_str()])?;
    let device = Utf8Path::new(device.trim()).file_name();
    let device = device.context("the volume has a device")?;
    let trigger = format!("/sys/fs/ext4/{device}/trigger_fs_error");
    Injected::by(|| fs::write(&trigger, "fault").with_context(|| format!("write {trigger}")))
        .map(|injected| replaced(injected, volume.clone(), pod))
}

/// Healing is the work of a person: the machine is switched off, a disk with the same blocks takes the place of the
/// broken one, and the machine starts again.
fn replaced(injected: Injected, volume: Utf8PathBuf, pod: Pod) -> Injected {
    let Injected { at, undo } = injected;
    let undo = undo.and(move || {
        if let Err(error) = replace(&volume, &pod) {
            eprintln!("{volume} stays broken: {error:#}");
        }
    });
    Injected { at, undo }
}

fn replace(volume: &Utf8Path, pod: &Pod) -> Result<()> {
    let (off, stopped) = pod.pause()?;
    let image = image_of(volume)?;
    let copy = image.with_extension("copy");
    run("cp", &["--sparse=always", image.as_str(), copy.as_str()])?;
    // Those that are stopped still have files open in it.
    run("umount", &["-l", volume.as_str()])?;
    fs::rename(&copy, &image)?;
    mount(&image, volume)?;
    kill(&stopped)?;
    off.undo.heal();
    Ok(())
}

/// The file of a volume.
fn image_of(volume: &Utf8Path) -> Result<Utf8PathBuf> {
    let name = volume.file_name().context("a volume has a name")?;
    let state = volume.parent().and_then(Utf8Path::parent);
    let state = state.context("a volume is below the state folder")?;
    Ok(state.with_file_name(format!("{name}.image")))
}

/// As Debian mounts its own disk: what is damaged is not written to.
fn mount(image: &Utf8Path, folder: &Utf8Path) -> Result<()> {
    let options = "loop,errors=remount-ro";
    run("mount", &["-o", options, image.as_str(), folder.as_str()]).map(drop)
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

/// Runs a program of the machine, and returns what it printed.
fn run(program: &str, arguments: &[&str]) -> Result<String> {
    let output = Command::new(program)
        .args(arguments)
        .output()
        .with_context(|| {
            format!("disks that can be filled, stopped and broken need root and {program}")
        })?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(
        output.status.success(),
        "`{program} {}` failed: {said}",
        arguments.join(" ")
    );
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_machines_own_disk_is_never_touched() {
        let folder = Utf8Path::new("/tmp/nothing/of/ours");
        assert!(fill(folder).is_err());
        assert!(hang(folder).is_err());
        let pod = || Pod::new(folder, "none", std::net::Ipv4Addr::LOCALHOST);
        assert!(fail(folder, pod()).is_err());
        assert!(make_read_only(folder, pod()).is_err());
    }
}
