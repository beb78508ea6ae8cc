//! The Secret with which the instances know each other.

use anyhow::{Context as _, Result};
use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;
use kube::ResourceExt as _;
use kube::api::{DeleteParams, PostParams};
use pretty_assertions::assert_eq;
use serde_json::json;

use crate::suite::world::World;

const KEYS: [&str; 4] = ["ca.crt", "ca.key", "tls.crt", "tls.key"];

fn key<'a>(secret: &'a Secret, key: &str) -> Option<&'a ByteString> {
    secret.data.as_ref()?.get(key)
}

fn complete(secret: &Secret) -> Option<Secret> {
    let pem = |value: &ByteString| value.0.starts_with(b"-----BEGIN ");
    let all = KEYS.iter().all(|name| key(secret, name).is_some_and(pem));
    all.then(|| secret.clone())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_certificate_is_renewed_by_the_same_authority() -> Result<()> {
    let world = World::start().await?;
    world.create_cluster(json!({"instances": 1})).await?;
    world.await_pods(&["a-0"]).await?;
    let made = world.await_object("a-peer", "keys", complete).await?;
    let damaged = json!({"data": {"tls.key": "eA=="}});
    world.patch::<Secret>("a-peer", damaged).await?;
    let renewed = world.await_object("a-peer", "keys again", complete).await?;
    assert_eq!(renewed.uid(), made.uid());
    assert_eq!(key(&renewed, "ca.crt"), key(&made, "ca.crt"));
    assert_ne!(key(&renewed, "tls.crt"), key(&made, "tls.crt"));
    // Nothing else causes a new one.
    let more = json!({"spec": {"pods": {"terminationGracePeriodSeconds": 90}}});
    world.patch::<howdah_api::SGCluster>("a", more).await?;
    world.await_condition("PendingRestart", "True").await?;
    let later = world.api::<Secret>().get("a-peer").await?;
    assert_eq!(later.data, renewed.data);
    world.end().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_foreign_secret_of_that_name_is_replaced() -> Result<()> {
    let world = World::start().await?;
    let foreign: Secret = serde_json::from_value(json!({
        "metadata": {"name": "a-peer"},
        "type": "kubernetes.io/basic-auth",
        "immutable": true,
        "data": {"username": "eA==", "password": "eA=="},
    }))?;
    let api = world.api::<Secret>();
    let foreign = api.create(&PostParams::default(), &foreign).await?;
    world.create_cluster(json!({"instances": 1})).await?;
    let ours = world.await_object("a-peer", "keys", complete).await?;
    assert_ne!(ours.uid(), foreign.uid());
    assert_eq!(ours.type_.as_deref(), Some("Opaque"));
    let owner = ours.owner_references().first().context("an owner")?;
    assert_eq!(owner.name, "a");
    // One that goes away comes back.
    api.delete("a-peer", &DeleteParams::default()).await?;
    let again = |secret: &Secret| complete(secret).filter(|secret| secret.uid() != ours.uid());
    world.await_object("a-peer", "another one", again).await?;
    world.end().await
}
