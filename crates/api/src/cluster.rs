//! SGCluster: a Postgres cluster. Its parts have a module each.

mod autoscaling;
mod backups;
mod configurations;
mod core_shapes;
mod credentials;
mod custom_volumes;
mod initial_data;
mod managed_sql;
mod metadata;
mod non_production;
mod pods;
mod postgres;
mod replicate_from;
mod replication;
mod rollout;
mod rules;
mod scheduling;
mod services;
mod spec;
mod status;
mod status_operations;

pub use autoscaling::{
    Autoscaling, AutoscalingMode, HorizontalAutoscaling, ResourceBound, ResourceBounds,
    VerticalAutoscaling,
};
pub use backups::{BackupCompression, BackupConfiguration, BackupPerformance};
pub use configurations::{
    Binding, Configurations, InlinePooling, InlinePostgres, Observability, PatroniConfiguration,
    PostgresExporter,
};
pub use credentials::{Credentials, PatroniCredentials, UserCredentials, UsersCredentials};
pub use initial_data::{FromBackup, InitialData, PointInTimeRecovery, Restore};
pub use managed_sql::{ManagedSql, ManagedSqlScript};
pub use metadata::{ClusterMetadata, MetadataMaps};
pub use non_production::NonProductionOptions;
pub use pods::{
    ContainerResources, FsGroupChangePolicy, PersistentVolume, PodResources, Pods, Probe,
};
pub use postgres::{Flavor, Postgres, PostgresExtension, PostgresSsl};
pub use replicate_from::{
    ExternalInstance, ReplicateFrom, ReplicateFromInstance, ReplicateFromStorage,
    ReplicateFromUsers, SourceUser, StoragePerformance,
};
pub use replication::{
    GroupRole, InitializationMode, MainRole, Replication, ReplicationGroup,
    ReplicationInitialization, ReplicationMode, RestorePerformance,
};
pub use rollout::{ManagementPolicy, RolloutMethod, RolloutType, RolloutWindow, UpdateStrategy};
pub use scheduling::{BackupScheduling, Scheduling};
pub use services::{CustomPort, NodePorts, PostgresService, PostgresServices, ServiceType};
pub use spec::{ClusterSpec, DistributedLogsReference, InstalledExtension, Profile, SGCluster};
pub use status::{
    BindingStatus, ClusterStatus, ManagedScriptEntryStatus, ManagedScriptStatus, ManagedSqlStatus,
    PodStatus,
};
pub use status_operations::{ClusterDbOpsStatus, ClusterRolloutStatus, MajorVersionUpgradeState};
