//! `status` of SGCluster.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{ClusterDbOpsStatus, InstalledExtension};
use crate::conditions::Condition;

/// What the cluster is now.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ClusterStatus {
    /// Bootstrapped, InitialScriptsApplied, PendingRestart, PendingUpgrade, Failed and
    /// FieldsNotActedOn.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub conditions: Vec<Condition>,
    /// Full version of Postgres in use, for example `18.6`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub postgres_version: Option<String>,
    /// Build of that version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub build_version: Option<String>,
    /// Extensions, resolved to builds.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub extensions: Vec<InstalledExtension>,
    /// SGPostgresConfig in use.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sg_postgres_config: Option<String>,
    /// Folders of backups in the object storage, the newest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub backup_paths: Vec<String>,
    /// Number of instances there are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instances: Option<i32>,
    /// Selector of the instances' Pods, for the scale subresource.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label_selector: Option<String>,
    /// SGBackup from which a replica could not be created.
    #[serde(
        rename = "replicationInitializationFailedSGBackup",
        default,
        skip_serializing_if = "Option::is_none"
    )]
    pub replication_initialization_failed_sg_backup: Option<String>,
    /// The instances, one by one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub pod_statuses: Vec<PodStatus>,
    /// What running operations have noted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub db_ops: Option<ClusterDbOpsStatus>,
    /// Processor architecture of the instances, for example `x86_64`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub arch: Option<String>,
    /// Operating system of the instances, for example `linux`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub os: Option<String>,
    /// Prefix of label keys, on clusters that old releases created.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label_prefix: Option<String>,
    /// Which scripts have run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub managed_sql: Option<ManagedSqlStatus>,
    /// The service binding Secret.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub binding: Option<BindingStatus>,
}

/// One instance.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PodStatus {
    /// Name of the Pod.
    pub name: String,
    /// Node it runs on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node_name: Option<String>,
    /// Number of its replication group; 0 is the main group.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replication_group: Option<i32>,
    /// Whether it is the primary.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub primary: Option<bool>,
    /// Whether it must restart before a change takes effect.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pending_restart: Option<bool>,
    /// Extensions installed on it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub installed_postgres_extensions: Vec<InstalledExtension>,
}

/// Which scripts have run.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ManagedSqlStatus {
    /// State of each entry of `spec.managedSql.scripts`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub scripts: Vec<ManagedScriptStatus>,
}

/// State of one SGScript.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ManagedScriptStatus {
    /// Number of the entry.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<i32>,
    /// When it was first started.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started_at: Option<String>,
    /// When its state last changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub updated_at: Option<String>,
    /// When it last failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failed_at: Option<String>,
    /// When it was completed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub completed_at: Option<String>,
    /// State of each of its entries.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub scripts: Vec<ManagedScriptEntryStatus>,
}

/// State of one entry of an SGScript.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ManagedScriptEntryStatus {
    /// Number of the entry.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<i32>,
    /// Version of the entry that ran.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<i32>,
    /// Number of tries.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub intents: Option<i32>,
    /// SQLSTATE of the failure.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure_code: Option<String>,
    /// Message of the failure.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<String>,
}

/// The service binding Secret.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct BindingStatus {
    /// Name of the Secret.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
}
