//! `spec.nonProductionOptions`: safety measures switched off.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Safety measures switched off. What is not set follows from `profile`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct NonProductionOptions {
    /// Lets two instances run on one node.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disable_cluster_pod_anti_affinity: Option<bool>,
    /// Sets neither requests nor limits for Postgres.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disable_patroni_resource_requirements: Option<bool>,
    /// Sets neither requests nor limits for the containers beside Postgres.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disable_cluster_resource_requirements: Option<bool>,
    /// Deprecated; always taken as true.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub enable_set_patroni_cpu_requests: Option<bool>,
    /// Deprecated; always taken as true.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub enable_set_patroni_memory_requests: Option<bool>,
    /// Deprecated; always taken as true.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub enable_set_cluster_cpu_requests: Option<bool>,
    /// Deprecated; always taken as true.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub enable_set_cluster_memory_requests: Option<bool>,
    /// Features to switch on that are off for everyone else, for example `babelfish-flavor`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 32), inner(length(max = 64)))]
    pub enabled_feature_gates: Vec<String>,
}
