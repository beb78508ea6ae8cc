//! Results of benchmarks.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::schema::free_object;

/// Results of a benchmark.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct BenchmarkStatus {
    /// What pgbench measured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pgbench: Option<PgbenchStatus>,
    /// What was recorded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sampling: Option<SamplingStatus>,
}

/// What pgbench measured.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PgbenchStatus {
    /// pgbench's scale factor.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scale_factor: Option<f64>,
    /// Number of transactions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub transactions_processed: Option<i64>,
    /// How long transactions took.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub latency: Option<PgbenchLatency>,
    /// Transactions per second.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub transactions_per_second: Option<PgbenchTransactionsPerSecond>,
    /// Results of single statements.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "free_objects")]
    pub statements: Vec<Map<String, Value>>,
    /// Latencies as an HdrHistogram, compressed and in base64.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hdr_histogram: Option<String>,
}

/// How long transactions took.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PgbenchLatency {
    /// Average.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub average: Option<Measure>,
    /// Standard deviation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub standard_deviation: Option<Measure>,
}

/// Transactions per second.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PgbenchTransactionsPerSecond {
    /// With the time it takes to connect.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub including_connections_establishing: Option<Measure>,
    /// Without the time it takes to connect.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub excluding_connections_establishing: Option<Measure>,
    /// As time went on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub over_time: Option<HistoryOverTime>,
}

/// A number with its unit.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Measure {
    /// The number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<f64>,
    /// The unit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unit: Option<String>,
}

/// Numbers as time went on.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct HistoryOverTime {
    /// The numbers, one for each interval.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub values: Vec<f64>,
    /// Unit of the numbers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub values_unit: Option<String>,
    /// Length of an interval.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interval_duration: Option<f64>,
    /// Unit of the length.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interval_duration_unit: Option<String>,
}

/// What was recorded.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SamplingStatus {
    /// The most important queries.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub top_queries: Vec<TopQuery>,
    /// Recorded queries.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub queries: Vec<SampledQuery>,
}

/// One of the most important queries.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TopQuery {
    /// Identifier of the query.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// Its numbers in pg_stat_statements.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "free_object")]
    pub stats: Option<Map<String, Value>>,
}

/// One recorded query.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SampledQuery {
    /// Identifier of the query.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// Its text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub query: Option<String>,
    /// When it ran.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timestamp: Option<String>,
}

fn free_objects(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
    let items = free_object(generator);
    schemars::json_schema!({"type": "array", "items": items})
}
