//! `patronictl`: the commands that runbooks for Patroni use, over the same record and Pods as our own verbs.
//!
//! | module | owns |
//! |---|---|
//! | `args` | the command line, with Patroni's names |
//! | `topology` | asking an instance about all of them |
//! | `pretty` | Patroni's tables |

mod args;
mod pretty;
mod topology;

use std::ffi::OsString;

use clap::Parser;
use howdah_ha::machine::Request;
use serde_json::{Value, json};

use self::args::{Command, Format, Patronictl};
use self::pretty::Grid;
use super::{history, hold, restart, takeover};
use crate::connect::{ConnectArgs, Environment, connect};
use crate::error::Error;
use crate::exit::Exit;
use crate::ha::{self, Control};
use crate::output;
use crate::server::Server;
use crate::terminal::Terminal;

/// Does what the command line says, which begins with the name of the program.
///
/// # Errors
/// When it could not be done; the error's report is meant for standard error.
pub async fn run(
    words: Vec<OsString>,
    connection: &ConnectArgs,
    environment: &Environment,
    terminal: &mut Terminal,
) -> Result<Exit, Error> {
    let Patronictl { command, .. } = match Patronictl::try_parse_from(words) {
        Ok(parsed) => parsed,
        Err(error) if error.use_stderr() => {
            terminal.note(error.to_string().trim_end());
            return Ok(Exit::Usage);
        }
        Err(help) => {
            terminal.line(help.to_string().trim_end())?;
            return Ok(Exit::Success);
        }
    };
    if let Command::Version { .. } = command {
        terminal.line(&format!("patronictl version {}", env!("CARGO_PKG_VERSION")))?;
        return Ok(Exit::Success);
    }
    let mut connection = connection.clone();
    // A Pod works in its own namespace, whatever its kubeconfig says.
    connection.namespace = connection.namespace.or_else(|| variable("POD_NAMESPACE"));
    let server = connect(&connection, environment).await?;
    act(command, &server, terminal).await
}

async fn act(command: Command, server: &Server, terminal: &mut Terminal) -> Result<Exit, Error> {
    match command {
        Command::List { names, format, .. } => {
            let names = if names.is_empty() {
                vec![scope(None)?]
            } else {
                names
            };
            for cluster in &names {
                list(cluster, format, server, terminal).await?;
            }
            Ok(Exit::Success)
        }
        Command::Switchover(words) => {
            let cluster = scope(words.cluster.clone())?;
            let exit = takeover::switchover(words.switchover(&cluster)?, server, terminal).await?;
            list(&cluster, Format::Pretty, server, terminal).await?;
            Ok(exit)
        }
        Command::Failover(words) => {
            let cluster = scope(words.cluster.clone())?;
            let exit = takeover::failover(words.failover(&cluster)?, server, terminal).await?;
            list(&cluster, Format::Pretty, server, terminal).await?;
            Ok(exit)
        }
        Command::Restart(words) => {
            let cluster = scope(words.cluster.clone())?;
            restart::restart(words.restart(cluster)?, server, terminal).await
        }
        Command::Reinit(words) => {
            let cluster = scope(words.cluster.clone())?;
            restart::reinit(words.reinit(cluster), server, terminal).await
        }
        Command::Pause { cluster, .. } => {
            let args = hold::PauseArgs::of(scope(cluster)?);
            hold::pause(args, Request::Pause, server, terminal).await
        }
        Command::Resume { cluster, .. } => {
            let args = hold::PauseArgs::of(scope(cluster)?);
            hold::pause(args, Request::Resume, server, terminal).await
        }
        Command::Reload { .. } => {
            terminal.line("changed settings are loaded without being asked for")?;
            Ok(Exit::Success)
        }
        Command::History { cluster, format } => {
            changes(&scope(cluster)?, format, server, terminal).await
        }
        Command::ShowConfig { cluster } => {
            let cluster = scope(cluster)?;
            let instances = ha::list(server, &cluster).await?;
            let config = topology::ask(server, &instances, "config").await?;
            output::yaml(terminal, &config)?;
            Ok(Exit::Success)
        }
        Command::Version { .. } => unreachable!("answered without a server"),
    }
}

fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// The cluster that was named, or the one that this container belongs to.
fn scope(named: Option<String>) -> Result<String, Error> {
    named
        .or_else(|| variable("HOWDAH_CLUSTER"))
        .or_else(|| variable("PATRONI_SCOPE"))
        .ok_or_else(|| Error::Usage("name the cluster".to_owned()))
}

async fn list(
    cluster: &str,
    format: Format,
    server: &Server,
    terminal: &mut Terminal,
) -> Result<(), Error> {
    let instances = ha::list(server, cluster).await?;
    let seen = Control::new(server, cluster).read().await?;
    let answer = topology::ask(server, &instances, "cluster").await?;
    let paused = seen.record().is_ok_and(|record| record.paused);
    let mut grid = topology::grid(&answer);
    grid.title = Some(match seen.system() {
        Some(system) => format!("Cluster: {cluster} ({system})"),
        None => format!("Cluster: {cluster}"),
    });
    let column = [("Cluster", json!(cluster))];
    show(&grid, &column, format, terminal)?;
    if paused && format == Format::Pretty {
        terminal.line(" Maintenance mode: on")?;
    }
    Ok(())
}

async fn changes(
    cluster: &str,
    format: Format,
    server: &Server,
    terminal: &mut Terminal,
) -> Result<Exit, Error> {
    let seen = Control::new(server, cluster).read().await?;
    let turns = history::turns(seen.history());
    let mut grid = Grid::new(&["TL", "LSN", "Reason", "Timestamp", "New Leader"]);
    for pair in turns.windows(2) {
        if let [before, turn] = pair {
            grid.row(vec![
                json!(before.timeline),
                json!(turn.lsn),
                json!(turn.reason),
                json!(turn.at),
                json!(turn.holder),
            ]);
        }
    }
    show(&grid, &[], format, terminal)?;
    Ok(Exit::Success)
}

fn show(
    grid: &Grid,
    first: &[(&str, Value)],
    format: Format,
    terminal: &mut Terminal,
) -> Result<(), Error> {
    match format {
        Format::Pretty => grid
            .pretty()
            .iter()
            .try_for_each(|line| terminal.line(line)),
        Format::Tsv => grid
            .tsv(first)
            .iter()
            .try_for_each(|line| terminal.line(line)),
        Format::Json => output::json(terminal, &grid.objects(first)),
        Format::Yaml => output::yaml(terminal, &grid.objects(first)),
    }
}
