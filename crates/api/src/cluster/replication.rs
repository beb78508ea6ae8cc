//! `spec.replication`: modes, roles, groups and how replicas get their first data.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::schema::{ISO_DURATION, rules};

/// How changes reach the replicas and what the replicas are for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-validations" = rules(&[(
    "!has(self.syncInstances) || (has(self.mode) && self.mode in ['sync', 'strict-sync'])",
    "syncInstances has a meaning only with mode sync or strict-sync; remove it or set one of these modes",
)])))]
pub struct Replication {
    /// When a commit is reported to the client. `async` (the default): once the primary has it.
    /// `sync`: once `syncInstances` replicas have it too; without enough replicas the primary goes
    /// on alone. `strict-sync`: the same, but writes wait for the replicas. `sync-all` and
    /// `strict-sync-all`: as before, with every replica.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mode: Option<ReplicationMode>,
    /// What the instances outside of `groups` are for: `ha-read` (the default): they can be
    /// promoted and serve read-only clients. `ha`: they can be promoted only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<MainRole>,
    /// Number of replicas that must have a commit. Only with mode `sync` or `strict-sync`, where
    /// the default is 1; less than `instances`. Replicas of groups with the role `readonly` or
    /// `none` do not count.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub sync_instances: Option<i32>,
    /// Groups of replicas with another role. Instances are assigned by their number: first those
    /// outside of any group, then group by group.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16))]
    pub groups: Vec<ReplicationGroup>,
    /// How new replicas get their first data.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub initialization: Option<ReplicationInitialization>,
}

/// When a commit is reported to the client.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum ReplicationMode {
    /// Once the primary has it.
    #[default]
    Async,
    /// Once some replicas have it, if there are enough.
    Sync,
    /// Once some replicas have it; writes wait for them.
    StrictSync,
    /// Once every connected replica has it.
    SyncAll,
    /// Once every replica has it; writes wait for them.
    StrictSyncAll,
}

/// What the instances outside of any group are for.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum MainRole {
    /// Promotion and read-only clients.
    #[default]
    HaRead,
    /// Promotion only.
    Ha,
}

/// What the instances of a group are for.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum GroupRole {
    /// Promotion and read-only clients.
    #[default]
    HaRead,
    /// Promotion only.
    Ha,
    /// Read-only clients only.
    Readonly,
    /// Neither.
    None,
}

/// Replicas with a role of their own.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ReplicationGroup {
    /// Name of the group. Default: `group-<position>`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// What the group is for: `ha-read` (promotion and read-only clients), `ha` (promotion only),
    /// `readonly` (read-only clients only) or `none` (neither).
    pub role: GroupRole,
    /// Number of instances in the group.
    #[schemars(range(min = 1))]
    pub instances: i32,
    /// Fewest instances of the group when the number of instances is scaled by load.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub min_instances: Option<i32>,
}

/// How new replicas get their first data.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ReplicationInitialization {
    /// Preferred source: `FromPrimary`, `FromReplica`, `FromExistingBackup` or
    /// `FromNewlyCreatedBackup`. Where it is not available, the next in the order new backup,
    /// existing backup, replica, primary is taken.
    #[serde(default)]
    pub mode: InitializationMode,
    /// Oldest backup that may be used, as an ISO 8601 duration before now, for example `P1D`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64), extend("x-kubernetes-validations" = rules(&[ISO_DURATION])))]
    pub backup_newer_than: Option<String>,
    /// Limits on the use of disk and network while a backup is copied.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub backup_restore_performance: Option<RestorePerformance>,
}

/// Source of a new replica's first data.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
pub enum InitializationMode {
    /// A copy of the primary.
    FromPrimary,
    /// A copy of another replica.
    FromReplica,
    /// The newest backup.
    #[default]
    FromExistingBackup,
    /// A backup taken for this purpose.
    FromNewlyCreatedBackup,
}

/// Limits on the use of disk and network while a backup is copied.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RestorePerformance {
    /// Most bytes per second read from the network.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_network_bandwidth: Option<i64>,
    /// Most bytes per second written to disk.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_disk_bandwidth: Option<i64>,
    /// Number of downloads at a time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub download_concurrency: Option<i32>,
}
