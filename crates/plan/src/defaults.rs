//! The configuration objects that are created for a cluster whose user names none.
//!
//! They are created once and belong to the user from then on: an edit is never taken back.

use std::collections::BTreeMap;

use howdah_api::{
    InstanceProfileSpec, ParameterValue, PgBouncerStatus, PoolingConfigSpec, PoolingConfigStatus,
    PostgresConfigSpec, PostgresConfigStatus, SGInstanceProfile, SGPoolingConfig, SGPostgresConfig,
};
use howdah_types::PgMajor;

use crate::parameters::{builtin, is_blocked};
use crate::pooling;

/// One CPU and 2Gi.
pub(crate) fn profile(name: &str) -> SGInstanceProfile {
    SGInstanceProfile::new(name, InstanceProfileSpec::default())
}

/// No parameter at all, so that what is derived from the instance profile is in force.
pub(crate) fn postgres_config(name: &str, major: PgMajor) -> SGPostgresConfig {
    let spec = PostgresConfigSpec {
        postgres_version: major.to_string(),
        postgresql_conf: BTreeMap::new(),
    };
    let mut config = SGPostgresConfig::new(name, spec);
    config.status = Some(PostgresConfigStatus {
        default_parameters: builtin(major)
            .into_iter()
            .filter(|(name, _)| !is_blocked(name))
            .map(|(name, value)| (name, ParameterValue(value)))
            .collect(),
    });
    config
}

/// No setting at all.
pub(crate) fn pooling_config(name: &str) -> SGPoolingConfig {
    let mut config = SGPoolingConfig::new(name, PoolingConfigSpec::default());
    config.status = Some(PoolingConfigStatus {
        pg_bouncer: Some(PgBouncerStatus {
            default_parameters: pooling::defaults(),
        }),
    });
    config
}
