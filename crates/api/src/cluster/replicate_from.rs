//! `spec.replicateFrom`: the cluster that a standby follows.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::BackupPerformance;
use crate::schema::rules;
use crate::selectors::SecretKeySelector;

const FOLLOWS_CLUSTER: &str = "has(self.instance) && has(self.instance.sgCluster)";

/// The cluster that a standby follows.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-validations" = source_rules()))]
pub struct ReplicateFrom {
    /// A running Postgres to stream from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instance: Option<ReplicateFromInstance>,
    /// An object storage to read WAL from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub storage: Option<ReplicateFromStorage>,
    /// Users of the source, needed unless the source is an SGCluster.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub users: Option<ReplicateFromUsers>,
}

/// A running Postgres to stream from.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-validations" = rules(&[(
    "has(self.sgCluster) != has(self.external)",
    "set exactly one of sgCluster and external",
)])))]
pub struct ReplicateFromInstance {
    /// Name of an SGCluster in the same namespace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sg_cluster: Option<String>,
    /// Any other Postgres.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub external: Option<ExternalInstance>,
}

/// Address of a Postgres that is no SGCluster.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ExternalInstance {
    /// Host name or IP address.
    pub host: String,
    /// Port.
    pub port: i32,
}

/// An object storage to read WAL from, in the layout of WAL-G.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ReplicateFromStorage {
    /// Name of the SGObjectStorage.
    pub sg_object_storage: String,
    /// Folder in the object storage.
    pub path: String,
    /// Limits on the use of disk and network.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub performance: Option<StoragePerformance>,
}

/// Limits on the use of disk and network, as for backups.
pub type StoragePerformance = BackupPerformance;

/// Users of the source.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ReplicateFromUsers {
    /// The superuser.
    pub superuser: SourceUser,
    /// The user with which replicas connect.
    pub replication: SourceUser,
    /// The user with which the pooler looks passwords up.
    pub authenticator: SourceUser,
}

/// Where a user's name and password are.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SourceUser {
    /// Secret key that holds the name.
    pub username: SecretKeySelector,
    /// Secret key that holds the password.
    pub password: SecretKeySelector,
}

fn source_rules() -> serde_json::Value {
    let alone = format!("!({FOLLOWS_CLUSTER}) || (!has(self.storage) && !has(self.users))");
    let users = format!("({FOLLOWS_CLUSTER}) || has(self.users)");
    rules(&[
        (
            "has(self.instance) || has(self.storage)",
            "set instance, storage or both; remove replicateFrom to promote the cluster",
        ),
        (
            &alone,
            "storage and users are taken from the SGCluster named in instance.sgCluster; remove them",
        ),
        (
            &users,
            "users with the source's superuser, replication and authenticator are needed unless the source is an SGCluster",
        ),
    ])
}
