//! The status of a cluster as data; this is also the JSON that programs get.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::leadership::Leadership;

/// A cluster and its instances at one moment.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ClusterStatus {
    pub(crate) namespace: String,
    pub(crate) name: String,
    /// The Postgres version that runs, once it is decided.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) postgres_version: Option<String>,
    /// How many instances are wanted.
    pub(crate) instances: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) primary: Option<String>,
    /// Who leads, and how writes are confirmed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) leadership: Option<Leadership>,
    /// Who told about replication: the instance asked, or nobody.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) told_by: Option<String>,
    pub(crate) conditions: Vec<Condition>,
    pub(crate) services: Vec<ServiceAddress>,
    pub(crate) members: Vec<Member>,
}

/// A condition of the cluster, in the API's form.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Condition {
    #[serde(rename = "type")]
    pub(crate) kind: String,
    pub(crate) status: String,
    pub(crate) reason: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) message: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) last_transition_time: Option<Timestamp>,
}

/// Where clients connect.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ServiceAddress {
    pub(crate) name: String,
    pub(crate) serves: &'static str,
    pub(crate) address: String,
}

/// One instance.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Member {
    pub(crate) name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) role: Option<String>,
    pub(crate) state: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) timeline: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) lag_bytes: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) address: Option<String>,
    pub(crate) ready: bool,
    pub(crate) restarts: u32,
    pub(crate) pending_restart: bool,
    /// The parameters that wait for a restart.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) pending_parameters: Vec<String>,
    /// What it is kept out of: `nofailover`, `noloadbalance`, `nosync`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) tags: Vec<&'static str>,
    /// What it does in its term, in the instances' own word.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) phase: Option<String>,
    /// The term that it knows.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) epoch: Option<u64>,
}

impl Member {
    pub(crate) fn is_primary(&self) -> bool {
        self.role.as_deref() == Some("primary")
    }

    /// Whether the instance does its part: takes writes, or receives them as they happen.
    pub(crate) fn is_streaming(&self) -> bool {
        match self.state.as_str() {
            "running" => self.is_primary(),
            "streaming" => true,
            _ => false,
        }
    }
}

impl ClusterStatus {
    pub(crate) fn condition(&self, kind: &str) -> Option<&Condition> {
        self.conditions.iter().find(|found| found.kind == kind)
    }

    /// The condition, if it is true.
    pub(crate) fn holds(&self, kind: &str) -> Option<&Condition> {
        self.condition(kind).filter(|found| found.status == "True")
    }
}
