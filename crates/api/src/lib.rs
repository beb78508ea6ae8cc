//! The `stackgres.io` kinds: structs, defaults, rules that need no other object, and the CRDs
//! generated from them.
//!
//! Doc comments on fields are user documentation: they are what `kubectl explain` prints.
//! This crate knows no clock, no client and nothing of what the operator does with an object.

#![forbid(unsafe_code)]

pub mod backup;
pub mod cert_manager;
pub mod cluster;
pub mod conditions;
pub mod control_record;
mod crds;
pub mod db_ops;
mod instance_profile;
pub mod labels;
pub mod object_storage;
mod pooling_config;
mod postgres_config;
mod schema;
mod script;
mod selectors;
mod structural;
mod values;

pub use backup::{BackupSpec, BackupStatus, SGBackup};
pub use cluster::{ClusterSpec, ClusterStatus, SGCluster};
pub use conditions::Condition;
pub use control_record::ControlRecord;
pub use crds::crds;
pub use db_ops::{DbOpsSpec, DbOpsStatus, SGDbOps};
pub use instance_profile::{
    ContainerProfile, ContainerRequest, HugePages, InstanceProfileSpec, ProfileRequests,
    SGInstanceProfile,
};
pub use object_storage::{ObjectStorageSpec, SGObjectStorage};
pub use pooling_config::{
    POOLING_BLOCKLIST, PgBouncer, PgBouncerIni, PgBouncerStatus, PoolingConfigSpec,
    PoolingConfigStatus, SGPoolingConfig,
};
pub use postgres_config::{
    POSTGRES_BLOCKLIST, PostgresConfigSpec, PostgresConfigStatus, SGPostgresConfig,
};
pub use script::{
    IsolationLevel, SGScript, ScriptEntry, ScriptEntryStatus, ScriptFrom, ScriptSpec, ScriptStatus,
};
pub use selectors::{ConfigMapKeySelector, SecretKeySelector};
pub use values::{IniValue, ParameterValue, QuantityValue};

/// API group of every kind.
pub const GROUP: &str = "stackgres.io";
