//! `howdah operator`: the operator by itself, against any cluster.

use std::collections::BTreeSet;
use std::io::Write as _;

use anyhow::{Context, Result};
use howdah_cli::{ConnectArgs, Exit};
use howdah_operator::{Certificate, Config, Webhook, install};

use crate::args::OperatorArgs;
use crate::{settings, signals};

pub(crate) async fn run(args: &OperatorArgs, connection: &ConnectArgs) -> Result<Exit> {
    let OperatorArgs {
        install_crds,
        print_manifest,
        operator_namespace,
        identity,
        health_address,
        webhook_address,
        webhook_certificate,
        allowed_namespaces,
        network_policies,
        log: _,
    } = args;
    let namespaces: BTreeSet<_> = allowed_namespaces.iter().cloned().collect();
    if *print_manifest {
        let options = install::Options {
            namespaces,
            network_policies: *network_policies,
        };
        return print(&options);
    }
    let shutdown = signals::shutdown_token()?;
    let client = howdah_cli::client(connection, &settings::environment()).await?;
    if *install_crds {
        howdah_operator::install_crds(&client)
            .await
            .context("install the definitions of the kinds")?;
    }
    let webhook = webhook_address.map(|address| Webhook {
        address,
        certificate: match webhook_certificate {
            Some(folder) => Certificate::Folder(folder.clone().into()),
            None => Certificate::Own,
        },
    });
    let config = Config {
        namespace: operator_namespace.clone(),
        identity: identity.clone(),
        health: *health_address,
        namespaces,
        network_policies: *network_policies,
        webhook,
        ..Config::default()
    };
    howdah_operator::run(client, config, shutdown)
        .await
        .context("run the operator")?;
    Ok(Exit::Success)
}

/// The installation as one text.
fn print(options: &install::Options) -> Result<Exit> {
    let text = install::manifest(options).context("write the manifest as YAML")?;
    let mut out = std::io::stdout().lock();
    out.write_all(text.as_bytes())
        .and_then(|()| out.flush())
        .context("print the manifest")?;
    Ok(Exit::Success)
}
