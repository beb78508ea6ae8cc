//! The parent's part of `howdah up`: start the process that stays, tell how it goes, and leave.

use std::fs::{self, File, OpenOptions};
use std::io::BufReader;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, anyhow, bail};
use camino::{Utf8Path, Utf8PathBuf};
use howdah_cli::{Exit, Terminal};

use super::report::{Report, reports};
use crate::args::{LogFormat, UpArgs};
use crate::daemon::{Build, Daemon, LOG};
use crate::health;
use crate::settings;

/// A log of a former run beyond this size is moved aside.
const LARGE_LOG: u64 = 8 << 20;

pub(super) async fn run(args: &UpArgs) -> Result<Exit> {
    let state = args.state.folder()?;
    let mut terminal = Terminal::standard();
    if let Some(daemon) = Daemon::find(&state).await? {
        return already(daemon, &state, &mut terminal).await;
    }
    let components = args.components.folder()?;
    start(args, &state, &components, &mut terminal)?;
    terminal.note(&format!(
        "howdah is up. Its kubeconfig is {}",
        settings::kubeconfig(&state)
    ));
    terminal.note(&next_steps(&state));
    Ok(Exit::Success)
}

async fn already(daemon: Daemon, state: &Utf8Path, terminal: &mut Terminal) -> Result<Exit> {
    let pid = daemon.pid();
    health::wait_until_it_answers(&settings::kubeconfig(state))
        .await
        .with_context(|| {
            format!(
                "howdah (process {pid}) holds {state} but its API does not answer: see {}",
                state.join(LOG)
            )
        })?;
    terminal.note(&format!(
        "howdah runs already (process {pid}). Its kubeconfig is {}",
        settings::kubeconfig(state)
    ));
    if daemon.build() == Some(Build::Other) {
        terminal.note(
            "It is another build of howdah than this one: `howdah down`, then `howdah up`, replaces it.",
        );
    }
    Ok(Exit::Success)
}

fn start(
    args: &UpArgs,
    state: &Utf8Path,
    components: &Utf8Path,
    terminal: &mut Terminal,
) -> Result<()> {
    fs::create_dir_all(state).with_context(|| format!("create the state folder {state}"))?;
    let log_path = state.join(LOG);
    let log = open_log(&log_path)?;
    let program = std::env::current_exe().context("find the program of this process")?;
    let mut child = Command::new(program)
        .args(arguments(args, state, components))
        .current_dir("/")
        // Two threads share one arena well, and several keep memory from each other.
        .env("MALLOC_ARENA_MAX", "1")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(log)
        .spawn()
        .context("start howdah in the background")?;
    let pipe = child.stdout.take().context("read from the new process")?;
    for report in reports(BufReader::new(pipe)) {
        match report {
            Report::Doing(what) => terminal.moment(&format!("starting {what}")),
            Report::Ready => {
                terminal.end_progress();
                return Ok(());
            }
            Report::Failed(why) => {
                let _ = child.wait();
                bail!("{why}");
            }
        }
    }
    let end = child.wait().context("wait for the new process")?;
    Err(anyhow!(
        "howdah ended while it was starting ({end}): see {log_path}"
    ))
}

fn arguments(args: &UpArgs, state: &Utf8Path, components: &Utf8Path) -> Vec<String> {
    let UpArgs {
        state: _,
        components: _,
        port,
        foreground: _,
        log,
        background_child: _,
    } = args;
    let form = match log.log_format {
        LogFormat::Text => "text",
        LogFormat::Json => "json",
    };
    vec![
        "up".to_owned(),
        "--background-child".to_owned(),
        format!("--state-dir={state}"),
        format!("--components={components}"),
        format!("--port={port}"),
        format!("--log-format={form}"),
    ]
}

fn open_log(path: &Utf8PathBuf) -> Result<File> {
    use std::os::unix::fs::OpenOptionsExt;
    if fs::metadata(path).is_ok_and(|meta| meta.len() > LARGE_LOG) {
        fs::rename(path, format!("{path}.1")).with_context(|| format!("move {path} aside"))?;
    }
    OpenOptions::new()
        .create(true)
        .append(true)
        .mode(0o640)
        .open(path)
        .with_context(|| format!("write the log {path}"))
}

fn next_steps(state: &Utf8Path) -> String {
    // The verbs find the default folder by themselves; others need to be told.
    let default = settings::environment().pocket_kubeconfig == settings::kubeconfig(state);
    let prefix = if default {
        String::new()
    } else {
        format!("  export KUBECONFIG={}\n", settings::kubeconfig(state))
    };
    format!(
        "Next:\n{prefix}  howdah apply -f examples/simple.yaml\n  howdah status simple --wait\n  howdah psql simple"
    )
}
