//! `spec.configurations`: references to configuration objects and overrides beside them.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{BackupConfiguration, Credentials};
use crate::pooling_config::PgBouncer;
use crate::schema::{free_object, rules};
use crate::selectors::SecretKeySelector;
use crate::values::ParameterValue;

/// Configuration of Postgres and of all that runs beside it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Configurations {
    /// Name of the SGPostgresConfig, of the same major version. Without it the operator creates
    /// `<cluster>-<major>-default`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sg_postgres_config: Option<String>,
    /// Name of the SGPoolingConfig. Without it the operator creates `<cluster>-default`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sg_pooling_config: Option<String>,
    /// Parameters of Postgres for this cluster, over those of the SGPostgresConfig.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub postgres: Option<InlinePostgres>,
    /// Settings of the pooler for this cluster, over those of the SGPoolingConfig.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pooling: Option<InlinePooling>,
    /// Queries of the metrics exporter.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub postgres_exporter: Option<PostgresExporter>,
    /// Metrics and who collects them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observability: Option<Observability>,
    /// Backups. Only the first entry is used.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub backups: Vec<BackupConfiguration>,
    /// Settings in Patroni's form, for manifests that carry them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub patroni: Option<PatroniConfiguration>,
    /// User names and passwords taken from your own Secrets in place of generated ones.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credentials: Option<Credentials>,
    /// Shape of the service binding Secret `<cluster>-binding`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub binding: Option<Binding>,
}

/// Parameters of Postgres for one cluster.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct InlinePostgres {
    /// Parameters as in the file postgresql.conf, for example `work_mem: 64MB`. Values may be
    /// text, numbers or booleans. Parameters that Howdah sets itself have no effect here.
    #[serde(
        rename = "postgresql.conf",
        default,
        skip_serializing_if = "BTreeMap::is_empty"
    )]
    pub postgresql_conf: BTreeMap<String, ParameterValue>,
}

/// Settings of the pooler for one cluster.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct InlinePooling {
    /// Settings of PgBouncer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pg_bouncer: Option<PgBouncer>,
}

/// Queries of the metrics exporter.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PostgresExporter {
    /// Queries in the form of postgres_exporter's query file. They are added to the built-in ones
    /// and replace those of the same name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "free_object")]
    pub queries: Option<Map<String, Value>>,
}

/// Metrics and who collects them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Observability {
    /// Leaves out the metrics of Postgres. Default: false.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disable_metrics: Option<bool>,
    /// Creates a PodMonitor for every Prometheus that can be seen.
    #[serde(default)]
    pub prometheus_autobind: bool,
    /// Name of the collector that reads this cluster's metrics.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub receiver: Option<String>,
}

/// Settings in Patroni's form.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PatroniConfiguration {
    /// Dynamic configuration, as `patronictl edit-config` takes it. These have an effect: `ttl`,
    /// the longest that a primary may be silent before another instance takes over, in seconds
    /// from 6; `loop_wait` and `retry_timeout`, which have to fit it (`ttl` is at least `loop_wait`
    /// and twice `retry_timeout`); and `postgresql.pg_hba`, rules that come before ours. Everything
    /// else is accepted without effect.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "free_object")]
    pub dynamic_config: Option<Map<String, Value>>,
    /// Configuration of Patroni at creation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "free_object")]
    pub initial_config: Option<Map<String, Value>>,
}

/// Shape of the service binding Secret.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-validations" = rules(&[(
    "has(self.username) == has(self.password)",
    "username and password belong together; set both, or neither for the superuser",
)])))]
pub struct Binding {
    /// Value of `provider`. Default: `stackgres`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provider: Option<String>,
    /// Database in the connection string. Default: `postgres`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub database: Option<String>,
    /// User in the connection string. Default: the superuser.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub username: Option<String>,
    /// Secret key that holds the user's password.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password: Option<SecretKeySelector>,
}
