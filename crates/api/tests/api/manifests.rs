//! Manifests as people write them parse, keep everything, and are admitted.

use howdah_api::cluster::{Flavor, ReplicationMode, ServiceType};
use howdah_api::{
    SGBackup, SGCluster, SGDbOps, SGInstanceProfile, SGObjectStorage, SGPoolingConfig,
    SGPostgresConfig, SGScript,
};
use pretty_assertions::assert_eq;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::admission::admit;

const SIMPLE: &str = include_str!("manifests/simple.yaml");
const FULL: &str = include_str!("manifests/full.yaml");
const OTHERS: &str = include_str!("manifests/others.yaml");

fn documents(text: &str) -> Vec<Value> {
    text.split("---\n")
        .map(|document| serde_saphyr::from_str(document).unwrap())
        .collect()
}

/// Parses what an API server makes of a manifest, and asserts that nothing is lost on the way back.
fn round_trip<T: DeserializeOwned + Serialize>(manifest: &Value) -> T {
    let kind = manifest["kind"].as_str().unwrap();
    let admitted = admit(kind, manifest.clone(), None).unwrap();
    let parsed: T = serde_json::from_value(admitted.clone()).unwrap();
    assert_eq!(serde_json::to_value(&parsed).unwrap(), admitted);
    parsed
}

#[test]
fn nine_lines_are_a_cluster() {
    let cluster: SGCluster = round_trip(&documents(SIMPLE)[0]);
    assert_eq!(cluster.metadata.name.as_deref(), Some("simple"));
    assert_eq!(cluster.spec.instances, 3);
    assert_eq!(cluster.spec.postgres.version, "latest");
    assert_eq!(cluster.spec.pods.persistent_volume.size, "5Gi");
    assert!(cluster.spec.postgres.ssl.enabled);
    assert_eq!(cluster.spec.pods.disable_envoy, None);
}

#[test]
fn the_structs_have_the_defaults_of_the_schema() {
    let manifest = &documents(SIMPLE)[0];
    let without: SGCluster = serde_json::from_value(manifest.clone()).unwrap();
    let admitted = admit("SGCluster", manifest.clone(), None).unwrap();
    let with: SGCluster = serde_json::from_value(admitted).unwrap();
    assert_eq!(without, with);
}

#[test]
fn a_full_cluster_loses_nothing() {
    let cluster: SGCluster = round_trip(&documents(FULL)[0]);
    assert_eq!(cluster.spec.postgres.flavor, Some(Flavor::Vanilla));
    assert_eq!(
        cluster.spec.replication.unwrap().mode,
        Some(ReplicationMode::StrictSync)
    );
    let services = cluster.spec.postgres_services.unwrap();
    assert_eq!(
        services.primary.unwrap().type_,
        Some(ServiceType::LoadBalancer)
    );
    assert!(cluster.status.unwrap().conditions[0].is_true());
}

#[test]
fn the_other_kinds_lose_nothing() {
    for manifest in documents(OTHERS) {
        match manifest["kind"].as_str().unwrap() {
            "SGBackup" => drop(round_trip::<SGBackup>(&manifest)),
            "SGDbOps" => drop(round_trip::<SGDbOps>(&manifest)),
            "SGInstanceProfile" => drop(round_trip::<SGInstanceProfile>(&manifest)),
            "SGObjectStorage" => drop(round_trip::<SGObjectStorage>(&manifest)),
            "SGPoolingConfig" => drop(round_trip::<SGPoolingConfig>(&manifest)),
            "SGPostgresConfig" => drop(round_trip::<SGPostgresConfig>(&manifest)),
            "SGScript" => drop(round_trip::<SGScript>(&manifest)),
            other => panic!("no such kind: {other}"),
        }
    }
}

#[test]
fn parameters_may_be_text_numbers_or_booleans() {
    let config: SGPostgresConfig = serde_saphyr::from_str(
        "apiVersion: stackgres.io/v1\nkind: SGPostgresConfig\nmetadata: {name: c}\nspec:\n  \
         postgresVersion: \"18\"\n  postgresql.conf: {max_connections: 200, work_mem: 64MB, \
         random_page_cost: 1.5, jit: false, password_encryption: \"scram-sha-256\"}\n",
    )
    .unwrap();
    let read: Vec<_> = config
        .spec
        .postgresql_conf
        .iter()
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    assert_eq!(
        read,
        [
            "jit=off",
            "max_connections=200",
            "password_encryption=scram-sha-256",
            "random_page_cost=1.5",
            "work_mem=64MB",
        ]
    );
}

#[test]
fn quantities_of_containers_may_be_numbers() {
    let mut manifest = documents(SIMPLE).remove(0);
    manifest["spec"]["pods"]["resources"] =
        json!({"containers": {"pgbouncer": {"limits": {"cpu": 2, "memory": "64Mi"}}}});
    manifest["spec"]["pods"]["customContainers"] =
        json!([{"name": "tool", "resources": {"requests": {"cpu": 1}}}]);
    admit("SGCluster", manifest.clone(), None).unwrap();
    let pods = serde_json::from_value::<SGCluster>(manifest)
        .unwrap()
        .spec
        .pods;
    assert_eq!(
        pods.resources.unwrap().containers["pgbouncer"].limits["cpu"].as_str(),
        "2"
    );
    let resources = pods.custom_containers[0].resources.clone().unwrap();
    assert_eq!(resources.requests.unwrap()["cpu"].0, "1");
}

#[test]
fn wrong_manifests_do_not_parse() {
    for (pointer, wrong) in [
        ("/spec/instances", json!("three")),
        ("/spec/profile", json!("staging")),
        ("/spec/postgres", json!({})),
        ("/spec/pods", json!({})),
        ("/spec/pods/managementPolicy", json!("Random")),
        ("/spec/replication", json!({"mode": "best-effort"})),
        ("/spec/replication", json!({"groups": [{"instances": 1}]})),
        (
            "/spec/configurations",
            json!({"backups": [{"retention": 5}]}),
        ),
        (
            "/spec/configurations",
            json!({"postgres": {"postgresql.conf": {"work_mem": {}}}}),
        ),
        ("/spec/pods/customContainers", json!([{"name": 7}])),
    ] {
        let mut manifest = documents(SIMPLE).remove(0);
        let (parent, name) = pointer.rsplit_once('/').unwrap();
        manifest.pointer_mut(parent).unwrap()[name] = wrong;
        assert!(
            serde_json::from_value::<SGCluster>(manifest).is_err(),
            "{pointer}"
        );
    }
}
