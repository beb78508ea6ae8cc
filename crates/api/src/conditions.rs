//! Conditions, and the condition types, reasons and event reasons that other programs rely on.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// One observed aspect of an object's state.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Condition {
    /// What is observed, for example `Bootstrapped`.
    #[serde(rename = "type")]
    pub type_: String,
    /// `True`, `False` or `Unknown`.
    pub status: String,
    /// One word that says why, for programs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// A sentence that says why, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// When `status` last changed, as an RFC 3339 timestamp.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_transition_time: Option<String>,
}

impl Condition {
    /// Whether the status is `True`.
    #[must_use]
    pub fn is_true(&self) -> bool {
        self.status == TRUE
    }
}

/// Looks a condition up by its type.
#[must_use]
pub fn find<'a>(conditions: &'a [Condition], type_: &str) -> Option<&'a Condition> {
    conditions.iter().find(|condition| condition.type_ == type_)
}

/// Condition status: it holds.
pub const TRUE: &str = "True";
/// Condition status: it does not hold.
pub const FALSE: &str = "False";
/// Condition status: not known.
pub const UNKNOWN: &str = "Unknown";

/// Condition types and reasons of SGCluster.
pub mod cluster {
    /// Type: the primary was initialised and has answered once.
    pub const BOOTSTRAPPED: &str = "Bootstrapped";
    /// Reason of [`BOOTSTRAPPED`] when true.
    pub const CLUSTER_BOOTSTRAPPED: &str = "ClusterBootstrapped";
    /// Reason of [`BOOTSTRAPPED`] when false.
    pub const CLUSTER_NOT_BOOTSTRAPPED: &str = "ClusterNotBootstrapped";
    /// Type: every script present at creation has run.
    pub const INITIAL_SCRIPTS_APPLIED: &str = "InitialScriptsApplied";
    /// Reason of [`INITIAL_SCRIPTS_APPLIED`] when true.
    pub const CLUSTER_INITIAL_SCRIPT_APPLIED: &str = "ClusterInitialScriptApplied";
    /// Type: an instance must restart before a change takes effect.
    pub const PENDING_RESTART: &str = "PendingRestart";
    /// Reason of [`PENDING_RESTART`] when true.
    pub const POD_REQUIRES_RESTART: &str = "PodRequiresRestart";
    /// Reason of [`PENDING_RESTART`] when false.
    pub const FALSE_PENDING_RESTART: &str = "FalsePendingRestart";
    /// Type: the object follows the rules of an older operator.
    pub const PENDING_UPGRADE: &str = "PendingUpgrade";
    /// Reason of [`PENDING_UPGRADE`] when true.
    pub const CLUSTER_REQUIRES_UPGRADE: &str = "ClusterRequiresUpgrade";
    /// Reason of [`PENDING_UPGRADE`] when false.
    pub const FALSE_PENDING_UPGRADE: &str = "FalsePendingUpgrade";
    /// Type: the specification or something it refers to cannot be used.
    pub const FAILED: &str = "Failed";
    /// Reason of [`FAILED`] when true.
    pub const CLUSTER_CONFIG_FAILED: &str = "ClusterConfigFailed";
    /// Reason of [`FAILED`] when false.
    pub const FALSE_FAILED: &str = "FalseFailed";
    /// Type: the specification asks for something that is accepted but not acted on.
    pub const FIELDS_NOT_ACTED_ON: &str = "FieldsNotActedOn";
    /// Reason of [`FIELDS_NOT_ACTED_ON`] when true.
    pub const FIELDS_SET: &str = "FieldsSet";
    /// Reason of [`FIELDS_NOT_ACTED_ON`] when false.
    pub const FALSE_FIELDS_NOT_ACTED_ON: &str = "FalseFieldsNotActedOn";
}

/// Condition types and reasons of SGDbOps.
pub mod db_ops {
    /// Type: the operation is running.
    pub const RUNNING: &str = "Running";
    /// Reason of [`RUNNING`] when true.
    pub const OPERATION_RUNNING: &str = "OperationRunning";
    /// Reason of [`RUNNING`] when false.
    pub const OPERATION_NOT_RUNNING: &str = "OperationNotRunning";
    /// Type: the operation has completed.
    pub const COMPLETED: &str = "Completed";
    /// Reason of [`COMPLETED`] when true.
    pub const OPERATION_COMPLETED: &str = "OperationCompleted";
    /// Reason of [`COMPLETED`] when false.
    pub const OPERATION_NOT_COMPLETED: &str = "OperationNotCompleted";
    /// Type: the operation has failed.
    pub const FAILED: &str = "Failed";
    /// Reason of [`FAILED`] when true.
    pub const OPERATION_FAILED: &str = "OperationFailed";
    /// Reason of [`FAILED`] when false.
    pub const OPERATION_NOT_FAILED: &str = "OperationNotFailed";
    /// Reason of [`FAILED`] when the time limit was reached.
    pub const OPERATION_TIMED_OUT: &str = "OperationTimedOut";
    /// Reason of [`FAILED`] when another program took the cluster's lock.
    pub const OPERATION_LOCK_LOST: &str = "OperationLockLost";
    /// Type: every instance was renewed.
    pub const ROLLOUT_COMPLETED: &str = "RolloutCompleted";
}

/// Reasons of Events about an SGCluster.
pub mod events {
    /// The cluster's objects were created.
    pub const CLUSTER_CREATED: &str = "ClusterCreated";
    /// The cluster's objects were changed.
    pub const CLUSTER_UPDATED: &str = "ClusterUpdated";
    /// The cluster's objects were deleted.
    pub const CLUSTER_DELETED: &str = "ClusterDeleted";
    /// The cluster is configured in a way that weakens its security.
    pub const CLUSTER_SECURITY_WARNING: &str = "ClusterSecurityWarning";
    /// The major version was changed in place of using an SGDbOps.
    pub const CLUSTER_MAJOR_UPGRADE: &str = "ClusterMajorUpgrade";
    /// The specification or something it refers to cannot be used.
    pub const CLUSTER_CONFIG_FAILED: &str = "ClusterConfigFailed";
    /// The first primary is initialised.
    pub const CLUSTER_BOOTSTRAP_COMPLETED: &str = "ClusterBootstrapCompleted";
    /// Another instance took over from a primary that was lost.
    pub const FAILOVER: &str = "Failover";
    /// The primary handed over to another instance because people asked for it.
    pub const SWITCHOVER: &str = "Switchover";
    /// The primary did not hand over as people asked.
    pub const SWITCHOVER_REFUSED: &str = "SwitchoverRefused";
    /// Writes are confirmed by fewer replicas than `replication.mode` asks for.
    pub const REPLICATION_DEGRADED: &str = "ReplicationDegraded";
    /// Writes are confirmed by as many replicas as `replication.mode` asks for again.
    pub const REPLICATION_RESTORED: &str = "ReplicationRestored";
    /// A field was accepted but is not acted on.
    pub const FIELD_NOT_ACTED_ON: &str = "FieldNotActedOn";
    /// A managed script ran.
    pub const CLUSTER_MANAGED_SQL: &str = "ClusterManagedSql";
    /// A managed script failed.
    pub const CLUSTER_MANAGED_SQL_FAILED: &str = "ClusterManagedSqlFailed";
    /// Instances are being added.
    pub const INCREASING_INSTANCES: &str = "IncreasingInstances";
    /// Instances were added.
    pub const INSTANCES_INCREASED: &str = "InstancesIncreased";
    /// Instances are being removed.
    pub const DECREASING_INSTANCES: &str = "DecreasingInstances";
    /// Instances were removed.
    pub const INSTANCES_DECREASED: &str = "InstancesDecreased";
}
