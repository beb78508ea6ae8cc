//! Waiting for conditions, and looking at processes.

use std::time::Duration;

use anyhow::{Context, Result, bail};
use camino::{Utf8Path, Utf8PathBuf};
use tokio::time::Instant;

const DEADLINE: Duration = Duration::from_secs(20);

/// The shim alone as a program; cargo builds examples together with tests.
pub(crate) fn shim_program() -> Result<Utf8PathBuf> {
    let me = Utf8PathBuf::from_path_buf(std::env::current_exe()?)
        .map_err(|path| anyhow::anyhow!("{} is not UTF-8", path.display()))?;
    let target = me.ancestors().nth(2).context("no target folder")?;
    let program = target.join("examples/pocket_shim");
    if !program.exists() {
        bail!("{program} is missing: run `cargo build --package howdah-pocket --examples`");
    }
    Ok(program)
}

/// Asks again and again until there is an answer.
pub(crate) async fn eventually<T>(
    what: &str,
    mut ask: impl AsyncFnMut() -> Result<Option<T>>,
) -> Result<T> {
    let end = Instant::now() + DEADLINE;
    loop {
        let last = ask().await;
        if let Ok(Some(found)) = last {
            return Ok(found);
        }
        if Instant::now() >= end {
            bail!(
                "not in time: {what}; last answer {:?}",
                last.map(|_| "nothing")
            );
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// Waits until a file is there and has this text in it.
pub(crate) async fn file_with(path: &Utf8Path, text: &str) -> Result<String> {
    eventually(&format!("{text:?} in {path}"), async || {
        Ok(std::fs::read_to_string(path)
            .ok()
            .filter(|found| found.contains(text)))
    })
    .await
}

/// The live processes whose environment has this entry.
pub(crate) fn processes_with(entry: &str) -> Vec<i32> {
    let pids = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    pids.filter_map(|found| found.file_name().to_str()?.parse::<i32>().ok())
        .filter(|pid| {
            std::fs::read(format!("/proc/{pid}/environ")).is_ok_and(|all| {
                all.split(|&byte| byte == 0)
                    .any(|one| one == entry.as_bytes())
            })
        })
        .collect()
}

/// Waits until no process has this entry in its environment.
pub(crate) async fn no_process_with(entry: &str) -> Result<()> {
    eventually(&format!("no process with {entry}"), async || {
        Ok(processes_with(entry).is_empty().then_some(()))
    })
    .await
}

/// Whether the process is there and not only waiting to be reaped.
pub(crate) fn is_alive(pid: i32) -> bool {
    std::fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|text| {
        text.rsplit_once(") ")
            .is_some_and(|(_, rest)| !rest.starts_with('Z'))
    })
}
