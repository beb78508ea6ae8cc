//! Settings of the recording of queries.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::schema::{ISO_DURATION, rules};

/// Settings of the recording of queries.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-validations" = rules(&[(
    "!has(self.mode) || self.mode != 'custom' || has(self.customTopQueriesQuery)",
    "mode custom needs customTopQueriesQuery",
)])))]
pub struct Sampling {
    /// Database whose queries are recorded.
    pub target_database: String,
    /// How long to watch which queries are the most important, as an ISO 8601 duration.
    #[schemars(length(max = 64), extend("x-kubernetes-validations" = rules(&[ISO_DURATION])))]
    pub top_queries_collect_duration: String,
    /// How long to record, as an ISO 8601 duration.
    #[schemars(length(max = 64), extend("x-kubernetes-validations" = rules(&[ISO_DURATION])))]
    pub sampling_duration: String,
    /// What makes a query important: the `time` it takes, its number of `calls`, or a `custom`
    /// query.
    #[serde(default)]
    pub mode: SamplingMode,
    /// Regular expression that recorded queries match.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub top_queries_filter: Option<String>,
    /// Percentile from which a query is important.
    #[serde(default = "default_percentile")]
    #[schemars(range(min = 0, max = 99))]
    pub top_queries_percentile: i32,
    /// Fewest queries to record.
    #[serde(default = "default_min")]
    pub top_queries_min: i32,
    /// Query that lists the important queries, for mode `custom`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub custom_top_queries_query: Option<String>,
    /// Number of queries to record.
    #[serde(default = "default_queries")]
    pub queries: i32,
    /// Leaves the important queries out of `status`.
    #[serde(default)]
    pub omit_top_queries_in_status: bool,
    /// Microseconds between two looks at the running queries.
    #[serde(default = "default_interval")]
    pub sampling_min_interval: i32,
}

/// What makes a query important.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum SamplingMode {
    /// The time it takes.
    #[default]
    Time,
    /// Its number of calls.
    Calls,
    /// A query decides.
    Custom,
}

fn default_percentile() -> i32 {
    95
}

fn default_min() -> i32 {
    5
}

fn default_queries() -> i32 {
    10
}

fn default_interval() -> i32 {
    10_000
}
