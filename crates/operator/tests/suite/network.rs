//! Who reaches the instances, where the installation limits it.

use anyhow::Result;
use howdah_operator::Config;
use howdah_testkit::wait_until;
use k8s_openapi::api::networking::v1::NetworkPolicy;
use kube::ResourceExt as _;
use kube::api::PostParams;
use pretty_assertions::assert_eq;
use serde_json::json;

use crate::suite::world::{PATIENCE, World};

#[tokio::test(flavor = "multi_thread")]
async fn policies_are_made_kept_and_removed_as_the_installation_says() -> Result<()> {
    let mut world = World::without_operator().await?;
    let limiting = Config {
        network_policies: true,
        ..Config::default()
    };
    world.operate(limiting).await?;
    let of_somebody: NetworkPolicy = serde_json::from_value(json!({
        "metadata": {"name": "mine"}, "spec": {"podSelector": {}},
    }))?;
    let params = PostParams::default();
    world.api().create(&params, &of_somebody).await?;
    world.create_cluster(json!({"instances": 1})).await?;
    world.await_pods(&["a-0"]).await?;
    let uid = world.cluster().await?.uid().unwrap_or_default();
    assert_eq!(world.names::<NetworkPolicy>().await?, ["a", "mine"]);
    assert_eq!(world.strangers::<NetworkPolicy>(&uid).await?, ["mine"]);

    let opened = json!({"spec": {"ingress": [{}]}});
    world.patch::<NetworkPolicy>("a", opened).await?;
    let closer = json!({"spec": {"postgres": {"version": "latest"}, "metadata": {"labels": {"allResources": {"b": "c"}}}}});
    world.patch::<howdah_api::SGCluster>("a", closer).await?;
    world
        .await_object("a", "the rules again", |policy: &NetworkPolicy| {
            let rules = policy.spec.as_ref()?.ingress.as_ref()?.len();
            (rules == 4).then_some(())
        })
        .await?;

    world.stop_operators().await?;
    world.operate(Config::default()).await?;
    wait_until(PATIENCE, "no policy", async || {
        match world.names::<NetworkPolicy>().await {
            Ok(names) if names == ["mine"] => Ok(()),
            other => Err(format!("{other:?}")),
        }
    })
    .await?;
    world.end().await
}
