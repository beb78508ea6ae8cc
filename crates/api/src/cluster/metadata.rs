//! `spec.metadata`: labels and annotations for the cluster's objects.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Labels and annotations added to the cluster's objects.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ClusterMetadata {
    /// Annotations, by class of object.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub annotations: Option<MetadataMaps>,
    /// Labels, by class of object.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub labels: Option<MetadataMaps>,
}

/// Keys and values for each class of object.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct MetadataMaps {
    /// For every object of the cluster.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub all_resources: BTreeMap<String, String>,
    /// For the Pods that run Postgres.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub cluster_pods: BTreeMap<String, String>,
    /// For every Service.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub services: BTreeMap<String, String>,
    /// For the Service of the primary.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub primary_service: BTreeMap<String, String>,
    /// For the Service of the replicas.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub replicas_service: BTreeMap<String, String>,
    /// For the ServiceAccount of the Pods.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub service_account: BTreeMap<String, String>,
}
