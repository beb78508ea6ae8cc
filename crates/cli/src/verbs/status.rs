//! `howdah status`: the instances of a cluster, and waiting until all of them stream.

use std::time::Duration;

use clap::Args;
use tokio::time::{Instant, sleep};

use crate::error::Error;
use crate::exit::Exit;
use crate::output::{self, DataOutput};
use crate::server::Server;
use crate::status::{blockers, gather, lines};
use crate::terminal::Terminal;

const POLL: Duration = Duration::from_millis(500);

const EXAMPLES: &str = "\
Examples:
  howdah status simple                       roles, timelines, lag, addresses
  howdah status simple --wait --timeout 2m   return when all instances stream
  howdah status simple -o json

Exit codes: 0 shown (with --wait: all instances stream), 1 there is no such cluster or the
server refused, 2 wrong usage, 3 not all instances streamed within --timeout.";

/// Arguments of `howdah status`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct StatusArgs {
    /// The cluster
    #[arg(value_name = "CLUSTER")]
    name: String,
    /// Wait until all instances of the cluster stream
    #[arg(short, long)]
    wait: bool,
    /// How long to wait, such as 90s or 5m
    #[arg(long, value_parser = timeout, default_value = "5m", value_name = "TIME")]
    timeout: Duration,
    #[command(flatten)]
    output: DataOutput,
}

/// Reads a length of time such as `90s` or `1h30m`.
pub(super) fn timeout(text: &str) -> Result<Duration, String> {
    let hint = "write it as a number with a unit, such as 90s, 5m or 1h30m";
    let span: jiff::SignedDuration = text.parse().map_err(|_| hint.to_owned())?;
    Duration::try_from(span).map_err(|_| "it must not be negative".to_owned())
}

pub(super) async fn run(
    args: StatusArgs,
    server: &Server,
    terminal: &mut Terminal,
) -> Result<Exit, Error> {
    let name = args.name.rsplit('/').next().unwrap_or(&args.name);
    if args.wait {
        wait(name, args.timeout, server, terminal).await?;
    }
    let status = gather(server, name)
        .await?
        .ok_or_else(|| missing(name, server))?;
    output::data(terminal, args.output.output, &status, lines)?;
    Ok(Exit::Success)
}

fn missing(name: &str, server: &Server) -> Error {
    Error::NotFound(format!(
        "there is no cluster called {name} in namespace {}: see `howdah get sgclusters -A`",
        server.namespace()
    ))
}

async fn wait(
    name: &str,
    limit: Duration,
    server: &Server,
    terminal: &mut Terminal,
) -> Result<(), Error> {
    let end = Instant::now() + limit;
    loop {
        let status = gather(server, name)
            .await?
            .ok_or_else(|| missing(name, server))?;
        let blockers = blockers(&status);
        if blockers.is_empty() {
            terminal.end_progress();
            return Ok(());
        }
        let waiting = blockers.join(", ");
        if Instant::now() >= end {
            return Err(Error::Timeout(format!(
                "cluster {name} is not complete after {} s, it lacks {waiting}: see `howdah describe sgcluster {name}`",
                limit.as_secs()
            )));
        }
        terminal.progress(&format!("waiting for {name}: {waiting}"));
        sleep(POLL).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_need_a_unit() {
        assert_eq!(timeout("90s"), Ok(Duration::from_secs(90)));
        assert_eq!(timeout("1h30m"), Ok(Duration::from_secs(5400)));
        assert!(timeout("90").is_err());
        assert!(timeout("-5s").is_err());
    }
}
