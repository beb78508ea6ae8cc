//! Processes of a data directory, found through `/proc`.

use std::fs;
use std::time::Duration;

use camino::Utf8Path;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// How often it is looked whether processes are gone.
const LOOK: Duration = Duration::from_millis(20);

/// The Postgres processes that work in `data`. A postmaster and all its children change to the data
/// directory at their start, and the kernel follows that folder through renames; so this neither
/// mistakes another instance's process nor one that got a used number again.
pub(crate) fn of_data_directory(data: &Utf8Path) -> Vec<Pid> {
    let (Ok(data), Ok(entries)) = (data.canonicalize_utf8(), fs::read_dir("/proc")) else {
        return Vec::new();
    };
    entries
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<i32>().ok())
        .filter(|pid| {
            let comm = fs::read_to_string(format!("/proc/{pid}/comm"));
            comm.is_ok_and(|comm| comm.trim_end() == "postgres")
                && fs::read_link(format!("/proc/{pid}/cwd")).is_ok_and(|cwd| cwd == data)
        })
        .map(Pid::from_raw)
        .collect()
}

/// True if there is a process with that number.
pub(crate) fn exists(pid: i32) -> bool {
    Utf8Path::new(&format!("/proc/{pid}")).exists()
}

/// Sends a signal; a process that is gone is no error.
pub(crate) fn signal(processes: &[Pid], signal: Signal) {
    for pid in processes {
        let _ = kill(*pid, signal);
    }
}

/// Waits until no process of the data directory is left; false if some are after `patience`.
pub(crate) async fn wait_gone(data: &Utf8Path, patience: Duration) -> bool {
    tokio::time::timeout(patience, async {
        while !of_data_directory(data).is_empty() {
            tokio::time::sleep(LOOK).await;
        }
    })
    .await
    .is_ok()
}
