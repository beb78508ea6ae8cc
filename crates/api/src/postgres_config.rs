//! SGPostgresConfig: parameters of Postgres, for one major version.

use std::collections::BTreeMap;

use kube::CustomResource;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::schema::rules;
use crate::values::ParameterValue;

/// Parameters that SGPostgresConfig refuses, because Howdah sets them itself.
pub const POSTGRES_BLOCKLIST: [&str; 14] = [
    "archive_command",
    "archive_mode",
    "dynamic_library_path",
    "lc_messages",
    "listen_addresses",
    "log_destination",
    "log_directory",
    "log_filename",
    "log_rotation_age",
    "log_rotation_size",
    "log_truncate_on_rotation",
    "logging_collector",
    "port",
    "wal_log_hints",
];

/// Parameters of Postgres for the clusters that refer to it.
#[derive(CustomResource, Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[kube(
    group = "stackgres.io",
    version = "v1",
    kind = "SGPostgresConfig",
    plural = "sgpgconfigs",
    singular = "sgpgconfig",
    shortname = "sgpgc",
    shortname = "sgpostgresconfig",
    shortname = "sgpostgresconfigs",
    namespaced,
    status = "PostgresConfigStatus",
    derive = "PartialEq",
    doc = "Parameters of Postgres, for one major version. Clusters name it in `spec.configurations.sgPostgresConfig`.",
    printcolumn = r#"{"name": "version", "type": "string", "jsonPath": ".spec.postgresVersion", "description": "Major version of Postgres"}"#,
    printcolumn = r#"{"name": "Age", "type": "date", "jsonPath": ".metadata.creationTimestamp"}"#
)]
#[serde(rename_all = "camelCase")]
pub struct PostgresConfigSpec {
    /// Major version of Postgres that the parameters are for, for example `"18"`. It cannot be
    /// changed; a cluster of another major version needs another SGPostgresConfig.
    #[schemars(
        length(min = 1, max = 8),
        extend("x-kubernetes-validations" = rules(&[
            (
                "self.matches('^[1-9][0-9]*$')",
                "must be a major version, for example \"18\", without a minor version",
            ),
            (
                "self == oldSelf",
                "cannot be changed; create another SGPostgresConfig for the other major version",
            ),
        ]))
    )]
    pub postgres_version: String,
    /// Parameters as in the file postgresql.conf, for example `work_mem: 64MB`. Values may be
    /// text, numbers or booleans. What is not named here has the default that `status` lists.
    #[serde(rename = "postgresql.conf")]
    #[schemars(schema_with = "parameters")]
    pub postgresql_conf: BTreeMap<String, ParameterValue>,
}

/// What the operator adds to the configuration.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PostgresConfigStatus {
    /// Parameters that have a default of Howdah's own, with that default.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub default_parameters: BTreeMap<String, ParameterValue>,
}

/// A free object in which the parameters of the blocklist are known, so that rules can name them.
fn parameters(_: &mut SchemaGenerator) -> Schema {
    let mut properties = Map::new();
    let mut refusals = Vec::new();
    for name in POSTGRES_BLOCKLIST {
        properties.insert(name.to_owned(), json!({"x-kubernetes-int-or-string": true}));
        let message = format!("{name} is set by Howdah itself and cannot be configured; remove it");
        refusals.push(json!({"rule": format!("!has(self.{name})"), "message": message}));
    }
    json_schema!({
        "type": "object",
        "properties": properties,
        "x-kubernetes-preserve-unknown-fields": true,
        "x-kubernetes-validations": Value::Array(refusals),
    })
}
