//! `status` of SGDbOps.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::BenchmarkStatus;
use crate::conditions::Condition;

/// How far the operation is.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DbOpsStatus {
    /// Running, Completed, Failed and RolloutCompleted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub conditions: Vec<Condition>,
    /// How often it was tried again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub op_retries: Option<i32>,
    /// When it was started, as an ISO 8601 instant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub op_started: Option<String>,
    /// Results of a benchmark.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub benchmark: Option<BenchmarkStatus>,
    /// Progress of a change to another major version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub major_version_upgrade: Option<MajorUpgradeStatus>,
    /// Progress of a restart.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub restart: Option<RolloutStatus>,
    /// Progress of a change to another minor version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub minor_version_upgrade: Option<MinorUpgradeStatus>,
    /// Progress of a renewal with newer images.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub security_upgrade: Option<RolloutStatus>,
}

/// Progress of a renewal of all instances.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RolloutStatus {
    /// Instance that was the primary at the start.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub primary_instance: Option<String>,
    /// Instances there were at the start.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub initial_instances: Vec<String>,
    /// Instances still to renew.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub pending_to_restart_instances: Vec<String>,
    /// Instances already renewed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub restarted_instances: Vec<String>,
    /// When another instance was asked to become primary.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub switchover_initiated: Option<String>,
    /// When another instance became primary.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub switchover_finalized: Option<String>,
    /// Why the operation failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<String>,
}

/// Progress of a change to another minor version.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct MinorUpgradeStatus {
    /// Version of Postgres before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source_postgres_version: Option<String>,
    /// Version of Postgres after.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target_postgres_version: Option<String>,
    /// Instance that was the primary at the start.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub primary_instance: Option<String>,
    /// Instances there were at the start.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub initial_instances: Vec<String>,
    /// Instances still to renew.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub pending_to_restart_instances: Vec<String>,
    /// Instances already renewed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub restarted_instances: Vec<String>,
    /// When another instance was asked to become primary.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub switchover_initiated: Option<String>,
    /// When another instance became primary.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub switchover_finalized: Option<String>,
    /// Why the operation failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<String>,
}

/// Progress of a change to another major version.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct MajorUpgradeStatus {
    /// Version of Postgres before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source_postgres_version: Option<String>,
    /// Version of Postgres after.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target_postgres_version: Option<String>,
    /// Instance that was the primary at the start.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub primary_instance: Option<String>,
    /// Instances there were at the start.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub initial_instances: Vec<String>,
    /// Instances still to renew.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub pending_to_restart_instances: Vec<String>,
    /// Instances already renewed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub restarted_instances: Vec<String>,
    /// Step it has reached: `pre-checks`, `pre-upgrade`, `downscale`, `checkpoint`, `upgrade`,
    /// `post-upgrade`, `upscale`, `pre-rollback`, `rollback` or `cleanup`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phase: Option<String>,
    /// Why the operation failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<String>,
}
