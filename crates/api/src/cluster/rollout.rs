//! Creation order and renewal of Pods.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::schema::{ISO_DURATION, rules};

/// Order in which instances are created.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
pub enum ManagementPolicy {
    /// One after the other, each when the one before is ready.
    #[default]
    OrderedReady,
    /// All at once.
    Parallel,
}

/// When and how Pods are renewed after a change that needs it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct UpdateStrategy {
    /// When: `OnlyDbOps` (the default): when an SGDbOps asks for it. `Always`: at once.
    /// `Schedule`: at the times of `schedule`. `Never`.
    #[serde(rename = "type", default, skip_serializing_if = "Option::is_none")]
    pub type_: Option<RolloutType>,
    /// How: `InPlace` (the default): one instance after the other. `ReducedImpact`: with one
    /// further instance meanwhile.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub method: Option<RolloutMethod>,
    /// Times at which Pods may be renewed, for type `Schedule`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 100))]
    pub schedule: Vec<RolloutWindow>,
}

/// When Pods are renewed.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
pub enum RolloutType {
    /// At once.
    Always,
    /// At the times of the schedule.
    Schedule,
    /// When an SGDbOps asks for it.
    #[default]
    OnlyDbOps,
    /// Never.
    Never,
}

/// How Pods are renewed.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
pub enum RolloutMethod {
    /// One instance after the other.
    #[default]
    InPlace,
    /// With one further instance meanwhile.
    ReducedImpact,
}

/// A time at which Pods may be renewed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RolloutWindow {
    /// Start, as a five-field cron expression in UTC, for example `0 3 * * 0`.
    pub cron: String,
    /// Length, as an ISO 8601 duration, for example `PT2H`.
    #[schemars(length(max = 64), extend("x-kubernetes-validations" = rules(&[ISO_DURATION])))]
    pub duration: String,
}
