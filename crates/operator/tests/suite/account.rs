//! Who the operator is in the tests: the account of an installation.

use anyhow::{Context as _, Result};
use howdah_operator::{Config, install};
use k8s_openapi::api::authentication::v1::TokenRequest;
use k8s_openapi::api::core::v1::ServiceAccount;
use k8s_openapi::api::rbac::v1::ClusterRoleBinding;
use kube::Client;
use kube::api::{Api, PostParams};
use kube::config::{AuthInfo, KubeConfigOptions, Kubeconfig};
use serde_json::json;

/// A client with the rights that an installation gives to the operator, and no more.
pub(crate) async fn client(
    admin: &Client,
    kubeconfig: impl AsRef<std::path::Path>,
) -> Result<Client> {
    let namespace = Config::default().namespace;
    let name = "howdah-operator";
    let params = PostParams::default();
    let role = install::cluster_role();
    Api::all(admin.clone()).create(&params, &role).await?;
    let binding: ClusterRoleBinding = serde_json::from_value(json!({
        "metadata": {"name": name},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": name},
        "subjects": [{"kind": "ServiceAccount", "name": name, "namespace": namespace}],
    }))?;
    Api::all(admin.clone()).create(&params, &binding).await?;
    let accounts: Api<ServiceAccount> = Api::namespaced(admin.clone(), &namespace);
    let account: ServiceAccount = serde_json::from_value(json!({"metadata": {"name": name}}))?;
    accounts.create(&params, &account).await?;
    let request = TokenRequest::default();
    let token = accounts
        .create_token_request(name, &params, &request)
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
