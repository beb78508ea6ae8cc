//! SGInstanceProfile: how much CPU and memory an instance gets.

use std::collections::BTreeMap;

use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::schema::rules;

const CPU: &str = r"^[1-9][0-9]*[m]?$";
const MEMORY: &str = r"^[0-9]+(\.[0-9]+)?(Mi|Gi)$";

/// How much CPU and memory the instances of the clusters that refer to it get.
#[derive(CustomResource, Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[kube(
    group = "stackgres.io",
    version = "v1",
    kind = "SGInstanceProfile",
    plural = "sginstanceprofiles",
    singular = "sginstanceprofile",
    shortname = "sginp",
    namespaced,
    derive = "PartialEq",
    doc = "How much CPU and memory the instances of a cluster get. Clusters name it in `spec.sgInstanceProfile`.",
    printcolumn = r#"{"name": "cpu", "type": "string", "jsonPath": ".spec.cpu", "description": "CPU of an instance"}"#,
    printcolumn = r#"{"name": "memory", "type": "string", "jsonPath": ".spec.memory", "description": "Memory of an instance"}"#,
    printcolumn = r#"{"name": "Age", "type": "date", "jsonPath": ".metadata.creationTimestamp"}"#
)]
#[serde(rename_all = "camelCase")]
pub struct InstanceProfileSpec {
    /// CPU that Postgres may use: whole CPUs (`2`) or thousandths (`500m`).
    #[serde(default = "default_cpu")]
    #[schemars(length(max = 20), regex(pattern = CPU))]
    pub cpu: String,
    /// Memory that Postgres may use, in `Mi` or `Gi`, for example `4Gi`. Postgres' own memory
    /// settings are derived from it unless they are configured.
    #[serde(default = "default_memory")]
    #[schemars(
        length(max = 20),
        regex(pattern = MEMORY),
        extend("x-kubernetes-validations" = rules(&[POSITIVE]))
    )]
    pub memory: String,
    /// Huge pages set aside for Postgres. The nodes must offer them, and they count within
    /// `memory`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub huge_pages: Option<HugePages>,
    /// Limits of the other containers of an instance, by container name, for example
    /// `pgbouncer`. Containers of jobs carry a prefix, for example `backup.create-backup`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(
        extend("maxProperties" = 64),
        extend("x-kubernetes-validations" = rules(&[NOT_POSTGRES]))
    )]
    pub containers: BTreeMap<String, ContainerProfile>,
    /// Limits of the init containers of an instance, by container name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(extend("maxProperties" = 64))]
    pub init_containers: BTreeMap<String, ContainerProfile>,
    /// What is requested from the scheduler, where that differs from the limits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requests: Option<ProfileRequests>,
}

const POSITIVE: (&str, &str) = ("self.matches('[1-9]')", "must be more than zero");

const NOT_POSTGRES: (&str, &str) = (
    "!('patroni' in self)",
    "the limits of Postgres itself are spec.cpu and spec.memory; remove the entry patroni",
);

/// Huge pages set aside, by page size.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct HugePages {
    /// Memory in pages of 2Mi, for example `512Mi`; an even number of Mi, or Gi.
    #[serde(
        rename = "hugepages-2Mi",
        default,
        skip_serializing_if = "Option::is_none"
    )]
    #[schemars(
        length(max = 20),
        regex(pattern = MEMORY),
        extend("x-kubernetes-validations" = rules(&[(
            r"self.matches('^([0-9]*[02468]Mi|[0-9]+([.](0|5|25|50|75))?Gi)$') && self.matches('[1-9]')",
            "must be a multiple of the page size: an even number of Mi, or whole, half or quarter Gi",
        )]))
    )]
    pub hugepages_2mi: Option<String>,
    /// Memory in pages of 1Gi, for example `4Gi`.
    #[serde(
        rename = "hugepages-1Gi",
        default,
        skip_serializing_if = "Option::is_none"
    )]
    #[schemars(
        length(max = 20),
        regex(pattern = MEMORY),
        extend("x-kubernetes-validations" = rules(&[(
            r"self.matches('^[0-9]+([.]0+)?Gi$') && self.matches('[1-9]')",
            "must be a multiple of the page size: a whole number of Gi",
        )]))
    )]
    pub hugepages_1gi: Option<String>,
}

/// Limits of one container.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ContainerProfile {
    /// CPU: whole CPUs (`1`) or thousandths (`250m`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 20), regex(pattern = CPU))]
    pub cpu: Option<String>,
    /// Memory in `Mi` or `Gi`, for example `64Mi`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 20), regex(pattern = MEMORY))]
    pub memory: Option<String>,
    /// Huge pages set aside for the container.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub huge_pages: Option<HugePages>,
}

/// What is requested from the scheduler.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ProfileRequests {
    /// CPU requested for the whole Pod. What the other containers request is taken off, and
    /// Postgres requests the rest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 20), regex(pattern = CPU))]
    pub cpu: Option<String>,
    /// Memory requested for the whole Pod, shared out as `cpu` is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 20), regex(pattern = MEMORY))]
    pub memory: Option<String>,
    /// Requests of the other containers, by container name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(
        extend("maxProperties" = 64),
        extend("x-kubernetes-validations" = rules(&[(
            "!('patroni' in self)",
            "the requests of Postgres itself follow from spec.requests.cpu and spec.requests.memory; remove the entry patroni",
        )]))
    )]
    pub containers: BTreeMap<String, ContainerRequest>,
    /// Requests of the init containers, by container name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(extend("maxProperties" = 64))]
    pub init_containers: BTreeMap<String, ContainerRequest>,
}

/// Requests of one container.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ContainerRequest {
    /// CPU: whole CPUs (`1`) or thousandths (`250m`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 20), regex(pattern = CPU))]
    pub cpu: Option<String>,
    /// Memory in `Mi` or `Gi`, for example `64Mi`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 20), regex(pattern = MEMORY))]
    pub memory: Option<String>,
}

impl Default for InstanceProfileSpec {
    fn default() -> Self {
        Self {
            cpu: default_cpu(),
            memory: default_memory(),
            huge_pages: None,
            containers: BTreeMap::new(),
            init_containers: BTreeMap::new(),
            requests: None,
        }
    }
}

fn default_cpu() -> String {
    "1".to_owned()
}

fn default_memory() -> String {
    "2Gi".to_owned()
}
