//! `howdah operator`: the operator by itself, against any cluster.

use anyhow::{Context, Result};
use howdah_cli::{ConnectArgs, Exit};
use howdah_operator::Config;

use crate::args::OperatorArgs;
use crate::{settings, signals};

pub(crate) async fn run(args: &OperatorArgs, connection: &ConnectArgs) -> Result<Exit> {
    let OperatorArgs {
        install_crds,
        operator_namespace,
        identity,
        health_address,
        log: _,
    } = args;
    let shutdown = signals::shutdown_token()?;
    let client = howdah_cli::client(connection, &settings::environment()).await?;
    if *install_crds {
        howdah_operator::install_crds(&client)
            .await
            .context("install the definitions of the kinds")?;
    }
    let config = Config {
        namespace: operator_namespace.clone(),
        identity: identity.clone(),
        health: *health_address,
        ..Config::default()
    };
    howdah_operator::run(client, config, shutdown)
        .await
        .context("run the operator")?;
    Ok(Exit::Success)
}
