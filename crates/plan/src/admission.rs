//! What the admission webhooks make of an object, and what they refuse.
//!
//! Only what is wrong with the object by itself, or with the change, is refused. What it refers to may come later, so
//! a reference that leads nowhere is at most worth a warning. All of this is looked at again by every pass,
//! so an object that no webhook has seen is not built either.

mod defaults;
mod judge;
mod patch;
mod users;

use serde_json::Value;

use howdah_types::{PgVersion, Quantity};

pub use defaults::defaulted;
pub use judge::judge;
pub use patch::patch;
pub use users::used_by;

/// A kind of the API.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// SGBackup.
    Backup,
    /// SGCluster.
    Cluster,
    /// SGDbOps.
    DbOps,
    /// SGInstanceProfile.
    InstanceProfile,
    /// SGObjectStorage.
    ObjectStorage,
    /// SGPoolingConfig.
    PoolingConfig,
    /// SGPostgresConfig.
    PostgresConfig,
    /// SGScript.
    Script,
}

impl Kind {
    /// All of them, by the names of their resources.
    pub const ALL: [Self; 8] = [
        Self::Backup,
        Self::Cluster,
        Self::DbOps,
        Self::InstanceProfile,
        Self::ObjectStorage,
        Self::PoolingConfig,
        Self::PostgresConfig,
        Self::Script,
    ];

    /// The kind as it stands in manifests.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Backup => "SGBackup",
            Self::Cluster => "SGCluster",
            Self::DbOps => "SGDbOps",
            Self::InstanceProfile => "SGInstanceProfile",
            Self::ObjectStorage => "SGObjectStorage",
            Self::PoolingConfig => "SGPoolingConfig",
            Self::PostgresConfig => "SGPostgresConfig",
            Self::Script => "SGScript",
        }
    }

    /// The name of its resource.
    #[must_use]
    pub fn plural(self) -> &'static str {
        match self {
            Self::Backup => "sgbackups",
            Self::Cluster => "sgclusters",
            Self::DbOps => "sgdbops",
            Self::InstanceProfile => "sginstanceprofiles",
            Self::ObjectStorage => "sgobjectstorages",
            Self::PoolingConfig => "sgpoolconfigs",
            Self::PostgresConfig => "sgpgconfigs",
            Self::Script => "sgscripts",
        }
    }

    /// The kind as it stands in the path of its webhook.
    #[must_use]
    pub fn path(self) -> String {
        self.as_str().to_ascii_lowercase()
    }
}

/// What is known of the world around an object; nothing of it has to be known.
#[derive(Debug, Clone, Copy, Default)]
pub struct Known {
    /// The version that the data of a cluster was made with.
    pub recorded_version: Option<PgVersion>,
    /// Size of the largest data volume of a cluster.
    pub largest_volume: Option<Quantity>,
}

impl Known {
    /// What an object and what it was before tell themselves.
    #[must_use]
    pub fn from_status(object: &Value, old: Option<&Value>) -> Self {
        let reported = |object: &Value| {
            let version = object["status"]["postgresVersion"].as_str()?;
            version.parse().ok()
        };
        Self {
            recorded_version: old.and_then(reported).or_else(|| reported(object)),
            largest_volume: None,
        }
    }
}

/// Whether the data volumes of a cluster would become smaller than its manifest had them.
#[must_use]
pub fn shrinks(object: &Value, old: &Value) -> bool {
    let size = |object: &Value| {
        let size = &object["spec"]["pods"]["persistentVolume"]["size"];
        size.as_str()?.parse::<Quantity>().ok()
    };
    matches!((size(object), size(old)), (Some(new), Some(old)) if new < old)
}

/// Whether anything is asked about a change: not of what goes away, and not of what only reports or labels.
#[must_use]
pub fn is_asked(new: &Value, old: Option<&Value>) -> bool {
    let leaves = !new["metadata"]["deletionTimestamp"].is_null();
    !leaves && old.is_none_or(|old| old["spec"] != new["spec"])
}

#[cfg(test)]
mod tests;
