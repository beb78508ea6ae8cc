//! The verbs: what each takes, and which function does it.

mod apply;
mod delete;
mod describe;
mod events;
mod get;
mod history;
mod hold;
mod logs;
pub(crate) mod patronictl;
mod psql;
mod restart;
mod status;
mod takeover;
mod version;

use clap::Subcommand;
use howdah_ha::machine::Request;

use crate::connect::{ConnectArgs, Environment, connect};
use crate::error::Error;
use crate::exit::Exit;
use crate::terminal::Terminal;

/// Everything that can be asked of an API, on pocket or on Kubernetes.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Create or change objects from manifests.
    ///
    /// An object that does not exist is created; of one that exists, the fields in the manifest are set and
    /// fields of an earlier manifest that are gone from it are removed. Unknown fields are refused.
    Apply(apply::ApplyArgs),
    /// Delete objects, and wait until they are gone.
    ///
    /// Deleting a cluster deletes its data. The command returns when its Pods have stopped, too.
    Delete(delete::DeleteArgs),
    /// List objects, or show single ones.
    Get(get::GetArgs),
    /// Show an object, its parts and what happened to it.
    Describe(describe::DescribeArgs),
    /// Show the instances of a cluster.
    ///
    /// Roles, timelines and lag are asked of the instances themselves; when none answers, what the API knows is
    /// shown.
    Status(status::StatusArgs),
    /// Open psql on a cluster, as its superuser.
    ///
    /// The connection goes through the Kubernetes API to the instance's Pod, so nothing needs to be reachable
    /// from here but the API. psql is the one on PATH, or else the one of the components folder.
    Psql(psql::PsqlArgs),
    /// Show what a cluster or Pod has logged.
    Logs(logs::LogsArgs),
    /// Show what happened to an object or in a namespace.
    ///
    /// For a cluster, the events of its Pods, volumes and other parts are shown too. Events are kept for about
    /// an hour.
    Events(events::EventsArgs),
    /// Make another instance the primary, in order.
    Switchover(takeover::SwitchoverArgs),
    /// Make an instance the primary although the old one is lost.
    Failover(takeover::FailoverArgs),
    /// Restart Postgres of some or all instances.
    Restart(restart::RestartArgs),
    /// Let an instance take a new copy.
    Reinit(restart::ReinitArgs),
    /// Keep instances from taking over by themselves.
    Pause(hold::PauseArgs),
    /// Let instances take over by themselves again.
    Resume(hold::PauseArgs),
    /// Stop Postgres of an instance, and leave it stopped.
    Fence(hold::FenceArgs),
    /// Let a fenced instance run again.
    Unfence(hold::UnfenceArgs),
    /// Show who was the primary, and since when.
    History(history::HistoryArgs),
    /// Show the versions of this program and of the server.
    Version(version::VersionArgs),
}

/// Does what the verb says and returns the exit code.
///
/// # Errors
/// When it could not be done; the error's report is meant for standard error.
pub async fn run(
    verb: Verb,
    connection: &ConnectArgs,
    environment: &Environment,
    terminal: &mut Terminal,
) -> Result<Exit, Error> {
    // Versions are also worth knowing without a server, so `version` connects by itself.
    if let Verb::Version(args) = verb {
        return version::run(args, connection, environment, terminal).await;
    }
    let server = connect(connection, environment).await?;
    match verb {
        Verb::Apply(args) => apply::run(args, &server, terminal).await,
        Verb::Delete(args) => delete::run(args, &server, terminal).await,
        Verb::Get(args) => get::run(args, &server, terminal).await,
        Verb::Describe(args) => describe::run(args, &server, terminal).await,
        Verb::Status(args) => status::run(args, &server, terminal).await,
        Verb::Psql(args) => psql::run(args, &server, environment, terminal).await,
        Verb::Logs(args) => logs::run(args, &server, terminal).await,
        Verb::Events(args) => events::run(args, &server, terminal).await,
        Verb::Switchover(args) => takeover::switchover(args, &server, terminal).await,
        Verb::Failover(args) => takeover::failover(args, &server, terminal).await,
        Verb::Restart(args) => restart::restart(args, &server, terminal).await,
        Verb::Reinit(args) => restart::reinit(args, &server, terminal).await,
        Verb::Pause(args) => hold::pause(args, Request::Pause, &server, terminal).await,
        Verb::Resume(args) => hold::pause(args, Request::Resume, &server, terminal).await,
        Verb::Fence(args) => hold::fence(args, &server, terminal).await,
        Verb::Unfence(args) => hold::unfence(args, &server, terminal).await,
        Verb::History(args) => history::run(args, &server, terminal).await,
        Verb::Version(_) => unreachable!("handled above"),
    }
}
