//! `spec.autoscaling`: scaling by load.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::schema::rules;
use crate::values::QuantityValue;

/// Scaling by load.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-validations" = rules(&[
    (
        "has(self.mode) && self.mode in ['vertical', 'none'] || (has(self.minInstances) && has(self.maxInstances))",
        "modes all and horizontal need both minInstances and maxInstances",
    ),
    (
        "!has(self.minInstances) || !has(self.maxInstances) || self.minInstances <= self.maxInstances",
        "minInstances must not be more than maxInstances",
    ),
])))]
pub struct Autoscaling {
    /// What is scaled: `horizontal` (the number of instances), `vertical` (their CPU and memory),
    /// `all` or `none`.
    #[serde(default)]
    pub mode: AutoscalingMode,
    /// Fewest instances.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 2))]
    pub min_instances: Option<i32>,
    /// Most instances.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 2))]
    pub max_instances: Option<i32>,
    /// Least CPU and memory of each container.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min_allowed: Option<ResourceBounds>,
    /// Most CPU and memory of each container.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_allowed: Option<ResourceBounds>,
    /// How the number of instances is scaled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub horizontal: Option<HorizontalAutoscaling>,
    /// How the size of the instances is scaled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vertical: Option<VerticalAutoscaling>,
}

/// What is scaled.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "camelCase")]
pub enum AutoscalingMode {
    /// Number and size.
    #[default]
    All,
    /// The number of instances.
    Horizontal,
    /// The size of the instances.
    Vertical,
    /// Nothing.
    None,
}

/// Bounds for each container that is scaled.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ResourceBounds {
    /// Bounds of the container that runs Postgres.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub patroni: Option<ResourceBound>,
    /// Bounds of the connection pooler.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pgbouncer: Option<ResourceBound>,
    /// Bounds of Envoy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub envoy: Option<ResourceBound>,
}

/// A bound on CPU and memory.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ResourceBound {
    /// CPU, for example `500m`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cpu: Option<QuantityValue>,
    /// Memory, for example `1Gi`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory: Option<QuantityValue>,
}

/// How the number of instances is scaled.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct HorizontalAutoscaling {
    /// Share of the replicas' connections that may be in use before an instance is added, from
    /// `"0"` to `"1"`.
    #[serde(default = "default_usage_target")]
    pub replicas_connections_usage_target: String,
    /// How the share is compared, in the terms of a HorizontalPodAutoscaler: `AverageValue`,
    /// `Value` or `Utilization`.
    #[serde(default = "default_metric_type")]
    pub replicas_connections_usage_metric_type: String,
    /// Seconds of low load before instances are removed.
    #[serde(default = "default_cooldown")]
    pub cooldown_period: i32,
    /// Seconds between two measurements.
    #[serde(default = "default_polling")]
    pub polling_interval: i32,
}

impl Default for HorizontalAutoscaling {
    fn default() -> Self {
        Self {
            replicas_connections_usage_target: default_usage_target(),
            replicas_connections_usage_metric_type: default_metric_type(),
            cooldown_period: default_cooldown(),
            polling_interval: default_polling(),
        }
    }
}

/// How the size of the instances is scaled.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct VerticalAutoscaling {
    /// Name of the VPA recommender to use. Default: VPA's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recommender: Option<String>,
}

fn default_usage_target() -> String {
    "0.8".to_owned()
}

fn default_metric_type() -> String {
    "AverageValue".to_owned()
}

fn default_cooldown() -> i32 {
    300
}

fn default_polling() -> i32 {
    30
}
