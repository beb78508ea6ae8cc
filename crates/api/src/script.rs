//! SGScript: SQL with an identity and a version.

use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::schema::{rules, yes};
use crate::selectors::{ConfigMapKeySelector, SecretKeySelector};

const UNIQUE_NAMES: (&str, &str) = (
    "self.all(a, !has(a.name) || self.exists_one(b, has(b.name) && b.name == a.name))",
    "each entry needs a name of its own",
);

const UNIQUE_IDS: (&str, &str) = (
    "self.all(a, !has(a.id) || a.id < 0 || self.exists_one(b, has(b.id) && b.id == a.id))",
    "each entry needs an id of its own; remove the id from a copied entry and the operator assigns one",
);

/// SQL with an identity and a version.
#[derive(CustomResource, Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[kube(
    group = "stackgres.io",
    version = "v1",
    kind = "SGScript",
    plural = "sgscripts",
    singular = "sgscript",
    shortname = "sgscr",
    namespaced,
    status = "ScriptStatus",
    derive = "PartialEq",
    doc = "SQL for clusters to run. Clusters name it in `spec.managedSql.scripts[].sgScript`.",
    printcolumn = r#"{"name": "scripts", "type": "string", "jsonPath": ".spec.scripts[*].name", "description": "Names of the entries"}"#,
    printcolumn = r#"{"name": "Age", "type": "date", "jsonPath": ".metadata.creationTimestamp"}"#
)]
#[serde(rename_all = "camelCase")]
pub struct ScriptSpec {
    /// Raises an entry's version by itself when its SQL changes, so that it runs again.
    #[serde(default = "yes")]
    pub managed_versions: bool,
    /// Goes on with the next entry when one has failed.
    #[serde(default)]
    pub continue_on_error: bool,
    /// The entries, in the order in which they run.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(
        length(max = 200),
        extend("x-kubernetes-validations" = rules(&[UNIQUE_NAMES, UNIQUE_IDS]))
    )]
    pub scripts: Vec<ScriptEntry>,
}

/// One entry: some SQL, and how to run it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-validations" = rules(&[
    (
        "has(self.script) != has(self.scriptFrom)",
        "set exactly one of script and scriptFrom",
    ),
    (
        "!has(self.storeStatusInDatabase) || !self.storeStatusInDatabase || has(self.wrapInTransaction)",
        "storeStatusInDatabase needs wrapInTransaction, because SQL and status must be committed together",
    ),
])))]
pub struct ScriptEntry {
    /// Name of the entry.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 253))]
    pub name: Option<String>,
    /// Number of the entry, by which its state is kept. Assigned by the operator; leave it out.
    #[serde(default = "unassigned")]
    pub id: i32,
    /// Version of the entry. Raise it to run the entry again when `managedVersions` is false.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<i32>,
    /// Database to run it in. Default: `postgres`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub database: Option<String>,
    /// User to run it as. Default: the superuser.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// Runs the entry in one transaction of this isolation level: `read-committed`,
    /// `repeatable-read` or `serializable`. Without it every statement is on its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wrap_in_transaction: Option<IsolationLevel>,
    /// Keeps in the database, in the table `managed_sql.status`, that the entry has run. A restored
    /// copy of the database then does not run it again.
    #[serde(default)]
    pub store_status_in_database: bool,
    /// Runs the entry again after a failure, with growing pauses of 10 seconds to 5 minutes.
    #[serde(default)]
    pub retry_on_error: bool,
    /// The SQL.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub script: Option<String>,
    /// Where the SQL is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub script_from: Option<ScriptFrom>,
}

/// Isolation level of a transaction.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum IsolationLevel {
    /// Each statement sees what was committed before it.
    ReadCommitted,
    /// All statements see what was committed before the first.
    RepeatableRead,
    /// As if transactions ran one after the other.
    Serializable,
}

/// Where some SQL is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-validations" = rules(&[(
    "has(self.secretKeyRef) != has(self.configMapKeyRef)",
    "set exactly one of secretKeyRef and configMapKeyRef",
)])))]
pub struct ScriptFrom {
    /// Secret key that holds it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret_key_ref: Option<SecretKeySelector>,
    /// ConfigMap key that holds it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub config_map_key_ref: Option<ConfigMapKeySelector>,
}

/// What the operator knows about the SQL.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ScriptStatus {
    /// State of each entry.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub scripts: Vec<ScriptEntryStatus>,
}

/// State of one entry.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ScriptEntryStatus {
    /// Number of the entry.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<i32>,
    /// Hash of its SQL.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hash: Option<String>,
}

impl Default for ScriptSpec {
    fn default() -> Self {
        Self {
            managed_versions: true,
            continue_on_error: false,
            scripts: Vec::new(),
        }
    }
}

impl Default for ScriptEntry {
    fn default() -> Self {
        Self {
            name: None,
            id: unassigned(),
            version: None,
            database: None,
            user: None,
            wrap_in_transaction: None,
            store_status_in_database: false,
            retry_on_error: false,
            script: None,
            script_from: None,
        }
    }
}

fn unassigned() -> i32 {
    -1
}
