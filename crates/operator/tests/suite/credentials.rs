//! Passwords are generated once and belong to the user from then on.

use anyhow::{Context as _, Result};
use k8s_openapi::api::core::v1::Secret;
use pretty_assertions::assert_eq;
use serde_json::{Value, json};

use crate::suite::world::World;

fn key(secret: &Secret, key: &str) -> Option<String> {
    String::from_utf8(secret.data.as_ref()?.get(key)?.0.clone()).ok()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_password_that_was_changed_by_hand_stays() -> Result<()> {
    let world = World::start().await?;
    world.create_cluster(json!({"instances": 1})).await?;
    world.await_pods(&["a-0"]).await?;
    let generated = world.api::<Secret>().get("a").await?;
    let password = key(&generated, "superuser-password").context("a password")?;
    assert_eq!(password.len(), 32);
    // "changed" in base64.
    let changed = json!({"data": {"superuser-password": "Y2hhbmdlZA=="}});
    world.patch::<Secret>("a", changed).await?;
    // The binding follows, which also shows that a pass has seen the change.
    let followed = |secret: &Secret| (key(secret, "password")? == "changed").then_some(());
    world
        .await_object("a-binding", "the new password", followed)
        .await?;
    let stored = world.api::<Secret>().get("a").await?;
    assert_eq!(
        key(&stored, "superuser-password").as_deref(),
        Some("changed")
    );
    assert_eq!(
        key(&stored, "restapi-password"),
        key(&generated, "restapi-password")
    );
    world.end().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_password_that_was_removed_is_generated_again() -> Result<()> {
    let world = World::start().await?;
    world.create_cluster(json!({"instances": 1})).await?;
    world.await_pods(&["a-0"]).await?;
    let removed = json!({"data": {"restapi-password": Value::Null}});
    world.patch::<Secret>("a", removed).await?;
    let again = |secret: &Secret| key(secret, "restapi-password");
    assert_eq!(
        world.await_object("a", "a password", again).await?.len(),
        32
    );
    world.end().await
}
