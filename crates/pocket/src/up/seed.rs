//! The objects that every cluster has from its first moment.

mod roles;

use kube::api::{DynamicObject, PostParams};
use kube::core::{ApiResource, GroupVersionKind};
use kube::{Api, Client};
use serde_json::{Value, json};

use super::Error;
use super::network::Block;

const NAMESPACES: [&str; 4] = ["default", "kube-system", "kube-public", "howdah-system"];

/// Writes what is missing.
pub(super) async fn seed(client: &Client, block: Block, port: u16) -> Result<(), Error> {
    for name in NAMESPACES {
        create(
            client,
            json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}),
        )
        .await?;
        // The controller would do it too, but the first Pod may come before it.
        let metadata = json!({"name": "default", "namespace": name});
        create(
            client,
            json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata}),
        )
        .await?;
    }
    let rbac = "rbac.authorization.k8s.io";
    let objects = [
        json!({"apiVersion": "storage.k8s.io/v1", "kind": "StorageClass",
            "metadata": {"name": "howdah-local",
                "annotations": {"storageclass.kubernetes.io/is-default-class": "true"}},
            "provisioner": "howdah.io/local", "reclaimPolicy": "Delete",
            "volumeBindingMode": "Immediate", "allowVolumeExpansion": true}),
        json!({"apiVersion": format!("{rbac}/v1"), "kind": "ClusterRole",
            "metadata": {"name": "cluster-admin"},
            "rules": [{"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]},
                {"nonResourceURLs": ["*"], "verbs": ["*"]}]}),
        json!({"apiVersion": format!("{rbac}/v1"), "kind": "ClusterRoleBinding",
            "metadata": {"name": "cluster-admin"},
            "roleRef": {"apiGroup": rbac, "kind": "ClusterRole", "name": "cluster-admin"},
            "subjects": [{"apiGroup": rbac, "kind": "Group", "name": "system:masters"}]}),
        json!({"apiVersion": "v1", "kind": "Service",
            "metadata": {"name": "kubernetes", "namespace": "default",
                "labels": {"component": "apiserver", "provider": "kubernetes"}},
            "spec": {"type": "ClusterIP", "clusterIP": block.kubernetes_service(),
                "ports": [{"name": "https", "port": 443, "targetPort": port}]}}),
        json!({"apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice",
            "metadata": {"name": "kubernetes", "namespace": "default",
                "labels": {"kubernetes.io/service-name": "kubernetes"}},
            "addressType": "IPv4",
            "endpoints": [{"addresses": [block.api()], "conditions": {"ready": true}}],
            "ports": [{"name": "https", "port": port, "protocol": "TCP"}]}),
    ];
    let people = roles::for_people().into_iter();
    for object in objects.into_iter().chain(people) {
        create(client, object).await?;
    }
    Ok(())
}

async fn create(client: &Client, object: Value) -> Result<(), Error> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let (version, kind) = (text(&object["apiVersion"]), text(&object["kind"]));
    let (group, version) = version.split_once('/').unwrap_or(("", &version));
    let resource = ApiResource::from_gvk(&GroupVersionKind::gvk(group, version, &kind));
    let name = text(&object["metadata"]["name"]);
    let namespace = text(&object["metadata"]["namespace"]);
    let seed = |source: kube::Error| Error::Seed {
        object: format!("{kind} {name}"),
        source: Box::new(source),
    };
    let api: Api<DynamicObject> = if namespace.is_empty() {
        Api::all_with(client.clone(), &resource)
    } else {
        Api::namespaced_with(client.clone(), &namespace, &resource)
    };
    let object: DynamicObject =
        serde_json::from_value(object).map_err(|error| seed(kube::Error::SerdeError(error)))?;
    match api.create(&PostParams::default(), &object).await {
        Ok(_) => Ok(()),
        Err(kube::Error::Api(status)) if status.reason == "AlreadyExists" => Ok(()),
        Err(error) => Err(seed(error)),
    }
}
