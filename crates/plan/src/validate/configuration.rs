//! The configuration objects: present or generated, of the right major version, and what follows.

use std::collections::BTreeMap;

use howdah_api::{ParameterValue, SGInstanceProfile, SGPoolingConfig, SGPostgresConfig};
use howdah_types::{PgVersion, Quantity};

use super::Scope;
use crate::defaults;
use crate::invalid::Invalid;
use crate::parameters::{self, Capacity, Effective, Layers, Parameters, Source};
use crate::pooling::{self, Layer, Pooling};
use crate::references::{Wanted, wanted_pooling_config, wanted_postgres_config, wanted_profile};
use crate::resources::{Resources, resources};
use crate::validated::Generated;

/// What the configuration objects come to.
pub(super) struct Configuration {
    pub(super) resources: Resources,
    pub(super) parameters: Parameters,
    pub(super) pooling: Option<Pooling>,
    pub(super) not_acted_on: Vec<String>,
    pub(super) generated: Generated,
    pub(super) postgres_config: String,
}

/// Without a version nothing about Postgres can be said, but the other references are checked.
pub(super) fn configuration(
    scope: Scope<'_>,
    version: Option<PgVersion>,
) -> Result<Configuration, Vec<Invalid>> {
    let mut problems = super::Problems::default();
    let profile = problems.take(profile(scope));
    let pooling_config = problems.take(pooling_config(scope));
    let resources = profile
        .as_ref()
        .and_then(|(name, profile, _)| problems.take(resources(scope.spec(), name, &profile.spec)));
    let capacity = resources
        .as_ref()
        .and_then(|r| problems.take(capacity(scope, r)));
    let postgres = version.and_then(|version| problems.take(postgres_config(scope, version)));
    let (Some(version), Some(capacity), Some((wanted, config, config_missing))) =
        (version, capacity, postgres)
    else {
        return Err(problems.0);
    };
    let effective = problems.take(effective(scope, version, capacity, &config));
    let pooling =
        pooling_config
            .as_ref()
            .zip(effective.as_ref())
            .and_then(|((config, _), effective)| {
                problems.take(pooling(scope, config, &effective.parameters))
            });
    let (
        Some((_, profile, profile_missing)),
        Some(resources),
        Some(effective),
        Some((pooler, pooler_missing)),
        Some(pooling),
    ) = (profile, resources, effective, pooling_config, pooling)
    else {
        return Err(problems.0);
    };
    let mut not_acted_on = effective.not_acted_on;
    not_acted_on.extend(pooling.not_acted_on);
    Ok(Configuration {
        resources,
        parameters: effective.parameters,
        pooling: (!scope.spec().pods.disable_connection_pooling).then_some(pooling.pooling),
        not_acted_on,
        generated: Generated {
            profile: profile_missing.then_some(profile),
            postgres_config: config_missing.then_some(config),
            pooling_config: pooler_missing.then_some(pooler),
        },
        postgres_config: wanted.name,
    })
}

/// The profile, and whether it has to be created.
fn profile(scope: Scope<'_>) -> Result<(String, SGInstanceProfile, bool), Vec<Invalid>> {
    let wanted = wanted_profile(scope.name, scope.spec());
    let name = wanted.name.clone();
    match &scope.inputs.references.profile {
        Some(found) => Ok((name, found.clone(), false)),
        None if wanted.generated => Ok((name.clone(), defaults::profile(&name), true)),
        None => Err(missing(
            scope,
            "SGInstanceProfile",
            &name,
            "spec.sgInstanceProfile",
        )),
    }
}

fn postgres_config(
    scope: Scope<'_>,
    version: PgVersion,
) -> Result<(Wanted, SGPostgresConfig, bool), Vec<Invalid>> {
    const FIELD: &str = "spec.configurations.sgPostgresConfig";
    let major = version.major();
    let wanted = wanted_postgres_config(scope.name, scope.spec(), major);
    let found = match &scope.inputs.references.postgres_config {
        Some(found) => found.clone(),
        None if wanted.generated => {
            let config = defaults::postgres_config(&wanted.name, major);
            return Ok((wanted, config, true));
        }
        None => return Err(missing(scope, "SGPostgresConfig", &wanted.name, FIELD)),
    };
    let of = found.spec.postgres_version.trim();
    if of != major.to_string() {
        let message = format!(
            "SGPostgresConfig \"{}\" is for Postgres {of}, but this cluster runs Postgres {version}; \
             name one for Postgres {major}",
            wanted.name,
        );
        return Err(vec![Invalid::config(FIELD, message)]);
    }
    Ok((wanted, found, false))
}

/// The pooler's configuration, and whether it has to be created.
fn pooling_config(scope: Scope<'_>) -> Result<(SGPoolingConfig, bool), Vec<Invalid>> {
    let wanted = wanted_pooling_config(scope.name, scope.spec());
    match &scope.inputs.references.pooling_config {
        Some(found) => Ok((found.clone(), false)),
        None if wanted.generated => Ok((defaults::pooling_config(&wanted.name), true)),
        None => {
            let field = "spec.configurations.sgPoolingConfig";
            Err(missing(scope, "SGPoolingConfig", &wanted.name, field))
        }
    }
}

fn pooling(
    scope: Scope<'_>,
    config: &SGPoolingConfig,
    parameters: &Parameters,
) -> Result<pooling::Effective, Vec<Invalid>> {
    let name = config.metadata.name.as_deref().unwrap_or_default();
    let path = format!("SGPoolingConfig/{name}.spec.pgBouncer.pgbouncer.ini");
    let own = config.spec.pg_bouncer.as_ref();
    let configurations = scope.spec().configurations.as_ref();
    let inline = configurations.and_then(|c| c.pooling.as_ref()?.pg_bouncer.as_ref());
    let layers: Vec<_> = [
        (path.as_str(), own),
        (
            "spec.configurations.pooling.pgBouncer.pgbouncer.ini",
            inline,
        ),
    ]
    .into_iter()
    .filter_map(|(path, written)| {
        let ini = written?.pgbouncer_ini.as_ref()?;
        Some(Layer { path, ini })
    })
    .collect();
    let connections = parameters.get("max_connections");
    let connections = connections.and_then(|value| value.parse().ok());
    pooling::effective(&layers, connections.unwrap_or(100))
}

fn capacity(scope: Scope<'_>, resources: &Resources) -> Result<Capacity, Vec<Invalid>> {
    Ok(Capacity {
        cpu_millis: resources.cpu_millis,
        memory: resources.memory,
        volume: volume_size(scope)?.units(),
    })
}

/// The size of each data volume.
pub(super) fn volume_size(scope: Scope<'_>) -> Result<Quantity, Vec<Invalid>> {
    let size = &scope.spec().pods.persistent_volume.size;
    size.parse().map_err(|error| {
        let field = "spec.pods.persistentVolume.size";
        vec![Invalid::config(field, format!("{error}"))]
    })
}

fn effective(
    scope: Scope<'_>,
    version: PgVersion,
    capacity: Capacity,
    config: &SGPostgresConfig,
) -> Result<Effective, Vec<Invalid>> {
    let name = config.metadata.name.as_deref().unwrap_or_default();
    let inline = scope
        .spec()
        .configurations
        .as_ref()
        .and_then(|c| c.postgres.as_ref())
        .map(|postgres| text(&postgres.postgresql_conf))
        .unwrap_or_default();
    parameters::effective(&Layers {
        major: version.major(),
        capacity,
        config: (
            Source {
                what: &format!("SGPostgresConfig \"{name}\""),
                path: &format!("SGPostgresConfig/{name}.spec.postgresql.conf"),
            },
            &text(&config.spec.postgresql_conf),
        ),
        inline: (
            Source {
                what: "the cluster",
                path: "spec.configurations.postgres.postgresql.conf",
            },
            &inline,
        ),
    })
}

/// Parameters as they stand in files.
pub(crate) fn text(parameters: &BTreeMap<String, ParameterValue>) -> Parameters {
    parameters
        .iter()
        .map(|(name, value)| (name.clone(), value.to_string()))
        .collect()
}

fn missing(scope: Scope<'_>, kind: &str, name: &str, field: &str) -> Vec<Invalid> {
    let namespace = scope.namespace;
    vec![Invalid::config(
        field,
        format!(
            "{kind} \"{name}\" named in {field} does not exist in namespace \"{namespace}\"; \
             create it or remove the reference"
        ),
    )]
}
