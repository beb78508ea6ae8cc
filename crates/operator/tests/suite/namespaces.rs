//! An operator that is bound to namespaces: it works there, and has no rights elsewhere.

use anyhow::Result;
use howdah_api::SGCluster;
use howdah_operator::Config;
use howdah_testkit::wait_until;
use k8s_openapi::api::core::v1::{ConfigMap, Pod, Secret, Service};
use kube::Client;
use kube::api::{Api, ListParams, PostParams};
use pretty_assertions::assert_eq;
use serde_json::json;

use crate::suite::world::{NAMESPACE, Object, PATIENCE, World};

const OTHER: &str = "elsewhere";

fn bound() -> Config {
    Config {
        namespaces: [NAMESPACE.to_owned()].into(),
        network_policies: true,
        ..Config::default()
    }
}

/// What an operator is not allowed is told with 403.
async fn is_forbidden<K: Object>(api: Api<K>) -> bool {
    let listed = api.list(&ListParams::default()).await;
    matches!(listed, Err(kube::Error::Api(status)) if status.code == 403)
}

async fn has_no_rights_in(client: &Client, namespace: &str) -> [bool; 4] {
    [
        is_forbidden(Api::<SGCluster>::namespaced(client.clone(), namespace)).await,
        is_forbidden(Api::<Pod>::namespaced(client.clone(), namespace)).await,
        is_forbidden(Api::<Secret>::namespaced(client.clone(), namespace)).await,
        is_forbidden(Api::<ConfigMap>::namespaced(client.clone(), namespace)).await,
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn clusters_of_the_named_namespaces_are_made_and_others_are_left_alone() -> Result<()> {
    let mut world = World::without_operator().await?;
    world.ensure_namespace(OTHER).await?;
    world.operate(bound()).await?;
    let outside: Api<SGCluster> = Api::namespaced(world.client.clone(), OTHER);
    let cluster: SGCluster = serde_json::from_value(json!({
        "metadata": {"name": "b"},
        "spec": {
            "instances": 1, "postgres": {"version": "latest"},
            "pods": {"persistentVolume": {"size": "1Gi"}},
        },
    }))?;
    outside.create(&PostParams::default(), &cluster).await?;

    world.create_cluster(json!({})).await?;
    world.await_pods(&["a-0", "a-1", "a-2"]).await?;
    world.await_condition("Bootstrapped", "True").await?;
    world
        .patch::<SGCluster>("a", json!({"spec": {"instances": 1}}))
        .await?;
    world.await_pods(&["a-0"]).await?;
    world.await_event("ClusterCreated").await?;

    let untouched = outside.get("b").await?;
    assert_eq!(untouched.status, None);
    let services: Api<Service> = Api::namespaced(world.client.clone(), OTHER);
    let found = services.list(&ListParams::default()).await?;
    assert_eq!(
        found.items.iter().map(kube::ResourceExt::name_any).next(),
        None
    );
    world.end().await
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operator_that_is_bound_to_namespaces_has_no_rights_elsewhere() -> Result<()> {
    let mut world = World::without_operator().await?;
    world.ensure_namespace(OTHER).await?;
    world.operate(bound()).await?;
    let operator = world.operator();
    assert_eq!(has_no_rights_in(&operator, OTHER).await, [true; 4]);
    let home = Config::default().namespace;
    assert_eq!(has_no_rights_in(&operator, &home).await, [true; 4]);
    assert_eq!(has_no_rights_in(&operator, NAMESPACE).await, [false; 4]);
    assert!(is_forbidden(Api::<Pod>::all(operator.clone())).await);

    // The catalogue is at home, and a change of it is seen.
    world.create_cluster(json!({"instances": 1})).await?;
    world.await_pods(&["a-0"]).await?;
    world.set_catalogue("components: []").await?;
    wait_until(PATIENCE, "the change of the catalogue", async || {
        let cluster = world
            .cluster()
            .await
            .map_err(|error| format!("{error:#}"))?;
        let conditions = cluster.status.unwrap_or_default().conditions;
        let failed = howdah_api::conditions::find(&conditions, "Failed");
        match failed {
            Some(condition) if condition.status == "True" => Ok(()),
            other => Err(format!("{other:?}")),
        }
    })
    .await?;
    world.end().await
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operator_without_its_rights_says_where_it_misses_them() -> Result<()> {
    let mut world = World::without_operator().await?;
    world.operate(bound()).await?;
    let config = Config {
        namespaces: [OTHER.to_owned()].into(),
        ..Config::default()
    };
    let stop = tokio_util::sync::CancellationToken::new();
    let ended = howdah_operator::run(world.operator(), config, stop).await;
    let said = ended.map_err(|error| error.to_string());
    assert_eq!(said, Err(format!("list SGClusters of namespace {OTHER}")));
    world.end().await
}
