use std::collections::BTreeMap;

use futures::{StreamExt, TryStreamExt};
use k8s_openapi::api::core::v1::{ConfigMap, Namespace, Pod, Secret, Service};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::api::{
    DeleteParams, DynamicObject, ListParams, Patch, PatchParams, PostParams, WatchEvent,
    WatchParams,
};
use kube::core::{ApiResource, GroupVersionKind};
use kube::{Api, ResourceExt};
use serde_json::json;

use super::Pocket;

fn map(name: &str) -> ConfigMap {
    let data = BTreeMap::from([("k".to_owned(), "v".to_owned())]);
    let mut map = ConfigMap {
        data: Some(data),
        ..ConfigMap::default()
    };
    map.metadata.name = Some(name.into());
    map
}

#[tokio::test]
async fn objects_live_the_same_life_in_process_and_over_https() {
    let pocket = Pocket::start().await;
    for client in [pocket.running.client(), pocket.https().await] {
        let api: Api<ConfigMap> = Api::default_namespaced(client);
        let made = api.create(&PostParams::default(), &map("a")).await.unwrap();
        let again = api
            .create(&PostParams::default(), &map("a"))
            .await
            .unwrap_err();
        assert!(matches!(again, kube::Error::Api(status) if status.is_already_exists()));
        let merge = Patch::Merge(json!({"data": {"k": null, "n": "1"}}));
        let patched = api
            .patch("a", &PatchParams::default(), &merge)
            .await
            .unwrap();
        assert_eq!(
            patched.data.unwrap(),
            BTreeMap::from([("n".to_owned(), "1".to_owned())])
        );
        let mut stale = made.clone();
        stale.data = None;
        let conflict = api
            .replace("a", &PostParams::default(), &stale)
            .await
            .unwrap_err();
        assert!(matches!(conflict, kube::Error::Api(status) if status.is_conflict()));
        assert_eq!(
            api.list(&ListParams::default().fields("metadata.name=a"))
                .await
                .unwrap()
                .items
                .len(),
            1
        );
        api.delete("a", &DeleteParams::default()).await.unwrap();
        assert!(api.get_opt("a").await.unwrap().is_none());
    }
    pocket.stop().await;
}

#[tokio::test]
async fn a_watch_sees_changes_and_ends_with_the_server() {
    let pocket = Pocket::start().await;
    let api: Api<ConfigMap> = Api::default_namespaced(pocket.https().await);
    let start = api
        .list(&ListParams::default())
        .await
        .unwrap()
        .metadata
        .resource_version
        .unwrap();
    let mut events = api
        .watch(&WatchParams::default(), &start)
        .await
        .unwrap()
        .boxed();
    api.create(&PostParams::default(), &map("w")).await.unwrap();
    api.delete("w", &DeleteParams::default()).await.unwrap();
    let mut seen = Vec::new();
    while seen.len() < 2 {
        match events.try_next().await.unwrap().unwrap() {
            WatchEvent::Added(map) if map.name_any() == "w" => seen.push("added"),
            WatchEvent::Deleted(map) if map.name_any() == "w" => seen.push("deleted"),
            _ => {}
        }
    }
    assert_eq!(seen, ["added", "deleted"]);
    pocket.stop().await;
    assert!(events.try_next().await.is_ok_and(|event| event.is_none()));
}

#[tokio::test]
async fn defaults_are_those_of_a_real_server() {
    let pocket = Pocket::start().await;
    let client = pocket.running.client();
    let pods: Api<Pod> = Api::default_namespaced(client.clone());
    let pod = json!({"metadata": {"name": "p"}, "spec": {"containers": [{"name": "c", "image": "i",
        "readinessProbe": {"httpGet": {"port": 80}}}]}});
    let pod = pods
        .create(
            &PostParams::default(),
            &serde_json::from_value(pod).unwrap(),
        )
        .await
        .unwrap();
    let spec = pod.spec.unwrap();
    assert_eq!(spec.restart_policy.as_deref(), Some("Always"));
    assert_eq!(spec.termination_grace_period_seconds, Some(30));
    let probe = spec.containers[0].readiness_probe.clone().unwrap();
    assert_eq!(
        (probe.period_seconds, probe.failure_threshold),
        (Some(10), Some(3))
    );
    assert_eq!(pod.status.unwrap().phase.as_deref(), Some("Pending"));
    let services: Api<Service> = Api::default_namespaced(client.clone());
    let mut addresses = Vec::new();
    for name in ["one", "two"] {
        let service = json!({"metadata": {"name": name}, "spec": {"ports": [{"port": 5432}]}});
        let service = serde_json::from_value(service).unwrap();
        let made = services
            .create(&PostParams::default(), &service)
            .await
            .unwrap();
        addresses.push(made.spec.unwrap().cluster_ip.unwrap());
    }
    assert_ne!(addresses[0], addresses[1]);
    let mut node_ports = Vec::new();
    for name in ["three", "four"] {
        let service = json!({"metadata": {"name": name},
            "spec": {"type": "LoadBalancer", "ports": [{"port": 5432}]}});
        let service = serde_json::from_value(service).unwrap();
        let made: Service = services
            .create(&PostParams::default(), &service)
            .await
            .unwrap();
        node_ports.push(made.spec.unwrap().ports.unwrap()[0].node_port.unwrap());
    }
    assert_ne!(node_ports[0], node_ports[1]);
    let secrets: Api<Secret> = Api::default_namespaced(client);
    let secret = json!({"metadata": {"name": "s"}, "stringData": {"p": "hello"}});
    let secret = serde_json::from_value(secret).unwrap();
    let made = secrets
        .create(&PostParams::default(), &secret)
        .await
        .unwrap();
    assert_eq!(made.data.unwrap()["p"].0, b"hello");
    pocket.stop().await;
}

#[tokio::test]
async fn custom_kinds_are_served_as_soon_as_they_are_defined() {
    let pocket = Pocket::start().await;
    let client = pocket.https().await;
    let crds: Api<CustomResourceDefinition> = Api::all(client.clone());
    let crd = json!({"metadata": {"name": "widgets.example.org"}, "spec": {
        "group": "example.org", "scope": "Namespaced", "names": {"plural": "widgets", "kind": "Widget"},
        "versions": [{"name": "v1", "served": true, "storage": true, "schema": {"openAPIV3Schema": {
            "type": "object", "properties": {"spec": {"type": "object", "properties": {
                "size": {"type": "integer", "default": 3, "maximum": 9}}}}}}}]}});
    crds.create(
        &PostParams::default(),
        &serde_json::from_value(crd).unwrap(),
    )
    .await
    .unwrap();
    let kind = ApiResource::from_gvk(&GroupVersionKind::gvk("example.org", "v1", "Widget"));
    let widgets: Api<DynamicObject> = Api::default_namespaced_with(client, &kind);
    let apply = PatchParams::apply("me");
    let widget = json!({"apiVersion": "example.org/v1", "kind": "Widget", "spec": {}});
    let made = widgets
        .patch("w", &apply, &Patch::Apply(&widget))
        .await
        .unwrap();
    assert_eq!(made.data["spec"], json!({"size": 3}));
    let bad = json!({"apiVersion": "example.org/v1", "kind": "Widget", "spec": {"size": 10}});
    let error = widgets
        .patch("w", &apply, &Patch::Apply(&bad))
        .await
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("spec.size in body should be less than or equal to 9"),
        "{error}"
    );
    crds.delete("widgets.example.org", &DeleteParams::default())
        .await
        .unwrap();
    super::gone(&crds, "widgets.example.org").await;
    assert!(widgets.get("w").await.is_err());
    pocket.stop().await;
}

#[tokio::test]
async fn everything_survives_a_restart() {
    let pocket = Pocket::start().await;
    let api: Api<Namespace> = Api::all(pocket.running.client());
    let mut namespace = Namespace::default();
    namespace.metadata.name = Some("kept".into());
    let made = api
        .create(&PostParams::default(), &namespace)
        .await
        .unwrap();
    let dir = pocket.dir;
    pocket.running.shutdown().await;
    let root = camino::Utf8Path::from_path(dir.path()).unwrap();
    let mut config = howdah_pocket::Config::new(root.join("state"), root.join("components"));
    config.port = 0;
    let again = howdah_pocket::start(config).await.unwrap();
    let api: Api<Namespace> = Api::all(again.client());
    assert_eq!(api.get("kept").await.unwrap(), made);
    again.shutdown().await;
}
