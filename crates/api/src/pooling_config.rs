//! SGPoolingConfig: settings of the connection pooler.

use std::collections::BTreeMap;

use kube::CustomResource;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::values::IniValue;

/// Settings that Howdah sets itself: refused for databases and users, left out elsewhere.
pub const POOLING_BLOCKLIST: [&str; 29] = [
    "admin_users",
    "auth_file",
    "auth_query",
    "auth_type",
    "auth_user",
    "conffile",
    "dns_max_ttl",
    "dns_nxdomain_ttl",
    "dns_zone_check_period",
    "host",
    "listen_addr",
    "listen_port",
    "logfile",
    "password",
    "pidfile",
    "server_round_robin",
    "server_tls_ca_file",
    "server_tls_cert_file",
    "server_tls_ciphers",
    "server_tls_key_file",
    "server_tls_protocols",
    "server_tls_sslmode",
    "stats_users",
    "syslog",
    "syslog_facility",
    "syslog_ident",
    "unix_socket_dir",
    "unix_socket_group",
    "unix_socket_mode",
];

/// Settings of the connection pooler for the clusters that refer to it.
#[derive(CustomResource, Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[kube(
    group = "stackgres.io",
    version = "v1",
    kind = "SGPoolingConfig",
    plural = "sgpoolconfigs",
    singular = "sgpoolconfig",
    shortname = "sgpoc",
    shortname = "sgpoolingconfig",
    shortname = "sgpoolingconfigs",
    namespaced,
    status = "PoolingConfigStatus",
    derive = "PartialEq",
    doc = "Settings of the connection pooler. Clusters name it in `spec.configurations.sgPoolingConfig`.",
    printcolumn = r#"{"name": "Age", "type": "date", "jsonPath": ".metadata.creationTimestamp"}"#
)]
#[serde(rename_all = "camelCase")]
pub struct PoolingConfigSpec {
    /// Settings of PgBouncer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pg_bouncer: Option<PgBouncer>,
}

/// Settings of PgBouncer.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PgBouncer {
    /// Sections of the file pgbouncer.ini.
    #[serde(
        rename = "pgbouncer.ini",
        default,
        skip_serializing_if = "Option::is_none"
    )]
    pub pgbouncer_ini: Option<PgBouncerIni>,
}

/// Sections of the file pgbouncer.ini.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PgBouncerIni {
    /// Section `[pgbouncer]`, for example `default_pool_size: 50` or `pool_mode: transaction`.
    /// Settings that Howdah sets itself have no effect here.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub pgbouncer: BTreeMap<String, IniValue>,
    /// Section `[databases]`: for each name that clients connect to, its settings, for example
    /// `dbname: shop` or `pool_size: 20`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(schema_with = "sections")]
    pub databases: BTreeMap<String, BTreeMap<String, IniValue>>,
    /// Section `[users]`: for each user, its settings, for example `pool_mode: session` or
    /// `max_user_connections: 10`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(schema_with = "sections")]
    pub users: BTreeMap<String, BTreeMap<String, IniValue>>,
}

/// What the operator adds to the configuration.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PoolingConfigStatus {
    /// State of the PgBouncer settings.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pg_bouncer: Option<PgBouncerStatus>,
}

/// State of the PgBouncer settings.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PgBouncerStatus {
    /// Settings that have a default of Howdah's own, with that default.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub default_parameters: BTreeMap<String, IniValue>,
}

/// Named groups of settings, in which those of the blocklist are known so that rules can name them.
fn sections(_: &mut SchemaGenerator) -> Schema {
    let mut properties = Map::new();
    let mut refusals = Vec::new();
    for name in POOLING_BLOCKLIST {
        properties.insert(name.to_owned(), json!({"x-kubernetes-int-or-string": true}));
        let message = format!("{name} is set by Howdah itself and cannot be configured; remove it");
        refusals.push(json!({"rule": format!("!has(self.{name})"), "message": message}));
    }
    json_schema!({
        "type": "object",
        "maxProperties": 1000,
        "additionalProperties": {
            "type": "object",
            "properties": properties,
            "x-kubernetes-preserve-unknown-fields": true,
            "x-kubernetes-validations": Value::Array(refusals),
        },
    })
}
