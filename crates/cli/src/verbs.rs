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
    /// Create or change objects from manifests
    Apply(apply::ApplyArgs),
    /// Delete objects
    Delete(delete::DeleteArgs),
    /// List objects
    Get(get::GetArgs),
    /// Show an object, its parts and what happened to it
    Describe(describe::DescribeArgs),
    /// Show the instances of a cluster
    Status(status::StatusArgs),
    /// Open psql on a cluster
    Psql(psql::PsqlArgs),
    /// Show what a cluster or Pod has logged
    Logs(logs::LogsArgs),
    /// Show what happened to an object or in a namespace
    Events(events::EventsArgs),
    /// Show the versions of this program and of the server
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
