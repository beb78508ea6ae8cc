//! `spec.initialData`: where the first data comes from.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::schema::{free_object, rules};

/// Where the first data comes from.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct InitialData {
    /// Starts from a backup in place of an empty database.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub restore: Option<Restore>,
    /// Scripts to run at creation, in the form of SGScript entries. Deprecated: use `managedSql`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "legacy_scripts")]
    pub scripts: Vec<Map<String, Value>>,
}

/// Restore of a backup.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Restore {
    /// The backup, and how far to go on from it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from_backup: Option<FromBackup>,
    /// Number of files downloaded at a time. Default: 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub download_disk_concurrency: Option<i32>,
}

/// The backup, and how far to go on from it. Without a target all WAL there is gets applied.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-validations" = rules(&[
    (
        "has(self.name) && !has(self.uid)",
        "set name to the name of an SGBackup in the same namespace; uid is no longer accepted",
    ),
    (
        "[has(self.pointInTimeRecovery), has(self.target), has(self.targetName), has(self.targetXid), has(self.targetLsn)].filter(given, given).size() <= 1",
        "set at most one of pointInTimeRecovery, target, targetName, targetXid and targetLsn",
    ),
    (
        "!has(self.target) || self.target == 'immediate'",
        "target can only be immediate",
    ),
])))]
pub struct FromBackup {
    /// Name of a completed SGBackup in the same namespace, of the same major version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// UID of the SGBackup. No longer accepted; use `name`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uid: Option<String>,
    /// Stops at a point in time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub point_in_time_recovery: Option<PointInTimeRecovery>,
    /// `immediate` stops as soon as the backup is consistent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64))]
    pub target: Option<String>,
    /// Timeline to follow: a number, `current` or `latest`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target_timeline: Option<String>,
    /// Whether the target itself is applied. Default: true.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target_inclusive: Option<bool>,
    /// Stops at a restore point that `pg_create_restore_point` made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target_name: Option<String>,
    /// Stops at a transaction.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target_xid: Option<String>,
    /// Stops at a position in the WAL, for example `0/3000060`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target_lsn: Option<String>,
}

/// Stops at a point in time.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PointInTimeRecovery {
    /// The point, as an ISO 8601 instant, for example `2026-11-22T08:30:00Z`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub restore_to_timestamp: Option<String>,
}

fn legacy_scripts(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
    let items = free_object(generator);
    schemars::json_schema!({"type": "array", "items": items})
}
