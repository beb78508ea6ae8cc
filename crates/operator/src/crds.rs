//! Installing the CustomResourceDefinitions of the API.

use std::time::Duration;

use futures::future::try_join_all;
use howdah_api::labels::OPERATOR_MANAGER;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::Client;
use kube::api::{Api, Patch, PatchParams};
use kube::runtime::wait::{await_condition, conditions};

/// How long the server may take to serve a new kind.
const ESTABLISHED_WITHIN: Duration = Duration::from_secs(60);

/// Why the definitions could not be installed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The server refused a definition, or could not be reached.
    #[error("apply CustomResourceDefinition {name}")]
    Apply {
        /// Name of the definition.
        name: String,
        /// What the client reported.
        #[source]
        source: kube::Error,
    },
    /// The server's answer while waiting was an error.
    #[error("wait for CustomResourceDefinition {name}")]
    Wait {
        /// Name of the definition.
        name: String,
        /// What the client reported.
        #[source]
        source: kube::runtime::wait::Error,
    },
    /// The server does not serve the kind.
    #[error("CustomResourceDefinition {name} is not served after {} seconds", ESTABLISHED_WITHIN.as_secs())]
    NotEstablished {
        /// Name of the definition.
        name: String,
    },
}

/// Applies every definition and waits until the server serves all of them.
pub async fn install_crds(client: &Client) -> Result<(), Error> {
    let api: Api<CustomResourceDefinition> = Api::all(client.clone());
    try_join_all(
        howdah_api::crds()
            .into_iter()
            .map(|crd| install(api.clone(), crd)),
    )
    .await
    .map(drop)
}

async fn install(
    api: Api<CustomResourceDefinition>,
    crd: CustomResourceDefinition,
) -> Result<(), Error> {
    let name = crd.metadata.name.clone().unwrap_or_default();
    let params = PatchParams::apply(OPERATOR_MANAGER).force();
    api.patch(&name, &params, &Patch::Apply(&crd))
        .await
        .map_err(|source| Error::Apply {
            name: name.clone(),
            source,
        })?;
    let established = await_condition(api, &name, conditions::is_crd_established());
    match tokio::time::timeout(ESTABLISHED_WITHIN, established).await {
        Ok(Ok(_)) => Ok(()),
        Ok(Err(source)) => Err(Error::Wait { name, source }),
        Err(_) => Err(Error::NotEstablished { name }),
    }
}
