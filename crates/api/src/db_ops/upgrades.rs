//! Operations that renew the instances: restart and upgrades.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::cluster::{InstalledExtension, PostgresExtension, RolloutMethod};
use crate::schema::rules;

/// Settings of a restart.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Restart {
    /// `InPlace`: one instance after the other. `ReducedImpact`: with one further instance
    /// meanwhile.
    #[serde(default)]
    pub method: RolloutMethod,
    /// Restarts only instances for which a change is pending.
    #[serde(default)]
    pub only_pending_restart: bool,
}

/// Settings of a change to another minor version.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct MinorVersionUpgrade {
    /// Version to go to, for example `18.6`. It must be of the same major version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub postgres_version: Option<String>,
    /// `InPlace`: one instance after the other. `ReducedImpact`: with one further instance
    /// meanwhile.
    #[serde(default)]
    pub method: RolloutMethod,
}

/// Settings of a renewal with the images of the current operator.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SecurityUpgrade {
    /// `InPlace`: one instance after the other. `ReducedImpact`: with one further instance
    /// meanwhile.
    #[serde(default)]
    pub method: RolloutMethod,
}

/// Settings of a change to another major version.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-validations" = rules(&[(
    "!(has(self.link) && self.link && has(self.clone) && self.clone)",
    "link and clone exclude each other; set at most one",
)])))]
pub struct MajorVersionUpgrade {
    /// Version to go to, of a higher major version, for example `18.6`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub postgres_version: Option<String>,
    /// Name of the SGPostgresConfig for the new major version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sg_postgres_config: Option<String>,
    /// Extensions with their versions afterwards. Without it those of the cluster.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub postgres_extensions: Vec<PostgresExtension>,
    /// Folder for the backups of the new version. Without it a new one is chosen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub backup_path: Option<String>,
    /// Links files in place of copying them: fast, but there is no way back once the new version
    /// has started. Default: false.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub link: Option<bool>,
    /// Clones files in place of copying them, where the file system can. Default: false.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clone: Option<bool>,
    /// Only checks whether the change would succeed. Default: false.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub check: Option<bool>,
    /// Number of failed starts of the new version after which the old one is put back.
    #[serde(default = "default_max_errors")]
    pub max_errors_after_upgrade: i32,
    /// Extensions to install, resolved to builds. Filled by the operator; leave it out.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub to_install_postgres_extensions: Vec<InstalledExtension>,
}

impl Default for MajorVersionUpgrade {
    fn default() -> Self {
        Self {
            postgres_version: None,
            sg_postgres_config: None,
            postgres_extensions: Vec::new(),
            backup_path: None,
            link: None,
            clone: None,
            check: None,
            max_errors_after_upgrade: default_max_errors(),
            to_install_postgres_extensions: Vec::new(),
        }
    }
}

fn default_max_errors() -> i32 {
    6
}
