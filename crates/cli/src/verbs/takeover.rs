//! `howdah switchover` and `howdah failover`: another instance becomes the primary.

use std::time::Duration;

use clap::Args;
use howdah_ha::machine::{Record, Request};

use super::status::timeout;
use crate::error::Error;
use crate::exit::Exit;
use crate::ha::{self, Control, Outcome};
use crate::output::DataOutput;
use crate::server::Server;
use crate::terminal::Terminal;

const SWITCHOVER_EXAMPLES: &str = "\
Examples:
  howdah switchover simple                        to the instance that is furthest
  howdah switchover simple --candidate simple-2 --yes
  howdah switchover simple --cancel               take back one that has not begun

The primary stops in order, and the next one begins where it ended: nothing is lost, and clients wait
for about half a second. When no other instance streams and is caught up, the primary stays.

Exit codes: 0 done (also when it was so already), 1 refused, 2 wrong usage, 3 not done within --timeout.";

/// Arguments of `howdah switchover`.
#[derive(Debug, Args)]
#[command(after_help = SWITCHOVER_EXAMPLES)]
pub struct SwitchoverArgs {
    /// The cluster
    #[arg(value_name = "CLUSTER")]
    pub(super) name: String,
    /// The next primary [default: the one that is furthest]
    #[arg(long, visible_alias = "to", value_name = "INSTANCE")]
    pub(super) candidate: Option<String>,
    /// Only if this one is the primary
    #[arg(long, visible_alias = "leader", value_name = "INSTANCE")]
    pub(super) primary: Option<String>,
    /// Take back a switchover or failover that has not begun
    #[arg(long, conflicts_with_all = ["candidate", "primary"])]
    pub(super) cancel: bool,
    #[command(flatten)]
    pub(super) common: Common,
}

const FAILOVER_EXAMPLES: &str = "\
Examples:
  howdah failover simple --candidate simple-2

For when the primary is lost and no other instance takes over by itself, because too few of them are
left to know that nothing is lost: it is you who says that the candidate shall go on with what it has.
A primary that is alive hands over in order, as with `howdah switchover`.

Exit codes: 0 done (also when it was so already), 1 refused, 2 wrong usage, 3 not done within --timeout.";

/// Arguments of `howdah failover`.
#[derive(Debug, Args)]
#[command(after_help = FAILOVER_EXAMPLES)]
pub struct FailoverArgs {
    /// The cluster
    #[arg(value_name = "CLUSTER")]
    pub(super) name: String,
    /// The next primary
    #[arg(long, visible_alias = "to", value_name = "INSTANCE")]
    pub(super) candidate: String,
    #[command(flatten)]
    pub(super) common: Common,
}

/// Flags of verbs that wait for the cluster.
#[derive(Debug, Args)]
pub(super) struct Common {
    /// Do not ask
    #[arg(short, long, visible_alias = "force")]
    pub(super) yes: bool,
    /// How long to wait, such as 90s or 5m
    #[arg(long, value_parser = timeout, default_value = "2m", value_name = "TIME")]
    pub(super) timeout: Duration,
    #[command(flatten)]
    pub(super) output: DataOutput,
}

impl Common {
    /// With the usual time, and text as output.
    pub(super) fn new(yes: bool) -> Self {
        Self {
            yes,
            timeout: Duration::from_secs(120),
            output: DataOutput::default(),
        }
    }
}

pub(super) async fn switchover(
    args: SwitchoverArgs,
    server: &Server,
    terminal: &mut Terminal,
) -> Result<Exit, Error> {
    let cluster = args.name.as_str();
    let control = Control::new(server, cluster);
    if args.cancel {
        control.change(Request::Cancel).await?;
        let message = "what was asked for is taken back".to_owned();
        let outcome = Outcome::new(cluster, server.namespace(), message);
        outcome.show(args.common.output.output, terminal)?;
        return Ok(Exit::Success);
    }
    let instances = ha::list(server, cluster).await?;
    if let Some(candidate) = &args.candidate {
        ha::find(&instances, candidate)?;
    }
    let record = control.read().await?.record()?;
    let primary = ha::named(cluster, record.holder.member);
    if args
        .primary
        .as_ref()
        .is_some_and(|wanted| *wanted != primary)
    {
        return Err(Error::NotNow(format!(
            "the primary of {cluster} is {primary}"
        )));
    }
    let to = args.candidate.as_deref();
    let next = to.unwrap_or("the one of the others that is furthest");
    let question = format!("Shall the primary of {cluster} move from {primary} to {next}?");
    let to = to.map(|name| ha::number(cluster, name)).transpose()?;
    let wish = Request::Switchover { to };
    take_over(cluster, wish, &question, &args.common, server, terminal).await
}

pub(super) async fn failover(
    args: FailoverArgs,
    server: &Server,
    terminal: &mut Terminal,
) -> Result<Exit, Error> {
    let cluster = args.name.as_str();
    let to = ha::number(cluster, &args.candidate)?;
    ha::find(&ha::list(server, cluster).await?, &args.candidate)?;
    let question = format!(
        "Shall {} take over {cluster} with what it has? If the primary is lost, writes that it acknowledged and {} lacks are lost for good.",
        args.candidate, args.candidate
    );
    let wish = Request::Failover { to };
    take_over(cluster, wish, &question, &args.common, server, terminal).await
}

async fn take_over(
    cluster: &str,
    wish: Request,
    question: &str,
    common: &Common,
    server: &Server,
    terminal: &mut Terminal,
) -> Result<Exit, Error> {
    let control = Control::new(server, cluster);
    let record = control.read().await?.record()?;
    // What is so already, or cannot be, needs no answer.
    let needed = howdah_ha::machine::request(&record, wish).map_err(ha::refused)? != record;
    if needed {
        ha::confirm(terminal, common.yes, question).await?;
    }
    let change = control.change(wish).await?;
    let now = control
        .wait(wish, &change.before, common.timeout, terminal)
        .await?;
    let message = said(cluster, wish, &change.before, &now);
    let mut outcome = Outcome::new(cluster, server.namespace(), message).of(&now);
    outcome.changed = change.before.epoch != now.epoch;
    outcome.show(common.output.output, terminal)?;
    Ok(Exit::Success)
}

fn said(cluster: &str, wish: Request, before: &Record, now: &Record) -> String {
    let name = ha::named(cluster, now.holder.member);
    let epoch = now.epoch;
    if before.epoch == now.epoch {
        return format!("{name} is the primary of {cluster} already, in epoch {epoch}");
    }
    let wanted = match wish {
        Request::Switchover { to } => to,
        Request::Failover { to } => Some(to),
        _ => None,
    };
    match wanted {
        Some(wanted) if wanted != now.holder.member => format!(
            "{name} is the primary of {cluster} now, in epoch {epoch}: it was further than {}",
            ha::named(cluster, wanted)
        ),
        _ => format!("{name} is the primary of {cluster} now, in epoch {epoch}"),
    }
}
