//! Operations on tables: vacuum and repack.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::schema::{ISO_DURATION, rules, yes};

/// Settings of a vacuum.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Vacuum {
    /// Rewrites tables to give space back to the system. Each is locked meanwhile.
    #[serde(default)]
    pub full: bool,
    /// Freezes all rows.
    #[serde(default)]
    pub freeze: bool,
    /// Updates the planner's statistics too.
    #[serde(default = "yes")]
    pub analyze: bool,
    /// Reads pages that would be skipped otherwise.
    #[serde(default)]
    pub disable_page_skipping: bool,
    /// Databases to vacuum. Without it all of them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 1000))]
    pub databases: Vec<VacuumDatabase>,
}

impl Default for Vacuum {
    fn default() -> Self {
        Self {
            full: false,
            freeze: false,
            analyze: true,
            disable_page_skipping: false,
            databases: Vec::new(),
        }
    }
}

/// Vacuum of one database; what is not set is as for all.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct VacuumDatabase {
    /// Name of the database.
    pub name: String,
    /// Rewrites tables to give space back to the system. Each is locked meanwhile.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub full: Option<bool>,
    /// Freezes all rows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub freeze: Option<bool>,
    /// Updates the planner's statistics too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub analyze: Option<bool>,
    /// Reads pages that would be skipped otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disable_page_skipping: Option<bool>,
}

/// Settings of a repack. The extension pg_repack must be available in the cluster.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Repack {
    /// Leaves rows in their order, as VACUUM FULL does.
    #[serde(default)]
    pub no_order: bool,
    /// Gives up on a table rather than ending sessions that block it.
    #[serde(default)]
    pub no_kill_backend: bool,
    /// Leaves the planner's statistics alone.
    #[serde(default)]
    pub no_analyze: bool,
    /// Leaves out tables that belong to extensions.
    #[serde(default)]
    pub exclude_extension: bool,
    /// How long to wait for sessions that block a table before they are ended, as an ISO 8601
    /// duration, for example `PT1M`. Default: one minute.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64), extend("x-kubernetes-validations" = rules(&[ISO_DURATION])))]
    pub wait_timeout: Option<String>,
    /// Databases to repack. Without it all of them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 1000))]
    pub databases: Vec<RepackDatabase>,
}

/// Repack of one database; what is not set is as for all.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RepackDatabase {
    /// Name of the database.
    pub name: String,
    /// Leaves rows in their order, as VACUUM FULL does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub no_order: Option<bool>,
    /// Gives up on a table rather than ending sessions that block it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub no_kill_backend: Option<bool>,
    /// Leaves the planner's statistics alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub no_analyze: Option<bool>,
    /// Leaves out tables that belong to extensions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exclude_extension: Option<bool>,
    /// How long to wait for sessions that block a table before they are ended, as an ISO 8601
    /// duration.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64), extend("x-kubernetes-validations" = rules(&[ISO_DURATION])))]
    pub wait_timeout: Option<String>,
}
