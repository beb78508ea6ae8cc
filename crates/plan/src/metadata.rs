//! Labels, annotations and owner of everything that belongs to a cluster.

use std::collections::BTreeMap;

use howdah_api::cluster::MetadataMaps;
use howdah_api::{GROUP, labels};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference};

use crate::validated::ValidatedCluster;

/// Keys and values of labels or annotations.
pub type Map = BTreeMap<String, String>;

/// Classes of objects to which the user can add labels and annotations.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Class {
    /// The Pods of the instances.
    Pod,
    /// A Service that is neither the primary's nor the replicas'.
    Service,
    /// The Service of the primary.
    PrimaryService,
    /// The Service of the replicas.
    ReplicasService,
    /// The ServiceAccount of the instances.
    ServiceAccount,
    /// Everything else.
    Other,
}

/// Labels that identify the objects of one cluster.
pub fn identity(name: &str, uid: &str) -> Map {
    map(&[
        (labels::APP, labels::APP_CLUSTER),
        (labels::CLUSTER_NAME, name),
        (labels::CLUSTER_UID, uid),
    ])
}

/// Labels that all Pods of a cluster have and no other Pod has.
pub fn pod_identity(name: &str, uid: &str) -> Map {
    let mut pods = identity(name, uid);
    pods.insert(labels::CLUSTER.to_owned(), "true".to_owned());
    pods
}

/// A selector in text form, as the scale subresource wants it.
pub fn selector_text(selector: &Map) -> String {
    let pairs: Vec<_> = selector
        .iter()
        .map(|(key, value)| format!("{key}={value}"))
        .collect();
    pairs.join(",")
}

/// Metadata of an object of the cluster; our own labels win over the user's.
pub(crate) fn object_meta(cluster: &ValidatedCluster, name: String, class: Class) -> ObjectMeta {
    let (mut labels, annotations) = users(cluster, class);
    labels.extend(identity(cluster.name.as_str(), &cluster.uid));
    ObjectMeta {
        name: Some(name),
        namespace: Some(cluster.namespace.clone()),
        labels: Some(labels),
        annotations: (!annotations.is_empty()).then_some(annotations),
        owner_references: Some(vec![owner(cluster)]),
        ..ObjectMeta::default()
    }
}

/// The reference that lets an object go with its cluster.
pub(crate) fn owner(cluster: &ValidatedCluster) -> OwnerReference {
    OwnerReference {
        api_version: format!("{GROUP}/v1"),
        kind: "SGCluster".to_owned(),
        name: cluster.name.to_string(),
        uid: cluster.uid.clone(),
        controller: Some(true),
        block_owner_deletion: Some(true),
    }
}

/// The user's labels and annotations for a class; the more special map wins.
fn users(cluster: &ValidatedCluster, class: Class) -> (Map, Map) {
    let Some(metadata) = &cluster.spec.metadata else {
        return (Map::new(), Map::new());
    };
    let pick = |classes: &MetadataMaps| {
        let mut picked = classes.all_resources.clone();
        let special: &[&Map] = match class {
            Class::Pod => &[&classes.cluster_pods],
            Class::Service => &[&classes.services],
            Class::PrimaryService => &[&classes.services, &classes.primary_service],
            Class::ReplicasService => &[&classes.services, &classes.replicas_service],
            Class::ServiceAccount => &[&classes.service_account],
            Class::Other => &[],
        };
        for map in special {
            picked.extend((*map).clone());
        }
        picked
    };
    (
        metadata.labels.as_ref().map(pick).unwrap_or_default(),
        metadata.annotations.as_ref().map(pick).unwrap_or_default(),
    )
}

/// A map from literals.
pub(crate) fn map(pairs: &[(&str, &str)]) -> Map {
    pairs
        .iter()
        .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
        .collect()
}

/// Metadata of a configuration object that is created for want of the user's own.
pub(crate) fn generated_meta(cluster: &ValidatedCluster, name: Option<String>) -> ObjectMeta {
    let mut metadata = object_meta(cluster, name.unwrap_or_default(), Class::Other);
    metadata
        .labels
        .get_or_insert_default()
        .insert(labels::CLUSTER_DEFAULT_CONFIG.to_owned(), "true".to_owned());
    metadata
}
