//! `howdah version`: this program and the server.

use clap::Args;
use serde::Serialize;
use serde_json::Value;

use crate::connect::{ConnectArgs, Environment, connect};
use crate::error::Error;
use crate::exit::Exit;
use crate::output::{self, DataOutput};
use crate::terminal::Terminal;

const EXAMPLES: &str = "\
Examples:
  howdah version             both versions
  howdah version --client    without asking a server

Exit codes: 0 shown, 1 the server could not be asked, 2 wrong usage.";

/// Arguments of `howdah version`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct VersionArgs {
    /// Only the version of this program
    #[arg(long)]
    client: bool,
    #[command(flatten)]
    output: DataOutput,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Versions {
    client_version: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    server_version: Option<String>,
}

impl Versions {
    fn lines(&self) -> Vec<String> {
        let mut lines = vec![format!("Client Version: v{}", self.client_version)];
        if let Some(version) = &self.server_version {
            lines.push(format!("Server Version: {version}"));
        }
        lines
    }
}

pub(super) async fn run(
    args: VersionArgs,
    connection: &ConnectArgs,
    environment: &Environment,
    terminal: &mut Terminal,
) -> Result<Exit, Error> {
    let mut versions = Versions {
        client_version: env!("CARGO_PKG_VERSION"),
        server_version: None,
    };
    let mut problem = None;
    if !args.client {
        match server_version(connection, environment).await {
            Ok(version) => versions.server_version = Some(version),
            Err(error) => problem = Some(error),
        }
    }
    output::data(terminal, args.output.output, &versions, Versions::lines)?;
    problem.map_or(Ok(Exit::Success), Err)
}

async fn server_version(
    connection: &ConnectArgs,
    environment: &Environment,
) -> Result<String, Error> {
    let server = connect(connection, environment).await?;
    let answer = server.get("/version").await?;
    let version = answer.get("gitVersion").and_then(Value::as_str);
    Ok(version.unwrap_or("unknown").to_owned())
}
