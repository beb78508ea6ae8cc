//! The containers of a `howdah up` that was killed: they run on by design, until somebody stops them.
//!
//! Each has a shim process above it, which passes SIGTERM on to the container and ends after it. So nothing but
//! signals is needed, and no API.

use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use camino::{Utf8Path, Utf8PathBuf};
use howdah_cli::Terminal;
use howdah_pocket::node::shim::KILL_ALL;
use nix::errno::Errno;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

const POLL: Duration = Duration::from_millis(100);
/// As long as Pods get by default, and a little more for the last checkpoint to be noticed.
const GRACE: Duration = Duration::from_secs(65);
/// How long killing may take.
const KILLING: Duration = Duration::from_secs(25);

/// Stops the containers that run below the state folder, and returns how many there were.
pub(crate) async fn stop(state: &Utf8Path, terminal: &mut Terminal) -> Result<usize> {
    let Ok(state) = state.canonicalize_utf8() else {
        // What does not exist has nothing running in it.
        return Ok(0);
    };
    let found = shims(&state)?;
    send(&found, Signal::SIGTERM)?;
    if !ended(&state, GRACE, terminal).await? {
        send(&shims(&state)?, KILL_ALL)?;
        if !ended(&state, KILLING, terminal).await? {
            bail!(
                "{} containers below {state} do not end",
                shims(&state)?.len()
            );
        }
    }
    terminal.end_progress();
    Ok(found.len())
}

async fn ended(state: &Utf8Path, within: Duration, terminal: &mut Terminal) -> Result<bool> {
    let start = Instant::now();
    loop {
        let count = shims(state)?.len();
        if count == 0 {
            return Ok(true);
        }
        if start.elapsed() > within {
            return Ok(false);
        }
        terminal.progress(&format!(
            "stopping {count} containers of a howdah that was killed"
        ));
        tokio::time::sleep(POLL).await;
    }
}

fn send(shims: &[Pid], signal: Signal) -> Result<()> {
    for pid in shims {
        match kill(*pid, signal) {
            // It ended by itself.
            Ok(()) | Err(Errno::ESRCH) => {}
            Err(errno) => return Err(errno).with_context(|| format!("send {signal} to {pid}")),
        }
    }
    Ok(())
}

/// The shims of the state folder: `howdah pocket-shim <state>/pods/...`.
fn shims(state: &Utf8Path) -> Result<Vec<Pid>> {
    let pods = state.join("pods");
    let entries = fs::read_dir("/proc").context("list the processes in /proc")?;
    let found = entries.flatten().filter_map(|entry| {
        let pid = entry.file_name().to_str()?.parse().ok()?;
        // It may have ended since it was listed.
        let line = fs::read(entry.path().join("cmdline")).ok()?;
        is_shim(&line, &pods).then_some(Pid::from_raw(pid))
    });
    Ok(found.collect())
}

fn is_shim(command_line: &[u8], pods: &Utf8PathBuf) -> bool {
    let mut words = command_line.split(|byte| *byte == 0).skip(1);
    words.next() == Some(b"pocket-shim")
        && words
            .next()
            .is_some_and(|spec| Path::new(std::ffi::OsStr::from_bytes(spec)).starts_with(pods))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_shims_of_this_folder_count() {
        let pods = Utf8PathBuf::from("/s/pods");
        assert!(is_shim(
            b"/s/bin/howdah\0pocket-shim\0/s/pods/1a/spec.json\0",
            &pods
        ));
        for other in [
            &b"/s/bin/howdah\0pocket-shim\0/s2/pods/1a/spec.json\0"[..],
            b"/s/bin/howdah\0pocket-shim\0/s/pods2/1a\0",
            b"/s/bin/howdah\0instance\0/s/pods/1a\0",
            b"/s/bin/howdah\0",
            b"",
        ] {
            assert!(!is_shim(other, &pods));
        }
    }

    #[tokio::test]
    async fn a_folder_without_containers_is_stopped_at_once() {
        let folder = tempfile::tempdir().unwrap();
        let path = Utf8Path::from_path(folder.path()).unwrap();
        let mut terminal = Terminal::standard();
        assert_eq!(stop(path, &mut terminal).await.unwrap(), 0);
        assert_eq!(stop(&path.join("absent"), &mut terminal).await.unwrap(), 0);
    }
}
