//! SGBackup: one backup, wanted or taken.

mod status;

use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use status::{
    BackupInformation, BackupLsn, BackupPhase, BackupProcess, BackupSize, BackupStatus,
    BackupTiming, BaseBackupsConfig, UsedBackupConfig, VolumeSnapshotStatus,
};

use crate::schema::rules;

/// One backup, wanted or taken.
#[derive(
    CustomResource, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema,
)]
#[kube(
    group = "stackgres.io",
    version = "v1",
    kind = "SGBackup",
    plural = "sgbackups",
    singular = "sgbackup",
    shortname = "sgbkp",
    namespaced,
    status = "BackupStatus",
    derive = "PartialEq",
    doc = "One backup of a cluster. Creating it takes the backup; deleting it deletes the backup.",
    printcolumn = r#"{"name": "cluster", "type": "string", "jsonPath": ".spec.sgCluster", "description": "SGCluster that the backup is of"}"#,
    printcolumn = r#"{"name": "managed", "type": "boolean", "jsonPath": ".spec.managedLifecycle", "description": "Whether retention may delete it"}"#,
    printcolumn = r#"{"name": "status", "type": "string", "jsonPath": ".status.process.status", "description": "How far the backup is"}"#,
    printcolumn = r#"{"name": "pg-version", "type": "string", "jsonPath": ".status.backupInformation.postgresVersion", "priority": 1, "description": "Version of Postgres"}"#,
    printcolumn = r#"{"name": "compressed-size", "type": "integer", "jsonPath": ".status.backupInformation.size.compressed", "priority": 1, "description": "Bytes in the object storage"}"#,
    printcolumn = r#"{"name": "timeline", "type": "string", "jsonPath": ".status.backupInformation.timeline", "priority": 1, "description": "Timeline of the backup"}"#,
    printcolumn = r#"{"name": "Age", "type": "date", "jsonPath": ".metadata.creationTimestamp"}"#
)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-validations" = rules(&[(
    "(has(self.sgCluster) ? self.sgCluster : '') == (has(oldSelf.sgCluster) ? oldSelf.sgCluster : '')",
    "sgCluster cannot be changed; create another SGBackup for the other cluster",
)])))]
pub struct BackupSpec {
    /// Name of the SGCluster to back up. A copy of an SGBackup in another namespace says
    /// `<namespace>.<name>`. It cannot be changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 318))]
    pub sg_cluster: Option<String>,
    /// Whether the backup counts towards the cluster's retention, which then deletes it in its
    /// turn. Otherwise it is kept until this object is deleted.
    #[serde(default)]
    pub managed_lifecycle: bool,
    /// Seconds after which the backup has failed. Default: no limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout: Option<i64>,
    /// Seconds that the removal of old backups, which follows, may take.
    #[serde(default = "default_reconciliation_timeout")]
    pub reconciliation_timeout: i64,
    /// Number of times that a failed backup is tried again; 0 is never.
    #[serde(default = "default_max_retries")]
    #[schemars(range(min = 0))]
    pub max_retries: i32,
}

fn default_reconciliation_timeout() -> i64 {
    300
}

fn default_max_retries() -> i32 {
    3
}
