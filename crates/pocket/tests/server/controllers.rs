use k8s_openapi::api::core::v1::{
    ConfigMap, Namespace, PersistentVolume, PersistentVolumeClaim, Pod, Service,
};
use k8s_openapi::api::discovery::v1::EndpointSlice;
use kube::api::{DeleteParams, ListParams, Patch, PatchParams, PostParams};
use kube::{Api, Client, ResourceExt};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::{Pocket, becomes, gone};

async fn make<K>(api: &Api<K>, object: Value) -> K
where
    K: Clone + std::fmt::Debug + Serialize + DeserializeOwned,
{
    let object: K = serde_json::from_value(object).unwrap();
    api.create(&PostParams::default(), &object).await.unwrap()
}

async fn owned(api: &Api<ConfigMap>, name: &str, owner: &ConfigMap) {
    let reference = json!({"apiVersion": "v1", "kind": "ConfigMap", "name": owner.name_any(),
        "uid": owner.uid(), "blockOwnerDeletion": true});
    make(
        api,
        json!({"metadata": {"name": name, "ownerReferences": [reference]}}),
    )
    .await;
}

fn maps(client: &Client) -> Api<ConfigMap> {
    Api::default_namespaced(client.clone())
}

#[tokio::test]
async fn dependents_go_with_their_owner_unless_they_are_orphaned() {
    let pocket = Pocket::start().await;
    let api = maps(&pocket.running.client());
    for (how, survives) in [
        (DeleteParams::background(), false),
        (DeleteParams::foreground(), false),
        (DeleteParams::orphan(), true),
    ] {
        let owner = make(&api, json!({"metadata": {"name": "owner"}})).await;
        owned(&api, "owned", &owner).await;
        api.delete("owner", &how).await.unwrap();
        gone(&api, "owner").await;
        if survives {
            let orphan = becomes(&api, "owned", |map| map.owner_references().is_empty()).await;
            assert!(orphan.metadata.deletion_timestamp.is_none());
        } else {
            gone(&api, "owned").await;
        }
    }
    pocket.stop().await;
}

#[tokio::test]
async fn a_namespace_takes_what_it_holds_with_it() {
    let pocket = Pocket::start().await;
    let client = pocket.running.client();
    let namespaces: Api<Namespace> = Api::all(client.clone());
    make(&namespaces, json!({"metadata": {"name": "n"}})).await;
    let inside: Api<ConfigMap> = Api::namespaced(client.clone(), "n");
    becomes(&inside, "kube-root-ca.crt", |_| true).await;
    make(
        &inside,
        json!({"metadata": {"name": "held", "finalizers": ["example.org/wait"]}}),
    )
    .await;
    namespaces
        .delete("n", &DeleteParams::default())
        .await
        .unwrap();
    becomes(&inside, "held", |map| {
        map.metadata.deletion_timestamp.is_some()
    })
    .await;
    let refused = inside
        .create(&PostParams::default(), &ConfigMap::default())
        .await;
    assert!(
        refused
            .unwrap_err()
            .to_string()
            .contains("because it is being terminated")
    );
    let release = Patch::Merge(json!({"metadata": {"finalizers": null}}));
    inside
        .patch("held", &PatchParams::default(), &release)
        .await
        .unwrap();
    gone(&namespaces, "n").await;
    assert_eq!(inside.list(&ListParams::default()).await.unwrap().items, []);
    pocket.stop().await;
}

#[tokio::test]
async fn a_claim_gets_a_directory_and_gives_it_back() {
    let pocket = Pocket::start().await;
    let client = pocket.running.client();
    let claims: Api<PersistentVolumeClaim> = Api::default_namespaced(client.clone());
    make(
        &claims,
        json!({"metadata": {"name": "c"}, "spec": {"accessModes": ["ReadWriteOnce"],
        "resources": {"requests": {"storage": "1Gi"}}}}),
    )
    .await;
    let bound = becomes(&claims, "c", |claim| {
        claim
            .status
            .as_ref()
            .is_some_and(|status| status.phase.as_deref() == Some("Bound"))
    });
    let volume = bound.await.spec.unwrap().volume_name.unwrap();
    let volumes: Api<PersistentVolume> = Api::all(client);
    let spec = volumes.get(&volume).await.unwrap().spec.unwrap();
    let directory = spec.host_path.unwrap().path;
    assert!(std::path::Path::new(&directory).is_dir(), "{directory}");
    claims.delete("c", &DeleteParams::default()).await.unwrap();
    gone(&claims, "c").await;
    gone(&volumes, &volume).await;
    assert!(!std::path::Path::new(&directory).exists(), "{directory}");
    pocket.stop().await;
}

#[tokio::test]
async fn ready_pods_of_a_service_are_its_endpoints() {
    let pocket = Pocket::start().await;
    let client = pocket.running.client();
    let services: Api<Service> = Api::default_namespaced(client.clone());
    let pods: Api<Pod> = Api::default_namespaced(client.clone());
    let slices: Api<EndpointSlice> = Api::default_namespaced(client);
    make(
        &services,
        json!({"metadata": {"name": "web"}, "spec": {"selector": {"app": "web"},
        "ports": [{"port": 80, "targetPort": "http"}]}}),
    )
    .await;
    make(
        &pods,
        json!({"metadata": {"name": "p", "labels": {"app": "web"}}, "spec": {
        "nodeName": "elsewhere", "containers": [{"name": "c", "image": "i",
            "ports": [{"name": "http", "containerPort": 8080}]}]}}),
    )
    .await;
    let status = Patch::Merge(
        json!({"status": {"podIP": "127.0.0.9", "podIPs": [{"ip": "127.0.0.9"}],
        "phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]}}),
    );
    pods.patch_status("p", &PatchParams::default(), &status)
        .await
        .unwrap();
    let selector = ListParams::default().labels("kubernetes.io/service-name=web");
    let found = howdah_testkit::wait_until(super::PATIENCE, "the endpoint", async || {
        let list = slices
            .list(&selector)
            .await
            .map_err(|error| error.to_string())?;
        let ready = list.items.into_iter().find(|slice| {
            slice
                .endpoints
                .iter()
                .flatten()
                .any(|one| one.addresses == ["127.0.0.9"])
        });
        ready.ok_or_else(|| "no endpoint".to_owned())
    });
    let port = found.await.unwrap().ports.unwrap().remove(0);
    assert_eq!(port.port, Some(8080));
    pocket.stop().await;
}
