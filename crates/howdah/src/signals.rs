//! The signals that ask a server to end.

use anyhow::{Context, Result};
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// A token that is cancelled by SIGINT or SIGTERM.
///
/// From the first signal on, nothing happens on further ones: an impatient Ctrl-C must not leave postmasters
/// behind.
pub(crate) fn shutdown_token() -> Result<CancellationToken> {
    let mut interrupts = signal(SignalKind::interrupt()).context("listen for SIGINT")?;
    let mut terminations = signal(SignalKind::terminate()).context("listen for SIGTERM")?;
    let token = CancellationToken::new();
    let cancelled = token.clone();
    tokio::spawn(async move {
        tokio::select! {
            _ = interrupts.recv() => {}
            _ = terminations.recv() => {}
        }
        tracing::info!("told to stop");
        cancelled.cancel();
        // Kept, or the next signal would end the process at once.
        loop {
            tokio::select! {
                _ = interrupts.recv() => {}
                _ = terminations.recv() => {}
            }
        }
    });
    Ok(token)
}
