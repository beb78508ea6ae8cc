//! Waiting, and small checks with words for the person who reads the failure.

use std::time::Duration;

use anyhow::{Result, bail, ensure};
use howdah_testkit::wait_until;

/// What a busy machine with two cores may take for anything; how long things take is measured in `bench/`.
pub(crate) const PATIENCE: Duration = Duration::from_secs(150);

/// Waits until the probe succeeds, and returns its answer; its error is what was seen instead.
///
/// # Errors
/// When it does not happen in time.
pub async fn eventually<T>(what: &str, mut probe: impl AsyncFnMut() -> Result<T>) -> Result<T> {
    wait_until(PATIENCE, what, async || {
        probe().await.map_err(|error| format!("{error:#}"))
    })
    .await
}

/// Fails with a sentence unless the text has the part.
///
/// # Errors
/// When it has not.
pub fn contains(text: &str, part: &str) -> Result<()> {
    if text.contains(part) {
        return Ok(());
    }
    bail!("{text:?} does not contain {part:?}")
}

/// Fails unless the text has so many lines: errors are one sentence on one line.
///
/// # Errors
/// When it has more or fewer.
pub fn lines(text: &str, count: usize) -> Result<()> {
    let found = text.lines().count();
    ensure!(found == count, "{found} lines instead of {count}: {text:?}");
    Ok(())
}
