//! Who the operator is in the tests: the account of an installation.

use anyhow::{Context as _, Result};
use howdah_operator::{Config, install};
use k8s_openapi::api::authentication::v1::TokenRequest;
use k8s_openapi::api::core::v1::ServiceAccount;
use k8s_openapi::api::rbac::v1::{ClusterRole, ClusterRoleBinding, Role, RoleBinding};
use kube::Client;
use kube::api::{Api, PostParams};
use kube::config::{AuthInfo, KubeConfigOptions, Kubeconfig};
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::suite::world::Object;

/// A client with the rights that an installation for this configuration gives to the operator, and no more.
pub(crate) async fn client(
    admin: &Client,
    config: &Config,
    kubeconfig: impl AsRef<std::path::Path>,
) -> Result<Client> {
    let options = install::Options {
        namespaces: config.namespaces.clone(),
        network_policies: config.network_policies,
    };
    for object in install::objects(&options) {
        match object["kind"].as_str().unwrap_or_default() {
            "ClusterRole" => over_all::<ClusterRole>(admin, object).await?,
            "ClusterRoleBinding" => over_all::<ClusterRoleBinding>(admin, object).await?,
            "Role" => within::<Role>(admin, object).await?,
            "RoleBinding" => within::<RoleBinding>(admin, object).await?,
            "ServiceAccount" => within::<ServiceAccount>(admin, object).await?,
            _ => {}
        }
    }
    let accounts: Api<ServiceAccount> = Api::namespaced(admin.clone(), &config.namespace);
    let (params, request) = (PostParams::default(), TokenRequest::default());
    let token = accounts
        .create_token_request("howdah-operator", &params, &request)
        .await?;
    let token = token
        .status
        .and_then(|status| status.token)
        .context("a token")?;
    let kubeconfig = Kubeconfig::read_from(kubeconfig)?;
    let options = KubeConfigOptions::default();
    let mut config = kube::Config::from_custom_kubeconfig(kubeconfig, &options).await?;
    config.auth_info = AuthInfo {
        token: Some(token.into()),
        ..AuthInfo::default()
    };
    Ok(Client::try_from(config)?)
}

async fn within<K: Object>(admin: &Client, object: Value) -> Result<()> {
    let object: K = serde_json::from_value(object)?;
    let namespace = object.meta().namespace.as_deref().unwrap_or_default();
    let api: Api<K> = Api::namespaced(admin.clone(), namespace);
    api.create(&PostParams::default(), &object).await?;
    Ok(())
}

async fn over_all<K>(admin: &Client, object: Value) -> Result<()>
where
    K: kube::Resource<DynamicType = ()>
        + Clone
        + std::fmt::Debug
        + serde::Serialize
        + DeserializeOwned,
{
    let object: K = serde_json::from_value(object)?;
    let api: Api<K> = Api::all(admin.clone());
    api.create(&PostParams::default(), &object).await?;
    Ok(())
}
