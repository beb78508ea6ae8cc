//! Who may reach into Pods, what is answered to those who ask in a wrong way, evictions and bindings.

use std::time::Duration;

use k8s_openapi::api::authentication::v1::TokenRequest;
use k8s_openapi::api::core::v1::{Pod, ServiceAccount};
use k8s_openapi::api::policy::v1::PodDisruptionBudget;
use k8s_openapi::api::rbac::v1::{Role, RoleBinding};
use kube::api::{AttachParams, Patch, PatchParams, PostParams};
use kube::{Api, Client};
use pretty_assertions::assert_eq;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::access::{bearer, make, raw};
use super::{Pocket, becomes};

/// A Pod that a node elsewhere runs, as far as anybody can see.
async fn running(client: &Client, name: &str) {
    let spec = json!({"nodeName": "elsewhere", "containers": [{"name": "c", "image": "i"}]});
    let metadata = json!({"name": name, "labels": {"app": "a"}});
    make::<Pod>(client, json!({"metadata": metadata, "spec": spec})).await;
    let conditions = json!([{"type": "Ready", "status": "True"}]);
    let status = json!({"podIP": "127.0.0.1", "phase": "Running", "conditions": conditions});
    let pods: Api<Pod> = Api::default_namespaced(client.clone());
    let patch = Patch::Merge(json!({"status": status}));
    pods.patch_status(name, &PatchParams::default(), &patch)
        .await
        .unwrap();
}

/// An account that may do this with what is below Pods.
async fn account(pocket: &Pocket, name: &str, verbs: &[&str]) -> Client {
    let admin = pocket.running.client();
    let metadata = json!({"name": name});
    make::<ServiceAccount>(&admin, json!({"metadata": metadata})).await;
    let rules = json!([{"apiGroups": [""], "verbs": verbs,
        "resources": ["pods/exec", "pods/attach", "pods/portforward"]}]);
    make::<Role>(&admin, json!({"metadata": metadata, "rules": rules})).await;
    let role = json!({"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": name});
    let subjects = json!([{"kind": "ServiceAccount", "name": name, "namespace": "default"}]);
    let binding = json!({"metadata": metadata, "roleRef": role, "subjects": subjects});
    make::<RoleBinding>(&admin, binding).await;
    let accounts: Api<ServiceAccount> = Api::default_namespaced(admin);
    let request = TokenRequest::default();
    let token = accounts
        .create_token_request(name, &PostParams::default(), &request)
        .await;
    bearer(pocket, token.unwrap().status.unwrap().token).await
}

#[tokio::test]
async fn reaching_into_a_pod_takes_the_right_to_create_whatever_the_request_begins_with() {
    let pocket = Pocket::start().await;
    running(&pocket.running.client(), "p").await;
    let (reader, writer) = (
        account(&pocket, "reader", &["get"]).await,
        account(&pocket, "writer", &["get", "create"]).await,
    );
    for what in [
        "exec?command=true&stdout=1",
        "attach?stdout=1",
        "portforward?ports=1",
    ] {
        let path = format!("/api/v1/namespaces/default/pods/p/{what}");
        for method in ["GET", "POST"] {
            let (code, answer) = raw(&reader, method, &path, "").await;
            assert_eq!(code, 403, "{method} {what}");
            let message = answer["message"].as_str().unwrap();
            assert!(
                message.contains("cannot create resource \"pods/"),
                "{message}"
            );
            // The writer gets as far as being told that he did not ask for a connection.
            let (code, answer) = raw(&writer, method, &path, "").await;
            let found = (code, answer["message"].as_str().unwrap());
            assert_eq!(found, (400, "Upgrade request required"), "{method} {what}");
        }
    }
    let pods: Api<Pod> = Api::default_namespaced(reader);
    let refused = pods.exec("p", ["true"], &AttachParams::default()).await;
    assert!(refused.is_err());
    pocket.stop().await;
}

#[tokio::test]
async fn a_forwarded_connection_lives_with_its_client_and_its_server() {
    let pocket = Pocket::start().await;
    running(&pocket.running.client(), "p").await;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let pods: Api<Pod> = Api::default_namespaced(pocket.https().await);
    let mut forwarder = pods.portforward("p", &[port]).await.unwrap();
    let mut near = forwarder.take_stream(port).unwrap();
    let (mut far, _) = listener.accept().await.unwrap();
    near.write_all(b"ping").await.unwrap();
    let mut heard = [0; 4];
    far.read_exact(&mut heard).await.unwrap();
    assert_eq!(&heard, b"ping");
    drop(near);
    forwarder.abort();
    let mut rest = Vec::new();
    let ended = tokio::time::timeout(Duration::from_secs(20), far.read_to_end(&mut rest)).await;
    assert_eq!(ended.unwrap().unwrap(), 0);
    pocket.stop().await;
}

#[tokio::test]
async fn an_eviction_asks_the_budget_and_then_deletes() {
    let pocket = Pocket::start().await;
    let admin = pocket.running.client();
    for name in ["one", "two"] {
        running(&admin, name).await;
    }
    let budget = json!({"metadata": {"name": "b"},
        "spec": {"minAvailable": 1, "selector": {"matchLabels": {"app": "a"}}}});
    make::<PodDisruptionBudget>(&admin, budget).await;
    let evict = async |name: &str| {
        let path = format!("/api/v1/namespaces/default/pods/{name}/eviction");
        let body = json!({"apiVersion": "policy/v1", "kind": "Eviction",
            "metadata": {"name": name}, "deleteOptions": {"gracePeriodSeconds": 5}});
        raw(&admin, "POST", &path, body.to_string()).await
    };
    assert_eq!(evict("one").await.0, 201);
    let pods: Api<Pod> = Api::default_namespaced(admin.clone());
    becomes(&pods, "one", |pod| {
        pod.metadata.deletion_timestamp.is_some()
    })
    .await;
    let (code, refused) = evict("two").await;
    assert_eq!((code, &refused["reason"]), (429, &json!("TooManyRequests")));
    assert_eq!(
        refused["details"]["causes"][0]["reason"],
        "DisruptionBudget"
    );
    assert_eq!(evict("three").await.0, 404);
    pocket.stop().await;
}

#[tokio::test]
async fn a_pod_is_bound_to_a_node_once() {
    let pocket = Pocket::start().await;
    let admin = pocket.running.client();
    let spec = json!({"containers": [{"name": "c", "image": "i"}]});
    make::<Pod>(&admin, json!({"metadata": {"name": "p"}, "spec": spec})).await;
    let bind = async |node: Value| {
        let body = json!({"apiVersion": "v1", "kind": "Binding", "metadata": {"name": "p"},
            "target": {"kind": "Node", "name": node}});
        let path = "/api/v1/namespaces/default/pods/p/binding";
        raw(&admin, "POST", path, body.to_string()).await
    };
    assert_eq!(bind(json!("")).await.0, 422);
    assert_eq!(bind(json!("n1")).await.0, 201);
    let pods: Api<Pod> = Api::default_namespaced(admin.clone());
    let pod = pods.get("p").await.unwrap();
    assert_eq!(pod.spec.unwrap().node_name.as_deref(), Some("n1"));
    let (code, refused) = bind(json!("n2")).await;
    assert_eq!(code, 409);
    let message = refused["message"].as_str().unwrap();
    assert!(
        message.ends_with("pod p is already assigned to node \"n1\""),
        "{message}"
    );
    pocket.stop().await;
}
