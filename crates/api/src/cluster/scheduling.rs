//! `spec.pods.scheduling`: where Pods may run.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{
    NodeAffinity, PodAffinity, PodAntiAffinity, Toleration, TopologySpreadConstraint,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::schema::core;

/// Where the Pods of instances may run. The rule that keeps instances on different nodes is added
/// to it unless it is switched off.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Scheduling {
    /// Labels that a node must have.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub node_selector: BTreeMap<String, String>,
    /// Taints of nodes that are tolerated; as core/v1 Toleration.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "core::<Vec<Toleration>>")]
    pub tolerations: Vec<Toleration>,
    /// Rules about nodes; as core/v1 NodeAffinity.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "core::<NodeAffinity>")]
    pub node_affinity: Option<NodeAffinity>,
    /// Pods to be near to; as core/v1 PodAffinity.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "core::<PodAffinity>")]
    pub pod_affinity: Option<PodAffinity>,
    /// Pods to be away from; as core/v1 PodAntiAffinity.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "core::<PodAntiAffinity>")]
    pub pod_anti_affinity: Option<PodAntiAffinity>,
    /// Name of the PriorityClass.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub priority_class_name: Option<String>,
    /// How Pods are spread over zones and nodes; as core/v1 TopologySpreadConstraint.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "core::<Vec<TopologySpreadConstraint>>")]
    pub topology_spread_constraints: Vec<TopologySpreadConstraint>,
    /// Where the Pods of backups may run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub backup: Option<BackupScheduling>,
}

/// Where the Pods of jobs may run.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct BackupScheduling {
    /// Labels that a node must have.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub node_selector: BTreeMap<String, String>,
    /// Taints of nodes that are tolerated; as core/v1 Toleration.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "core::<Vec<Toleration>>")]
    pub tolerations: Vec<Toleration>,
    /// Rules about nodes; as core/v1 NodeAffinity.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "core::<NodeAffinity>")]
    pub node_affinity: Option<NodeAffinity>,
    /// Pods to be near to; as core/v1 PodAffinity.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "core::<PodAffinity>")]
    pub pod_affinity: Option<PodAffinity>,
    /// Pods to be away from; as core/v1 PodAntiAffinity.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "core::<PodAntiAffinity>")]
    pub pod_anti_affinity: Option<PodAntiAffinity>,
    /// Name of the PriorityClass.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub priority_class_name: Option<String>,
}
