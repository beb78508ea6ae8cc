//! What is wrong with a cluster whatever the objects are that it refers to.

use howdah_types::PgMajor;

use super::configuration::{text, volume_size};
use super::{Inputs, Problems, Scope, binding, cluster_name, limits, user_hba};
use crate::ha;
use crate::invalid::Invalid;
use crate::parameters::{self, Blocked, Source};
use crate::pooling::{self, Layer};
use crate::unacted::unacted;
use crate::version;

/// Where a cluster sets parameters of Postgres itself.
const PARAMETERS: Source<'_> = Source {
    what: "the cluster",
    path: "spec.configurations.postgres.postgresql.conf",
};

/// Everything that [`super::validate`] would refuse too, and that no other object could mend; otherwise the paths
/// of what is set without effect. References and the catalogue are not looked at.
pub fn alone(inputs: Inputs<'_>) -> Result<Vec<String>, Vec<Invalid>> {
    let name = cluster_name(inputs.cluster).map_err(|problem| vec![problem])?;
    let namespace = inputs.cluster.metadata.namespace.as_deref();
    let scope = Scope {
        name: &name,
        namespace: namespace.unwrap_or_default(),
        inputs,
    };
    let spec = scope.spec();
    let mut problems = Problems::default();
    let mut without_effect = unacted(spec);
    let major = version::major(&spec.postgres.version, inputs.recorded_version);
    let major = problems.take(major.map_err(|problem| vec![problem]));
    problems.take(volume_size(scope));
    problems.take(limits::volume(scope));
    if let Some(major) = major.flatten() {
        let found = problems.take(parameters(scope, major));
        without_effect.extend(found.unwrap_or_default());
    }
    let found = problems.take(pooling(scope));
    without_effect.extend(found.unwrap_or_default());
    problems.take(user_hba(spec));
    problems.take(binding::binding(spec, inputs.references));
    problems.take(limits::instances(spec));
    problems.take(ha::settings(scope.name, spec));
    if problems.0.is_empty() {
        Ok(without_effect)
    } else {
        Err(problems.0)
    }
}

fn parameters(scope: Scope<'_>, major: PgMajor) -> Result<Vec<String>, Vec<Invalid>> {
    let configurations = scope.spec().configurations.as_ref();
    let Some(inline) = configurations.and_then(|c| c.postgres.as_ref()) else {
        return Ok(Vec::new());
    };
    let inline = text(&inline.postgresql_conf);
    parameters::of_one_source(major, PARAMETERS, &inline, Blocked::Drop)
}

fn pooling(scope: Scope<'_>) -> Result<Vec<String>, Vec<Invalid>> {
    let configurations = scope.spec().configurations.as_ref();
    let inline = configurations.and_then(|c| c.pooling.as_ref()?.pg_bouncer.as_ref());
    let layer = inline.and_then(|written| {
        let ini = written.pgbouncer_ini.as_ref()?;
        let path = "spec.configurations.pooling.pgBouncer.pgbouncer.ini";
        Some(Layer { path, ini })
    });
    pooling::of_one_layer(layer)
}
