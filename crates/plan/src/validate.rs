//! From a manifest and what it refers to, to a cluster that can be built, or to everything that is
//! wrong with it at once.
//!
//! References may appear later than the cluster, so at admission only what [`alone`] looks at is refused.

mod alone;
mod binding;
mod configuration;
mod images;
mod limits;
mod secrets;

use std::collections::BTreeMap;

use howdah_api::SGCluster;
use howdah_api::cluster::ClusterSpec;
use howdah_types::catalogue::Catalogue;
use howdah_types::{ClusterName, PgVersion, Quantity};

use crate::cert_manager;
use crate::ha;
use crate::hba;
use crate::invalid::Invalid;
use crate::proxy::{self, Proxy};
use crate::references::References;
use crate::resources::anti_affinity;
use crate::roles::Roles;
use crate::server_tls::ServerTls;
use crate::unacted::unacted;
use crate::validated::ValidatedCluster;
use crate::version;

pub use alone::alone;
pub(crate) use configuration::text;

/// Everything that `validate` looks at.
#[derive(Debug, Clone, Copy)]
pub struct Inputs<'a> {
    /// The manifest.
    pub cluster: &'a SGCluster,
    /// What was found of the objects it refers to.
    pub references: &'a References,
    /// What can be run.
    pub catalogue: &'a Catalogue,
    /// The version that existing data was made with.
    pub recorded_version: Option<PgVersion>,
    /// Size of the largest existing data volume.
    pub largest_volume: Option<Quantity>,
    /// Version of the operator.
    pub operator_version: &'a str,
    /// Whether who reaches the instances is limited.
    pub network_policies: bool,
}

/// Proves a cluster buildable, or lists what is wrong.
pub fn validate(inputs: Inputs<'_>) -> Result<ValidatedCluster, Vec<Invalid>> {
    let spec = &inputs.cluster.spec;
    let metadata = &inputs.cluster.metadata;
    let name = cluster_name(inputs.cluster).map_err(|problem| vec![problem])?;
    let namespace = metadata.namespace.clone().unwrap_or_default();

    let mut problems = Problems::default();
    let version = version::resolve(
        &spec.postgres.version,
        inputs.catalogue,
        inputs.recorded_version,
    );
    let version = problems.take(version.map_err(|problem| vec![problem]));
    let scope = Scope {
        name: &name,
        namespace: &namespace,
        inputs,
    };
    let configuration = problems.take(configuration::configuration(scope, version));
    let hba_rules = problems.take(user_hba(spec));
    let provided = problems.take(secrets::provided(scope));
    let server_tls = problems.take(secrets::server_tls(scope));
    let binding = problems.take(binding::binding(spec, inputs.references));
    let instances = problems.take(limits::instances(spec));
    let ha = problems.take(ha::settings(&name, spec));
    let images = problems.take(images::images(scope, version));
    problems.take(limits::volume(scope));

    let found = (
        version,
        configuration,
        hba_rules,
        provided,
        binding,
        instances,
        ha,
        images,
        server_tls,
    );
    let (
        Some(version),
        Some(configuration),
        Some(hba_rules),
        Some(provided_credentials),
        Some(binding),
        Some(instances),
        Some(ha),
        Some(images),
        Some(server_tls),
    ) = found
    else {
        return Err(problems.0);
    };
    if !problems.0.is_empty() {
        return Err(problems.0);
    }
    let proxy = proxy::proxy(spec, &hba_rules, configuration.resources.cpu_millis);
    let not_acted_on = not_acted_on(scope, configuration.not_acted_on, proxy, &server_tls);
    Ok(ValidatedCluster {
        images,
        uid: metadata.uid.clone().unwrap_or_default(),
        name,
        namespace,
        instances,
        version,
        parameters: configuration.parameters,
        pooling: configuration.pooling,
        proxy,
        ha,
        roles: Roles::new(instances, &spec.replication.clone().unwrap_or_default()),
        hba_rules,
        resources: configuration.resources,
        anti_affinity: anti_affinity(spec),
        binding,
        provided_credentials,
        server_tls,
        generated: configuration.generated,
        postgres_config: configuration.postgres_config,
        not_acted_on,
        operator_version: inputs.operator_version.to_owned(),
        network_policies: inputs.network_policies,
        spec: spec.clone(),
    })
}

/// What is told of a wish for cert-manager that has no effect.
const WITHOUT_CERT_MANAGER: &str =
    "metadata.annotations[cert-manager.io/issuer] (no TLS, or no cert-manager)";

fn not_acted_on(
    scope: Scope<'_>,
    of_files: Vec<String>,
    proxy: Option<Proxy>,
    tls: &ServerTls,
) -> Vec<String> {
    let spec = scope.spec();
    let mut found = unacted(spec);
    found.extend(of_files);
    if proxy.is_none() && spec.pods.disable_envoy == Some(false) {
        found.push("spec.pods.disableEnvoy".to_owned());
    }
    let is_issued = matches!(tls, ServerTls::Issued { .. });
    if scope.annotations().is_some_and(cert_manager::is_asked) && !is_issued {
        found.push(WITHOUT_CERT_MANAGER.to_owned());
    }
    found
}

/// The cluster being validated, under the names that messages use.
#[derive(Clone, Copy)]
struct Scope<'a> {
    name: &'a ClusterName,
    namespace: &'a str,
    inputs: Inputs<'a>,
}

impl<'a> Scope<'a> {
    fn spec(self) -> &'a ClusterSpec {
        &self.inputs.cluster.spec
    }

    fn annotations(self) -> Option<&'a BTreeMap<String, String>> {
        self.inputs.cluster.metadata.annotations.as_ref()
    }
}

/// Collects the findings of all parts.
#[derive(Default)]
struct Problems(Vec<Invalid>);

impl Problems {
    fn take<T>(&mut self, result: Result<T, Vec<Invalid>>) -> Option<T> {
        result.map_err(|problems| self.0.extend(problems)).ok()
    }
}

fn cluster_name(cluster: &SGCluster) -> Result<ClusterName, Invalid> {
    let name = cluster.metadata.name.as_deref().unwrap_or_default();
    name.parse()
        .map_err(|error| Invalid::config("metadata.name", format!("{error}")))
}

/// The rules in `dynamicConfig.postgresql.pg_hba`, which is a free object for the API.
fn user_hba(spec: &ClusterSpec) -> Result<Vec<String>, Vec<Invalid>> {
    let dynamic = ha::dynamic_config(spec);
    let Some(rules) = dynamic.and_then(|config| config.get("postgresql")?.get("pg_hba")) else {
        return Ok(Vec::new());
    };
    let rules: Vec<String> = serde_json::from_value(rules.clone())
        .map_err(|_| vec![Invalid::config(hba::FIELD, "must be a list of texts")])?;
    hba::check(&rules)?;
    Ok(rules)
}

#[cfg(test)]
mod tests;
