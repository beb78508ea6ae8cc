//! The root of SGCluster and the top level of its specification.

use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    Autoscaling, ClusterMetadata, ClusterStatus, Configurations, InitialData, ManagedSql,
    NonProductionOptions, Pods, Postgres, PostgresServices, ReplicateFrom, Replication, rules,
};

/// What the cluster should be.
#[derive(CustomResource, Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[kube(
    group = "stackgres.io",
    version = "v1",
    kind = "SGCluster",
    plural = "sgclusters",
    singular = "sgcluster",
    shortname = "sgclu",
    namespaced,
    status = "ClusterStatus",
    derive = "PartialEq",
    doc = "A Postgres cluster: a primary, its replicas, and all that runs beside them.",
    scale(
        spec_replicas_path = ".spec.instances",
        status_replicas_path = ".status.instances",
        label_selector_path = ".status.labelSelector"
    ),
    printcolumn = r#"{"name": "Version", "type": "string", "jsonPath": ".status.postgresVersion", "description": "Version of Postgres in use"}"#,
    printcolumn = r#"{"name": "Flavor", "type": "string", "jsonPath": ".spec.postgres.flavor", "priority": 1, "description": "Flavor of Postgres"}"#,
    printcolumn = r#"{"name": "Instances", "type": "integer", "jsonPath": ".spec.instances", "description": "Number of instances wanted"}"#,
    printcolumn = r#"{"name": "Profile", "type": "string", "jsonPath": ".spec.sgInstanceProfile", "description": "SGInstanceProfile of the instances"}"#,
    printcolumn = r#"{"name": "Disk", "type": "string", "jsonPath": ".spec.pods.persistentVolume.size", "description": "Size of each instance's volume"}"#,
    printcolumn = r#"{"name": "Age", "type": "date", "jsonPath": ".metadata.creationTimestamp"}"#,
    printcolumn = r#"{"name": "Replication", "type": "string", "jsonPath": ".spec.replication.mode", "priority": 1, "description": "How commits reach the replicas"}"#,
    printcolumn = r#"{"name": "Backup Object Storage", "type": "string", "jsonPath": ".spec.configurations.backups[0].sgObjectStorage", "priority": 1, "description": "SGObjectStorage of the backups"}"#,
    printcolumn = r#"{"name": "Backup Schedule", "type": "string", "jsonPath": ".spec.configurations.backups[0].cronSchedule", "priority": 1, "description": "When backups are taken"}"#
)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-validations" = rules::cluster()))]
pub struct ClusterSpec {
    /// Set of defaults to start from: `production`, `testing` or `development`. Production keeps
    /// instances on different nodes and sets resource requests; testing lets instances share a
    /// node; development sets no resource requests either. `nonProductionOptions` override it.
    #[serde(default)]
    pub profile: Profile,
    /// Version and variant of Postgres, its extensions and its TLS.
    pub postgres: Postgres,
    /// Number of instances: one is the primary, the others are replicas. 0 stops the cluster and
    /// keeps its data.
    #[schemars(range(min = 0))]
    pub instances: i32,
    /// Scaling by load. It needs KEDA (number of instances) or VPA (their size) in the Kubernetes
    /// cluster.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub autoscaling: Option<Autoscaling>,
    /// How changes reach the replicas and what the replicas are for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replication: Option<Replication>,
    /// Name of the SGInstanceProfile that sets CPU and memory. Without it the operator creates
    /// `<cluster>-default`: 1 CPU and 2Gi.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sg_instance_profile: Option<String>,
    /// Labels and annotations added to the objects that belong to the cluster.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metadata: Option<ClusterMetadata>,
    /// The Services through which clients reach the primary and the replicas.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub postgres_services: Option<PostgresServices>,
    /// Volume, containers, placement and renewal of the Pods.
    pub pods: Pods,
    /// Configuration of Postgres and of all that runs beside it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub configurations: Option<Configurations>,
    /// SQL that the operator runs on the primary.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub managed_sql: Option<ManagedSql>,
    /// Where the first data comes from. It has effect only while the cluster is created.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub initial_data: Option<InitialData>,
    /// Makes this cluster a standby that follows another one. Remove the section to promote it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replicate_from: Option<ReplicateFrom>,
    /// Sends the logs of Postgres to a log server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub distributed_logs: Option<DistributedLogsReference>,
    /// Switches off safety measures, for places where they cannot be met.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub non_production_options: Option<NonProductionOptions>,
    /// Extensions to install, resolved to builds. Filled by the operator; leave it out.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub to_install_postgres_extensions: Vec<InstalledExtension>,
}

/// Set of defaults to start from.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "camelCase")]
pub enum Profile {
    /// Instances on different nodes, resources requested.
    #[default]
    Production,
    /// Instances may share a node.
    Testing,
    /// Instances may share a node, and no resources are requested.
    Development,
}

/// Where the logs go.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DistributedLogsReference {
    /// Name of the SGDistributedLogs, or `<namespace>.<name>` for one in another namespace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sg_distributed_logs: Option<String>,
    /// How long logs are kept, for example `7 days`. Units: minutes, hours, days, months.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = r"^[0-9]+ (minutes?|hours?|days?|months?)"))]
    pub retention: Option<String>,
}

/// An extension resolved to one build.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct InstalledExtension {
    /// Name of the extension.
    pub name: String,
    /// Who publishes it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub publisher: Option<String>,
    /// Its version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// Where it is downloaded from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repository: Option<String>,
    /// Version of Postgres it is built for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub postgres_version: Option<String>,
    /// Build it belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub build: Option<String>,
    /// Further files that must be mounted for it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub extra_mounts: Vec<String>,
}
