//! `status.dbOps` of SGCluster: what running operations have noted.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::PostgresExtension;

/// What running operations have noted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ClusterDbOpsStatus {
    /// Name of the SGDbOps.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// State of a change of the major version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub major_version_upgrade: Option<MajorVersionUpgradeState>,
    /// State of a restart.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub restart: Option<ClusterRolloutStatus>,
    /// State of a change of the minor version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub minor_version_upgrade: Option<ClusterRolloutStatus>,
    /// State of a renewal with newer images.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub security_upgrade: Option<ClusterRolloutStatus>,
}

/// State of a renewal of all instances.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ClusterRolloutStatus {
    /// Version of Postgres before, for a change of the minor version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source_postgres_version: Option<String>,
    /// Version of Postgres after, for a change of the minor version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target_postgres_version: Option<String>,
    /// Instances there were at the start.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub initial_instances: Vec<String>,
    /// Instance that was the primary at the start.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub primary_instance: Option<String>,
}

/// State of a change of the major version, enough to go back.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct MajorVersionUpgradeState {
    /// Instances there were at the start.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub initial_instances: Vec<String>,
    /// Instance that was the primary at the start.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub primary_instance: Option<String>,
    /// Version of Postgres before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source_postgres_version: Option<String>,
    /// Version of Postgres after.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target_postgres_version: Option<String>,
    /// SGPostgresConfig before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source_sg_postgres_config: Option<String>,
    /// Extensions before.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub source_postgres_extensions: Vec<PostgresExtension>,
    /// Folder of backups before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source_backup_path: Option<String>,
    /// Folder of backups after.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target_backup_path: Option<String>,
    /// Locale of the database.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub locale: Option<String>,
    /// Encoding of the database.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub encoding: Option<String>,
    /// Whether pages carry checksums.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data_checksum: Option<bool>,
    /// Whether files are linked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub link: Option<bool>,
    /// Whether files are cloned.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clone: Option<bool>,
    /// Whether the change is only checked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub check: Option<bool>,
    /// Whether the old version is being put back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rollback: Option<bool>,
}
