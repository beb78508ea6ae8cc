//! The root of SGDbOps and the part of its specification that all operations share.

use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    Benchmark, DbOpsStatus, MajorVersionUpgrade, MinorVersionUpgrade, Repack, Restart,
    SecurityUpgrade, Vacuum,
};
use crate::cluster::BackupScheduling;
use crate::schema::{ISO_DURATION, rules};

const SPEC_RULES: [(&str, &str); 4] = [
    (
        "self == oldSelf",
        "an operation cannot be changed once it is created; delete it and create another",
    ),
    (
        "self.op != 'benchmark' || has(self.benchmark)",
        "op benchmark needs the section benchmark",
    ),
    (
        "self.op != 'minorVersionUpgrade' || (has(self.minorVersionUpgrade) && has(self.minorVersionUpgrade.postgresVersion))",
        "op minorVersionUpgrade needs minorVersionUpgrade.postgresVersion: the version to go to",
    ),
    (
        "self.op != 'majorVersionUpgrade' || (has(self.majorVersionUpgrade) && has(self.majorVersionUpgrade.postgresVersion) && has(self.majorVersionUpgrade.sgPostgresConfig))",
        "op majorVersionUpgrade needs majorVersionUpgrade.postgresVersion and majorVersionUpgrade.sgPostgresConfig: the version to go to and its configuration",
    ),
];

/// One operation on a cluster.
#[derive(CustomResource, Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[kube(
    group = "stackgres.io",
    version = "v1",
    kind = "SGDbOps",
    plural = "sgdbops",
    singular = "sgdbops",
    shortname = "sgdo",
    namespaced,
    status = "DbOpsStatus",
    derive = "PartialEq",
    doc = "One operation on a cluster, such as a restart or an upgrade. Creating it starts the operation.",
    printcolumn = r#"{"name": "cluster", "type": "string", "jsonPath": ".spec.sgCluster", "description": "SGCluster to operate on"}"#,
    printcolumn = r#"{"name": "operation", "type": "string", "jsonPath": ".spec.op", "description": "What is done"}"#,
    printcolumn = r#"{"name": "status", "type": "string", "jsonPath": ".status.conditions[?(@.status==\"True\")].reason", "description": "How far the operation is"}"#,
    printcolumn = r#"{"name": "started-at", "type": "string", "jsonPath": ".status.opStarted", "priority": 1, "description": "When it was started"}"#,
    printcolumn = r#"{"name": "retries", "type": "integer", "jsonPath": ".status.opRetries", "priority": 1, "description": "How often it was tried again"}"#,
    printcolumn = r#"{"name": "Age", "type": "date", "jsonPath": ".metadata.creationTimestamp"}"#
)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-validations" = rules(&SPEC_RULES)))]
pub struct DbOpsSpec {
    /// Name of the SGCluster to operate on.
    pub sg_cluster: String,
    /// What to do: `restart`, `minorVersionUpgrade`, `securityUpgrade`, `majorVersionUpgrade`,
    /// `vacuum`, `repack` or `benchmark`. The section of the same name holds its settings.
    pub op: Operation,
    /// When to start, as an ISO 8601 instant in UTC, for example `2026-11-22T03:00:00Z`. Without
    /// it, or with one in the past, the operation starts at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run_at: Option<String>,
    /// How long the operation may take, as an ISO 8601 duration, for example `PT1H`. Then it has
    /// failed. Default: no limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64), extend("x-kubernetes-validations" = rules(&[ISO_DURATION])))]
    pub timeout: Option<String>,
    /// Number of times that a failed operation is tried again; 0 is never.
    #[serde(default)]
    #[schemars(range(min = 0))]
    pub max_retries: i32,
    /// Where the Pod of the operation may run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scheduling: Option<BackupScheduling>,
    /// Settings of a benchmark.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub benchmark: Option<Benchmark>,
    /// Settings of a vacuum.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vacuum: Option<Vacuum>,
    /// Settings of a repack.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repack: Option<Repack>,
    /// Settings of a change to another major version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub major_version_upgrade: Option<MajorVersionUpgrade>,
    /// Settings of a restart.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub restart: Option<Restart>,
    /// Settings of a change to another minor version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub minor_version_upgrade: Option<MinorVersionUpgrade>,
    /// Settings of a renewal with the images of the current operator.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub security_upgrade: Option<SecurityUpgrade>,
}

/// What is done to the cluster.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "camelCase")]
pub enum Operation {
    /// Measures performance.
    Benchmark,
    /// Runs VACUUM.
    Vacuum,
    /// Rewrites tables without locking them.
    Repack,
    /// Goes to another major version.
    MajorVersionUpgrade,
    /// Restarts the instances.
    Restart,
    /// Goes to another minor version.
    MinorVersionUpgrade,
    /// Renews the instances with the images of the current operator.
    SecurityUpgrade,
}
