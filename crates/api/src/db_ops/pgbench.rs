//! Settings of pgbench.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::schema::{ISO_DURATION, STORAGE_SIZE, rules};
use crate::script::ScriptFrom;

/// Settings of pgbench.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-validations" = rules(&[(
    "!has(self.mode) || self.mode != 'custom' || has(self.custom)",
    "mode custom needs the section custom",
)])))]
pub struct Pgbench {
    /// Load: `tpcb-like` (reads and writes), `select-only`, `custom` (your own scripts) or
    /// `replay` (queries recorded before).
    #[serde(default)]
    pub mode: PgbenchMode,
    /// Size of the test data, in `Mi`, `Gi` or `Ti`; it is turned into pgbench's scale factor.
    #[schemars(length(max = 20), regex(pattern = STORAGE_SIZE))]
    pub database_size: String,
    /// How long to measure, as an ISO 8601 duration, for example `PT10M`.
    #[schemars(length(max = 64), extend("x-kubernetes-validations" = rules(&[ISO_DURATION])))]
    pub duration: String,
    /// Protocol: `simple`, `extended` or `prepared`.
    #[serde(default)]
    pub query_mode: QueryMode,
    /// Deprecated and without effect; use `queryMode: prepared`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub use_prepared_statements: Option<bool>,
    /// Number of connections at a time.
    #[serde(default = "one")]
    #[schemars(range(min = 1))]
    pub concurrent_clients: i32,
    /// Number of threads that serve the connections.
    #[serde(default = "one")]
    #[schemars(range(min = 1))]
    pub threads: i32,
    /// Share of transactions to log, from 0 to 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sampling_rate: Option<f64>,
    /// Creates foreign keys.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub foreign_keys: Option<bool>,
    /// Creates unlogged tables.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unlogged_tables: Option<bool>,
    /// Partitioning of the largest table: `range` or `hash`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub partition_method: Option<PartitionMethod>,
    /// Number of partitions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub partitions: Option<i32>,
    /// Steps of the initialisation, as pgbench's option `--init-steps` takes them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub init_steps: Option<String>,
    /// Fill factor of the tables, in percent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 10, max = 100))]
    pub fillfactor: Option<i32>,
    /// Leaves out the vacuum before the measurement.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub no_vacuum: Option<bool>,
    /// Name of the SGDbOps that recorded the queries to replay.
    #[serde(
        rename = "samplingSGDbOps",
        default,
        skip_serializing_if = "Option::is_none"
    )]
    pub sampling_sg_db_ops: Option<String>,
    /// Your own scripts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub custom: Option<CustomBenchmark>,
}

/// Load that pgbench puts on the cluster.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum PgbenchMode {
    /// Reads and writes.
    #[default]
    TpcbLike,
    /// Reads.
    SelectOnly,
    /// Your own scripts.
    Custom,
    /// Queries recorded before.
    Replay,
}

/// Protocol that pgbench uses.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum QueryMode {
    /// Simple query protocol.
    #[default]
    Simple,
    /// Extended query protocol.
    Extended,
    /// Extended query protocol with prepared statements.
    Prepared,
}

/// Partitioning of pgbench's largest table.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum PartitionMethod {
    /// By ranges.
    Range,
    /// By hash.
    Hash,
}

/// Your own scripts for pgbench.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CustomBenchmark {
    /// Creates the test data. Default: pgbench's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub initialization: Option<CustomInitialization>,
    /// The scripts, at least one.
    #[schemars(length(min = 1, max = 100))]
    pub scripts: Vec<CustomScript>,
}

/// Creates the test data.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-validations" = rules(&[(
    "has(self.script) != has(self.scriptFrom)",
    "set exactly one of script and scriptFrom",
)])))]
pub struct CustomInitialization {
    /// The SQL.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub script: Option<String>,
    /// Where the SQL is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub script_from: Option<ScriptFrom>,
}

/// One script that pgbench runs.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-validations" = rules(&[(
    "[has(self.script), has(self.scriptFrom), has(self.builtin), has(self.replay)].filter(given, given).size() == 1",
    "set exactly one of script, scriptFrom, builtin and replay",
)])))]
pub struct CustomScript {
    /// The script.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub script: Option<String>,
    /// Where the script is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub script_from: Option<ScriptFrom>,
    /// Name of one of pgbench's own scripts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub builtin: Option<String>,
    /// Number of a recorded query to replay.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replay: Option<i32>,
    /// How often the script runs, relative to the others.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weight: Option<i32>,
}

fn one() -> i32 {
    1
}
