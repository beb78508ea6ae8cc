//! `howdah pause`, `resume`, `fence` and `unfence`: what shall not happen by itself.

use clap::Args;
use howdah_ha::machine::Request;

use super::takeover::Common;
use crate::error::Error;
use crate::exit::Exit;
use crate::ha::{self, Control, Outcome};
use crate::output::DataOutput;
use crate::server::Server;
use crate::terminal::Terminal;
use crate::text::enumerate;

const PAUSE_EXAMPLES: &str = "\
Examples:
  howdah pause simple      before work on the network or the machines
  howdah resume simple

While a cluster is paused, no instance takes over because the primary is silent. Replication, switchover
and `howdah failover` work as always.

Exit codes: 0 done (also when it was so already), 1 refused, 2 wrong usage.";

/// Arguments of `howdah pause` and `howdah resume`.
#[derive(Debug, Args)]
#[command(after_help = PAUSE_EXAMPLES)]
pub struct PauseArgs {
    /// The cluster
    #[arg(value_name = "CLUSTER")]
    name: String,
    #[command(flatten)]
    output: DataOutput,
}

impl PauseArgs {
    /// For that cluster, with text as output.
    pub(super) fn of(name: String) -> Self {
        Self {
            name,
            output: DataOutput::default(),
        }
    }
}

const FENCE_EXAMPLES: &str = "\
Examples:
  howdah fence simple-1      stop Postgres of one instance, and leave it stopped
  howdah unfence simple-1    let it run again
  howdah unfence simple --all

A fenced primary hands over first, if another instance can take over. The Pod stays, so its volume can be
looked at.

Exit codes: 0 done (also when it was so already), 1 refused, 2 wrong usage, 3 not done within --timeout.";

/// Arguments of `howdah fence`.
#[derive(Debug, Args)]
#[command(after_help = FENCE_EXAMPLES)]
pub struct FenceArgs {
    /// The instances
    #[arg(value_name = "INSTANCE", required = true)]
    names: Vec<String>,
    #[command(flatten)]
    common: Common,
}

/// Arguments of `howdah unfence`.
#[derive(Debug, Args)]
#[command(after_help = FENCE_EXAMPLES)]
pub struct UnfenceArgs {
    /// The instances, or with --all the cluster
    #[arg(value_name = "INSTANCE", required = true)]
    names: Vec<String>,
    /// All that are fenced
    #[arg(long)]
    all: bool,
    #[command(flatten)]
    output: DataOutput,
}

pub(super) async fn pause(
    args: PauseArgs,
    wish: Request,
    server: &Server,
    terminal: &mut Terminal,
) -> Result<Exit, Error> {
    let cluster = args.name.as_str();
    let control = Control::new(server, cluster);
    let change = control.change(wish).await?;
    let state = match wish {
        Request::Pause => "paused: no instance takes over by itself",
        _ => "not paused: instances take over by themselves",
    };
    let message = format!("{cluster} is {state}");
    let now = control.read().await?.record()?;
    let mut outcome = Outcome::new(cluster, server.namespace(), message).of(&now);
    outcome.changed = change.changed;
    outcome.show(args.output.output, terminal)?;
    Ok(Exit::Success)
}

pub(super) async fn fence(
    args: FenceArgs,
    server: &Server,
    terminal: &mut Terminal,
) -> Result<Exit, Error> {
    let scope = ha::scope(server, &args.names).await?;
    let cluster = scope.cluster.as_str();
    let mut members = Vec::new();
    for name in some(&scope.names)? {
        ha::find(&scope.present, name)?;
        members.push(ha::number(cluster, name)?);
    }
    let names = enumerate(&scope.names);
    let question = format!("Shall Postgres of {names} be stopped, and stay stopped?");
    let control = Control::new(server, cluster);
    let fenced = control.read().await?.record()?.fenced;
    if !members.iter().all(|member| fenced.contains(member)) {
        ha::confirm(terminal, args.common.yes, &question).await?;
    }
    let mut changed = false;
    for member in members {
        let wish = Request::Fence(member);
        let change = control.change(wish).await?;
        changed |= change.changed;
        control
            .wait(wish, &change.before, args.common.timeout, terminal)
            .await?;
    }
    let message = format!("{names}: fenced, until `howdah unfence`");
    let now = control.read().await?.record()?;
    let mut outcome = Outcome::new(cluster, server.namespace(), message).of(&now);
    outcome.changed = changed;
    outcome.instances = scope.names;
    outcome.show(args.common.output.output, terminal)?;
    Ok(Exit::Success)
}

pub(super) async fn unfence(
    args: UnfenceArgs,
    server: &Server,
    terminal: &mut Terminal,
) -> Result<Exit, Error> {
    let scope = ha::scope(server, &args.names).await?;
    let cluster = scope.cluster.as_str();
    let control = Control::new(server, cluster);
    let fenced = control.read().await?.record()?.fenced;
    let members = if args.all {
        fenced.into_iter().collect()
    } else {
        // An instance that is gone can be unfenced, too.
        let numbers = some(&scope.names)?
            .iter()
            .map(|name| ha::number(cluster, name));
        numbers.collect::<Result<Vec<_>, _>>()?
    };
    let mut changed = false;
    for member in &members {
        changed |= control.change(Request::Unfence(*member)).await?.changed;
    }
    let names: Vec<String> = members.iter().map(|one| ha::named(cluster, *one)).collect();
    let message = match names.as_slice() {
        [] => format!("no instance of {cluster} is fenced"),
        names => format!("{}: not fenced", enumerate(names)),
    };
    let now = control.read().await?.record()?;
    let mut outcome = Outcome::new(cluster, server.namespace(), message).of(&now);
    outcome.changed = changed;
    outcome.instances = names;
    outcome.show(args.output.output, terminal)?;
    Ok(Exit::Success)
}

fn some(names: &[String]) -> Result<&[String], Error> {
    if names.is_empty() {
        return Err(Error::Usage("name the instances".to_owned()));
    }
    Ok(names)
}
