//! From a validated cluster to the objects that make it, one kind a file.
//!
//! Nothing here can fail, and equal inputs give equal bytes.

mod certificate;
mod claim;
mod config_map;
mod container;
mod disruption;
mod envoy;
mod network;
mod pgbouncer;
mod pod;
mod rbac;
mod secret;
mod service;
mod volume;

use k8s_openapi::api::core::v1::{
    ConfigMap, PersistentVolumeClaim, Pod, Secret, Service, ServiceAccount,
};
use k8s_openapi::api::networking::v1::NetworkPolicy;
use k8s_openapi::api::policy::v1::PodDisruptionBudget;
use k8s_openapi::api::rbac::v1::{Role, RoleBinding};

use crate::credentials::Credentials;
use crate::hash::hash;
use crate::instances::Selection;
use crate::metadata::generated_meta;
use crate::validated::{Generated, ValidatedCluster};

pub use certificate::certificate;
pub use rbac::instance_rights;
pub use secret::{credentials_secret, peer_secret, ssl_secret};

/// Everything that a cluster needs right now, besides its credentials.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Objects {
    /// Identity of the instances at the API server.
    pub service_account: ServiceAccount,
    /// What they may do.
    pub role: Role,
    /// Ties the two together.
    pub role_binding: RoleBinding,
    /// Connection details for applications.
    pub binding_secret: Secret,
    /// Configuration files of Postgres, and of what runs beside it.
    pub config_maps: Vec<ConfigMap>,
    /// How many instances may be evicted at once, where there are several.
    pub disruption_budget: Option<PodDisruptionBudget>,
    /// Who reaches the instances, where that is limited.
    pub network_policy: Option<NetworkPolicy>,
    /// Ways to the instances.
    pub services: Vec<Service>,
    /// Volumes of the instances that should exist, in the order of `pods`.
    pub claims: Vec<PersistentVolumeClaim>,
    /// Pods of the instances that should exist, first to start first.
    pub pods: Vec<Pod>,
    /// Configuration objects that are created once.
    pub generated: Generated,
}

/// Builds the objects of a cluster.
///
/// `may_bootstrap` says whether a Pod created now may initialise a new database.
pub fn build(
    cluster: &ValidatedCluster,
    credentials: &Credentials,
    selection: &Selection,
    may_bootstrap: bool,
) -> Objects {
    let config_maps = config_map::config_maps(cluster, credentials);
    let files = pod::Files {
        config_hash: config_hash(&config_maps, credentials),
        may_bootstrap,
        not_disruptible: selection.not_disruptible.as_ref(),
    };
    let desired = &selection.desired;
    Objects {
        service_account: rbac::service_account(cluster),
        role: rbac::role(cluster, selection),
        role_binding: rbac::role_binding(cluster),
        binding_secret: secret::binding_secret(cluster, credentials),
        disruption_budget: disruption::budget(cluster),
        network_policy: network::policy(cluster),
        services: service::services(cluster),
        claims: desired
            .iter()
            .map(|name| claim::claim(cluster, name))
            .collect(),
        pods: desired
            .iter()
            .map(|name| pod::pod(cluster, name, &files))
            .collect(),
        generated: generated(cluster),
        config_maps,
    }
}

/// Changes with anything that is mounted: a kubelet looks at a Pod's files when the Pod changes.
fn config_hash(config_maps: &[ConfigMap], credentials: &Credentials) -> String {
    let data: Vec<_> = config_maps.iter().map(|map| &map.data).collect();
    hash(&(data, credentials))
}

fn generated(cluster: &ValidatedCluster) -> Generated {
    let mut generated = cluster.generated.clone();
    if let Some(profile) = &mut generated.profile {
        profile.metadata = generated_meta(cluster, profile.metadata.name.take());
    }
    if let Some(config) = &mut generated.postgres_config {
        config.metadata = generated_meta(cluster, config.metadata.name.take());
    }
    if let Some(config) = &mut generated.pooling_config {
        config.metadata = generated_meta(cluster, config.metadata.name.take());
    }
    generated
}

#[cfg(test)]
mod tests;
