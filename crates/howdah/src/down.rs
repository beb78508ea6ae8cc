//! `howdah down`: ask the process of the state folder to stop everything, and wait until it has.

use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use camino::Utf8Path;
use howdah_cli::{Exit, Terminal};

use crate::args::DownArgs;
use crate::daemon::{Daemon, LOG, is_locked};
use crate::left_over;

const POLL: Duration = Duration::from_millis(100);
/// Pods may take their grace period, by default a minute, and then some.
const PATIENCE: Duration = Duration::from_secs(180);

pub(crate) async fn run(args: &DownArgs) -> Result<Exit> {
    let state = args.state.folder()?;
    let mut terminal = Terminal::standard();
    let daemon = Daemon::find(&state).await?;
    if let Some(daemon) = daemon {
        daemon.terminate()?;
        wait(daemon, &state, &mut terminal).await?;
    }
    // After an orderly end there is nothing left; after a SIGKILL there is.
    let containers = left_over::stop(&state, &mut terminal).await?;
    terminal.note(&if daemon.is_some() || containers > 0 {
        "howdah is down. Its data stays, and `howdah up` brings everything back.".to_owned()
    } else {
        format!("howdah does not run with the state folder {state}.")
    });
    Ok(Exit::Success)
}

async fn wait(daemon: Daemon, state: &Utf8Path, terminal: &mut Terminal) -> Result<()> {
    let start = Instant::now();
    while is_locked(state)? {
        if start.elapsed() > PATIENCE {
            bail!(
                "howdah (process {}) has not stopped within {} s: see {}",
                daemon.pid(),
                PATIENCE.as_secs(),
                state.join(LOG)
            );
        }
        terminal.moment(&format!(
            "stopping howdah (process {}) and its Pods",
            daemon.pid()
        ));
        tokio::time::sleep(POLL).await;
    }
    terminal.end_progress();
    Ok(())
}
