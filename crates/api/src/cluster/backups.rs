//! `spec.configurations.backups`: where, when and how backups are taken.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Where, when and how backups are taken.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct BackupConfiguration {
    /// Name of the SGObjectStorage that holds backups and WAL.
    pub sg_object_storage: String,
    /// When backups are taken, as a five-field cron expression in UTC, for example `0 5 * * *`.
    /// Without it backups are taken only when an SGBackup is created.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cron_schedule: Option<String>,
    /// Number of managed backups to keep; older ones are deleted.
    #[serde(default = "default_retention")]
    #[schemars(range(min = 1))]
    pub retention: i32,
    /// Compression: `lz4`, `lzma`, `zstd` or `brotli`.
    #[serde(default)]
    pub compression: BackupCompression,
    /// Folder in the object storage. Without it a new one is chosen for each cluster and major
    /// version and noted in `status.backupPaths`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// Limits on the use of disk and network.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub performance: Option<BackupPerformance>,
    /// Takes snapshots of the volume in place of copying files; WAL still goes to the object
    /// storage.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub use_volume_snapshot: Option<bool>,
    /// Name of the VolumeSnapshotClass. Default: the default class.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub volume_snapshot_class: Option<String>,
    /// Starts snapshots with an immediate checkpoint: sooner done, at the price of more disk load.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fast_volume_snapshot: Option<bool>,
    /// Seconds after which a backup has failed. Default: no limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout: Option<i64>,
    /// Seconds that the removal of old backups may take.
    #[serde(default = "default_reconciliation_timeout")]
    pub reconciliation_timeout: i64,
    /// Number of times that a failed backup is tried again.
    #[serde(default = "default_max_retries")]
    #[schemars(range(min = 0))]
    pub max_retries: i32,
    /// Keeps the WAL that follows a backup outside of the managed life cycle, so that any later
    /// point in time can be restored from it. Default: false.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retain_wals_for_unmanaged_lifecycle: Option<bool>,
}

/// Compression of backups and WAL.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum BackupCompression {
    /// Fast, with a fair ratio.
    #[default]
    Lz4,
    /// Slow, with a high ratio.
    Lzma,
    /// A good balance of speed and ratio.
    Zstd,
    /// Slow, with a high ratio.
    Brotli,
}

/// Limits on the use of disk and network by backups.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct BackupPerformance {
    /// Most bytes per second sent to the object storage. Default: no limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_network_bandwidth: Option<i64>,
    /// Most bytes per second read from disk. Default: no limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_disk_bandwidth: Option<i64>,
    /// Number of files read from disk at a time. Default: 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub upload_disk_concurrency: Option<i32>,
    /// Number of uploads at a time. Default: 16.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub upload_concurrency: Option<i32>,
    /// Number of downloads at a time. Default: the number of files, at most 10.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub download_concurrency: Option<i32>,
}

fn default_retention() -> i32 {
    5
}

fn default_reconciliation_timeout() -> i64 {
    300
}

fn default_max_retries() -> i32 {
    3
}
