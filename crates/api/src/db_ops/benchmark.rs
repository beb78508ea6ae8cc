//! The benchmark operation.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Pgbench, Sampling};
use crate::schema::rules;
use crate::selectors::SecretKeySelector;

/// Settings of a benchmark.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-validations" = rules(&[
    (
        "self.type != 'pgbench' || has(self.pgbench)",
        "type pgbench needs the section pgbench",
    ),
    (
        "self.type != 'sampling' || has(self.sampling)",
        "type sampling needs the section sampling",
    ),
])))]
pub struct Benchmark {
    /// `pgbench` puts a load on the cluster and measures it; `sampling` records queries for a
    /// later replay.
    #[serde(rename = "type")]
    pub type_: BenchmarkType,
    /// Database to use. Default: one that is created for the purpose and dropped afterwards.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub database: Option<String>,
    /// User to connect with. Default: the superuser.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credentials: Option<BenchmarkCredentials>,
    /// Settings of pgbench.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pgbench: Option<Pgbench>,
    /// Settings of the recording.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sampling: Option<Sampling>,
    /// What to connect to: `primary-service` or `replicas-service`.
    #[serde(default)]
    pub connection_type: ConnectionType,
}

/// What a benchmark does.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum BenchmarkType {
    /// Puts a load on the cluster.
    Pgbench,
    /// Records queries.
    Sampling,
}

/// What a benchmark connects to.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum ConnectionType {
    /// The primary.
    #[default]
    PrimaryService,
    /// The replicas.
    ReplicasService,
}

/// Where the name and password of the benchmark's user are.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct BenchmarkCredentials {
    /// Secret key that holds the name.
    pub username: SecretKeySelector,
    /// Secret key that holds the password.
    pub password: SecretKeySelector,
}
