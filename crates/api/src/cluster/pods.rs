//! `spec.pods`: volume, containers, resources and custom additions of the Pods.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{
    Container, EnvFromSource, EnvVar, ResourceClaim, Volume, VolumeMount,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::core_shapes::lenient;
use super::{ManagementPolicy, Scheduling, UpdateStrategy};
use crate::schema::{STORAGE_SIZE, core};
use crate::values::QuantityValue;

type PerContainer<T> = BTreeMap<String, Vec<T>>;

/// Volume, containers, placement and renewal of the Pods.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Pods {
    /// The volume that holds an instance's data.
    pub persistent_volume: PersistentVolume,
    /// Leaves out the connection pooler: clients then connect to Postgres itself.
    #[serde(default)]
    pub disable_connection_pooling: bool,
    /// Leaves out Envoy, and with it the protocol metrics and the holding of clients while the
    /// primary changes. Envoy is on unless this is set to true.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disable_envoy: Option<bool>,
    /// Leaves out the container `postgres-util`, in which psql and its companions are at hand.
    #[serde(default)]
    pub disable_postgres_util: bool,
    /// Leaves out the metrics of Postgres. Deprecated: use
    /// `configurations.observability.disableMetrics`. Default: false.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disable_metrics_exporter: Option<bool>,
    /// Seconds that an instance gets to shut down before it is killed. Default: 60.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0))]
    pub termination_grace_period_seconds: Option<i64>,
    /// Numbers of the check that decides whether an instance gets clients.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub readiness_probe: Option<Probe>,
    /// Numbers of the check that decides whether an instance is restarted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub liveness_probe: Option<Probe>,
    /// Resources of single containers, over those of the SGInstanceProfile.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resources: Option<PodResources>,
    /// Where Pods may run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scheduling: Option<Scheduling>,
    /// `OrderedReady` (the default): instances are created one after the other. `Parallel`: all at
    /// once.
    #[serde(default)]
    pub management_policy: ManagementPolicy,
    /// When and how Pods are renewed after a change that needs it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub update_strategy: Option<UpdateStrategy>,
    /// Further volumes, as core/v1 Volume (one of configMap, downwardAPI, emptyDir, gitRepo,
    /// glusterfs, hostPath, nfs, persistentVolumeClaim, projected, secret). The prefix `custom-`
    /// is added to the name.
    #[serde(
        default,
        deserialize_with = "lenient",
        skip_serializing_if = "Vec::is_empty"
    )]
    #[schemars(schema_with = "super::custom_volumes::schema")]
    pub custom_volumes: Vec<Volume>,
    /// Further containers, as core/v1 Container. The prefix `custom-` is added to the name.
    #[serde(
        default,
        deserialize_with = "lenient",
        skip_serializing_if = "Vec::is_empty"
    )]
    #[schemars(schema_with = "core::<Vec<Container>>")]
    pub custom_containers: Vec<Container>,
    /// Further init containers, as core/v1 Container. They run after Howdah's own.
    #[serde(
        default,
        deserialize_with = "lenient",
        skip_serializing_if = "Vec::is_empty"
    )]
    #[schemars(schema_with = "core::<Vec<Container>>")]
    pub custom_init_containers: Vec<Container>,
    /// Further mounts, by container name, as core/v1 VolumeMount.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(schema_with = "core::<PerContainer<VolumeMount>>")]
    pub custom_volume_mounts: PerContainer<VolumeMount>,
    /// Further mounts of init containers, by container name, as core/v1 VolumeMount.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(schema_with = "core::<PerContainer<VolumeMount>>")]
    pub custom_init_volume_mounts: PerContainer<VolumeMount>,
    /// Further environment variables, by container name, as core/v1 EnvVar.
    #[serde(
        default,
        deserialize_with = "lenient",
        skip_serializing_if = "BTreeMap::is_empty"
    )]
    #[schemars(schema_with = "core::<PerContainer<EnvVar>>")]
    pub custom_env: PerContainer<EnvVar>,
    /// Further environment variables of init containers, by container name, as core/v1 EnvVar.
    #[serde(
        default,
        deserialize_with = "lenient",
        skip_serializing_if = "BTreeMap::is_empty"
    )]
    #[schemars(schema_with = "core::<PerContainer<EnvVar>>")]
    pub custom_init_env: PerContainer<EnvVar>,
    /// Sources of environment variables, by container name, as core/v1 EnvFromSource.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(schema_with = "core::<PerContainer<EnvFromSource>>")]
    pub custom_env_from: PerContainer<EnvFromSource>,
    /// Sources of environment variables of init containers, by container name, as core/v1
    /// EnvFromSource.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(schema_with = "core::<PerContainer<EnvFromSource>>")]
    pub custom_init_env_from: PerContainer<EnvFromSource>,
}

/// The volume that holds an instance's data.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PersistentVolume {
    /// Size of each instance's volume, in `Mi`, `Gi` or `Ti`, for example `5Gi`. It can be raised
    /// where the storage class allows it, and never lowered.
    #[schemars(length(max = 20), regex(pattern = STORAGE_SIZE))]
    pub size: String,
    /// Storage class of the volumes. Default: the default class of the Kubernetes cluster.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub storage_class: Option<String>,
    /// When the owner of the files is set at start: `Always`, or `OnRootMismatch` (faster on large
    /// volumes).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fs_group_change_policy: Option<FsGroupChangePolicy>,
}

/// When the owner of a volume's files is set.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
pub enum FsGroupChangePolicy {
    /// At every start.
    Always,
    /// Only where the volume's root has another owner.
    OnRootMismatch,
}

/// Numbers of a check; what is checked cannot be changed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Probe {
    /// Failures in a row after which the check counts as failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure_threshold: Option<i32>,
    /// Seconds from the container's start to the first check.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub initial_delay_seconds: Option<i32>,
    /// Seconds between two checks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub period_seconds: Option<i32>,
    /// Successes in a row after which the check counts as passed again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub success_threshold: Option<i32>,
    /// Seconds to shut down in, when this check has failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub termination_grace_period_seconds: Option<i64>,
    /// Seconds after which an unanswered check has failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout_seconds: Option<i32>,
}

/// Resources of single containers.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PodResources {
    /// Resources by container name, over those of the SGInstanceProfile.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub containers: BTreeMap<String, ContainerResources>,
    /// Resources by init container name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub init_containers: BTreeMap<String, ContainerResources>,
    /// Gives the containers beside Postgres the limits of the profile, not the requests only.
    #[serde(default)]
    pub enable_cluster_limits_requirements: bool,
    /// Takes the profile's requests as those of Postgres alone, not as those of the whole Pod.
    #[serde(default)]
    pub disable_resources_requests_split_from_total: bool,
    /// Refuses a profile whose other containers request more than the whole Pod. Without it
    /// Postgres then requests nothing.
    #[serde(default)]
    pub fail_when_total_is_higher: bool,
}

/// Resources of one container, as core/v1 ResourceRequirements.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ContainerResources {
    /// Most that the container may use, for example `cpu: 500m`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub limits: BTreeMap<String, QuantityValue>,
    /// What is set aside for the container.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub requests: BTreeMap<String, QuantityValue>,
    /// Claims of devices; as core/v1 ResourceClaim.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "core::<Vec<ResourceClaim>>")]
    pub claims: Vec<ResourceClaim>,
}
