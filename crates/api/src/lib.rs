//! The `stackgres.io` kinds: structs, defaults, rules that need no other object, and the CRDs
//! generated from them.
//!
//! Doc comments on fields are user documentation: they are what `kubectl explain` prints.
//! This crate knows no clock, no client and nothing of what the operator does with an object.

#![forbid(unsafe_code)]

pub mod cluster;
pub mod conditions;
mod instance_profile;
pub mod labels;
mod pooling_config;
mod postgres_config;
mod schema;
mod selectors;
mod values;

pub use cluster::{ClusterSpec, ClusterStatus, SGCluster};
pub use conditions::Condition;
pub use instance_profile::{
    ContainerProfile, ContainerRequest, HugePages, InstanceProfileSpec, ProfileRequests,
    SGInstanceProfile,
};
pub use pooling_config::{
    POOLING_BLOCKLIST, PgBouncer, PgBouncerIni, PgBouncerStatus, PoolingConfigSpec,
    PoolingConfigStatus, SGPoolingConfig,
};
pub use postgres_config::{
    POSTGRES_BLOCKLIST, PostgresConfigSpec, PostgresConfigStatus, SGPostgresConfig,
};
pub use selectors::{ConfigMapKeySelector, SecretKeySelector};
pub use values::{IniValue, ParameterValue, QuantityValue};

/// API group of every kind.
pub const GROUP: &str = "stackgres.io";
