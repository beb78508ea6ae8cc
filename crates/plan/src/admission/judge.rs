//! What is refused.

use howdah_api::{
    SGBackup, SGCluster, SGDbOps, SGInstanceProfile, SGObjectStorage, SGPoolingConfig,
    SGPostgresConfig, SGScript,
};
use howdah_types::PgMajor;
use howdah_types::catalogue::Catalogue;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::{Kind, Known};
use crate::invalid::Invalid;
use crate::parameters::{self, Blocked, Source};
use crate::pooling::{self, Layer};
use crate::references::References;
use crate::resources;
use crate::validate::{Inputs, alone, text};

/// End of the names that the operator gives to objects of its own.
const OWN: &str = "-default";

/// Warnings for the writer of an object, or everything that is wrong with the object by itself.
pub fn judge(kind: Kind, object: &Value, known: Known) -> Result<Vec<String>, Vec<Invalid>> {
    let without_effect = match kind {
        Kind::Cluster => cluster(&readable(kind, object)?, known)?,
        Kind::InstanceProfile => profile(&readable(kind, object)?)?,
        Kind::PoolingConfig => pooling_config(&readable(kind, object)?)?,
        Kind::PostgresConfig => postgres_config(&readable(kind, object)?)?,
        Kind::Backup => return readable::<SGBackup>(kind, object).map(|_| kept_only(kind)),
        Kind::DbOps => return readable::<SGDbOps>(kind, object).map(|_| kept_only(kind)),
        Kind::ObjectStorage => {
            return readable::<SGObjectStorage>(kind, object).map(|_| kept_only(kind));
        }
        Kind::Script => {
            script(&readable(kind, object)?)?;
            return Ok(kept_only(kind));
        }
    };
    let told = without_effect.into_iter();
    Ok(told
        .map(|path| format!("set without effect: {path}"))
        .collect())
}

/// What is said about kinds that nothing acts on yet.
fn kept_only(kind: Kind) -> Vec<String> {
    let kind = kind.as_str();
    vec![format!(
        "this {kind} is kept, but Howdah does not act on any {kind} yet"
    )]
}

/// An object that the operator cannot read is of no use to anybody.
fn readable<T: DeserializeOwned>(kind: Kind, object: &Value) -> Result<T, Vec<Invalid>> {
    T::deserialize(object).map_err(|error| {
        let message = format!("this {} cannot be read: {error}", kind.as_str());
        vec![Invalid::config("spec", message)]
    })
}

fn cluster(cluster: &SGCluster, known: Known) -> Result<Vec<String>, Vec<Invalid>> {
    alone(Inputs {
        cluster,
        references: &References::default(),
        catalogue: &Catalogue::default(),
        recorded_version: known.recorded_version,
        largest_volume: known.largest_volume,
        operator_version: "",
        network_policies: false,
    })
}

fn profile(profile: &SGInstanceProfile) -> Result<Vec<String>, Vec<Invalid>> {
    let name = profile.metadata.name.as_deref().unwrap_or_default();
    resources::check(name, &profile.spec).map(|()| Vec::new())
}

fn pooling_config(config: &SGPoolingConfig) -> Result<Vec<String>, Vec<Invalid>> {
    let written = config.spec.pg_bouncer.as_ref();
    pooling::of_one_layer(written.and_then(|written| {
        let ini = written.pgbouncer_ini.as_ref()?;
        let path = "spec.pgBouncer.pgbouncer.ini";
        Some(Layer { path, ini })
    }))
}

fn postgres_config(config: &SGPostgresConfig) -> Result<Vec<String>, Vec<Invalid>> {
    // What is no major version is refused by the definition of the kind.
    let Ok(major) = config.spec.postgres_version.trim().parse::<PgMajor>() else {
        return Ok(Vec::new());
    };
    let source = Source {
        what: "this SGPostgresConfig",
        path: "spec.postgresql.conf",
    };
    let written = text(&config.spec.postgresql_conf);
    parameters::of_one_source(major, source, &written, Blocked::Refuse)
}

fn script(script: &SGScript) -> Result<(), Vec<Invalid>> {
    let name = script.metadata.name.as_deref().unwrap_or_default();
    if name.ends_with(OWN) {
        let message = format!("must not end with {OWN}: such names are the operator's own");
        return Err(vec![Invalid::reserved("metadata.name", message)]);
    }
    Ok(())
}
