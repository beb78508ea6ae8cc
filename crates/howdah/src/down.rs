//! `howdah down`: ask the process of the state folder to stop everything, and wait until it has.

use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use camino::Utf8Path;
use howdah_cli::{Exit, Terminal};

use crate::args::DownArgs;
use crate::daemon::{Daemon, LOG, is_locked};

const POLL: Duration = Duration::from_millis(100);
/// Pods may take their grace period, by default a minute, and then some.
const PATIENCE: Duration = Duration::from_secs(180);

pub(crate) async fn run(args: &DownArgs) -> Result<Exit> {
    let state = args.state.folder()?;
    let mut terminal = Terminal::standard();
    let Some(daemon) = Daemon::find(&state)? else {
        terminal.note(&format!(
            "howdah does not run with the state folder {state}."
        ));
        return Ok(Exit::Success);
    };
    daemon.terminate()?;
    wait(daemon, &state, &mut terminal).await?;
    terminal.note("howdah is down. Its data stays, and `howdah up` brings everything back.");
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
        terminal.progress(&format!(
            "stopping howdah (process {}) and its Pods",
            daemon.pid()
        ));
        tokio::time::sleep(POLL).await;
    }
    terminal.end_progress();
    Ok(())
}
