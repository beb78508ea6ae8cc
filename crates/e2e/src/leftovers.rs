//! What must not be left when everything was stopped.

use std::collections::BTreeSet;
use std::fs;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::os::unix::fs::FileTypeExt;

use anyhow::{Context, Result, ensure};
use camino::{Utf8Path, Utf8PathBuf};

use crate::processes::Processes;

/// Names of files that a running server keeps in its data directory and takes away at an orderly end.
const OF_RUNNING: [&str; 1] = ["postmaster.pid"];

/// The TCP addresses of 127.X.0.0/16 that somebody listens on.
///
/// # Errors
/// When the kernel's table cannot be read.
pub fn listeners(block: u8) -> Result<BTreeSet<SocketAddrV4>> {
    const LISTEN: &str = "0A";
    let table = fs::read_to_string("/proc/net/tcp").context("read /proc/net/tcp")?;
    let found = table.lines().skip(1).filter_map(|line| {
        let mut fields = line.split_whitespace().skip(1);
        let local = fields.next()?;
        let state = fields.nth(1)?;
        let (ip, port) = local.split_once(':')?;
        // The kernel prints the address in the byte order of the machine.
        let ip = Ipv4Addr::from(u32::from_str_radix(ip, 16).ok()?.to_ne_bytes());
        let address = SocketAddrV4::new(ip, u16::from_str_radix(port, 16).ok()?);
        (state == LISTEN && ip.octets()[..2] == [127, block]).then_some(address)
    });
    Ok(found.collect())
}

/// Fails with a list when a process of the world runs.
pub(crate) fn no_process(world: &Utf8Path) -> Result<()> {
    let processes = Processes::of(world)?;
    ensure!(
        processes.all().is_empty(),
        "processes are left:\n{}",
        processes.lines()
    );
    Ok(())
}

/// Fails with a list when something listens in the network of a world whose processes are gone.
///
/// A network that was let go can be taken by the pocket of another test at once: its API server tells.
pub(crate) fn no_listener(block: u8) -> Result<()> {
    let mut found = listeners(block)?;
    let api = Ipv4Addr::new(127, block, 0, 1);
    if found.iter().any(|address| *address.ip() == api) {
        found.clear();
    }
    ensure!(found.is_empty(), "ports are left: {found:?}");
    Ok(())
}

/// Fails with a list when there is anything in the folder for temporary files.
pub(crate) fn empty(folder: &Utf8Path) -> Result<()> {
    let found = files(folder)?;
    ensure!(found.is_empty(), "files are left: {found:?}");
    Ok(())
}

/// Fails with a list when the state folder holds what only running processes need.
pub(crate) fn nothing_of_running(state: &Utf8Path) -> Result<()> {
    let is_left = |path: &Utf8PathBuf| {
        let kind = fs::symlink_metadata(path).map(|found| found.file_type());
        let name = path.file_name().unwrap_or_default();
        kind.is_ok_and(|kind| kind.is_socket())
            || OF_RUNNING.contains(&name)
            || path.extension() == Some("tmp")
    };
    let found: Vec<_> = files(state)?.into_iter().filter(is_left).collect();
    ensure!(found.is_empty(), "files are left: {found:?}");
    Ok(())
}

/// All files below a folder; links are not followed.
fn files(folder: &Utf8Path) -> Result<Vec<Utf8PathBuf>> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in folder
            .read_dir_utf8()
            .with_context(|| format!("list {folder}"))?
        {
            let entry = entry?;
            if entry.file_type()?.is_dir() {
                folders.push(entry.into_path());
            } else {
                found.push(entry.into_path());
            }
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_own_listener_is_seen() {
        let address = howdah_testkit::free_loopback_address().unwrap();
        let listener = std::net::TcpListener::bind(address.port(0)).unwrap();
        let std::net::SocketAddr::V4(expected) = listener.local_addr().unwrap() else {
            panic!("{address:?} is of version 4");
        };
        let block = expected.ip().octets()[1];
        assert!(listeners(block).unwrap().contains(&expected));
        drop(listener);
        assert!(!listeners(block).unwrap().contains(&expected));
    }

    #[test]
    fn sockets_and_files_of_running_servers_are_seen() {
        let world = howdah_testkit::TempWorld::new().unwrap();
        let folder = world.folder("below").unwrap();
        fs::write(folder.join("PG_VERSION"), "18").unwrap();
        nothing_of_running(world.path()).unwrap();
        assert!(empty(world.path()).is_err());
        let _socket = std::os::unix::net::UnixListener::bind(folder.join("socket")).unwrap();
        let error = nothing_of_running(world.path()).unwrap_err().to_string();
        assert!(error.contains("below/socket"), "{error}");
    }
}
