//! `status` of SGBackup.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::object_storage::ObjectStorageSpec;

/// How far the backup is and what it holds.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct BackupStatus {
    /// Name of the backup in the object storage.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub internal_name: Option<String>,
    /// Folder in the object storage.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub backup_path: Option<String>,
    /// How far the backup is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub process: Option<BackupProcess>,
    /// What the backup holds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub backup_information: Option<BackupInformation>,
    /// Configuration the backup was taken with, enough to restore it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sg_backup_config: Option<UsedBackupConfig>,
    /// The snapshot, for backups that are one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub volume_snapshot: Option<VolumeSnapshotStatus>,
}

/// How far the backup is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct BackupProcess {
    /// `Pending`, `Running`, `Completed` or `Failed`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<BackupPhase>,
    /// Why it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<String>,
    /// Pod that took it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub job_pod: Option<String>,
    /// Whether retention may delete it, as the object storage has it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub managed_lifecycle: Option<bool>,
    /// When it was taken.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timing: Option<BackupTiming>,
}

/// How far a backup is.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
pub enum BackupPhase {
    /// Not started.
    Pending,
    /// Being taken.
    Running,
    /// Taken.
    Completed,
    /// Given up.
    Failed,
}

/// When a backup was taken, as ISO 8601 instants.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct BackupTiming {
    /// Start.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start: Option<String>,
    /// End.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end: Option<String>,
    /// When it was safely in the object storage.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stored: Option<String>,
}

/// What a backup holds.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct BackupInformation {
    /// Host it was taken on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hostname: Option<String>,
    /// Pod it was taken from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source_pod: Option<String>,
    /// System identifier of the database.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub system_identifier: Option<String>,
    /// Version of Postgres as a number, for example `180006`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub postgres_version: Option<String>,
    /// Data directory.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pg_data: Option<String>,
    /// Size in bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size: Option<BackupSize>,
    /// WAL positions between which it was taken.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lsn: Option<BackupLsn>,
    /// First WAL file that a restore needs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start_wal_file: Option<String>,
    /// Timeline.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeline: Option<String>,
    /// Output of pg_controldata.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub control_data: BTreeMap<String, String>,
}

/// Size of a backup in bytes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct BackupSize {
    /// Before compression.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uncompressed: Option<i64>,
    /// In the object storage.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub compressed: Option<i64>,
}

/// WAL positions between which a backup was taken.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct BackupLsn {
    /// First.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start: Option<String>,
    /// Last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end: Option<String>,
}

/// Configuration a backup was taken with.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct UsedBackupConfig {
    /// How the files were written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub base_backups: Option<BaseBackupsConfig>,
    /// The object storage: a copy of the SGObjectStorage's `spec`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "crate::schema::free_object")]
    pub storage: Option<ObjectStorageSpec>,
}

/// How the files of a backup were written.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct BaseBackupsConfig {
    /// Compression.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub compression: Option<String>,
}

/// The snapshot that a backup is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct VolumeSnapshotStatus {
    /// Name of the VolumeSnapshot.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Postgres' backup label, in base64.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub backup_label: Option<String>,
    /// Postgres' tablespace map, in base64.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tablespace_map: Option<String>,
}
