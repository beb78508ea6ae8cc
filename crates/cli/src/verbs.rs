//! The verbs: what each takes, and which function does it.

mod apply;
mod delete;
mod describe;
mod events;
mod get;
mod logs;
mod psql;
mod status;
mod version;

use clap::Subcommand;

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
        Verb::Version(_) => unreachable!("handled above"),
    }
}
