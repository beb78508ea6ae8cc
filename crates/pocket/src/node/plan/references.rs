//! Which other objects a Pod refers to, and whether all of them have been looked up.

use std::collections::BTreeSet;

use k8s_openapi::api::core::v1::{Container, Pod, Volume};

use super::{Objects, spec};

/// Names of the objects, all in the Pod's own namespace.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct References {
    /// ConfigMaps.
    pub(crate) config_maps: BTreeSet<String>,
    /// Secrets.
    pub(crate) secrets: BTreeSet<String>,
    /// PersistentVolumeClaims.
    pub(crate) claims: BTreeSet<String>,
}

impl References {
    /// All that the Pod's volumes and environments name.
    pub(crate) fn of(pod: &Pod) -> Self {
        let spec = spec(pod);
        let mut found = Self::default();
        for container in spec
            .containers
            .iter()
            .chain(spec.init_containers.iter().flatten())
        {
            found.add_container(container);
        }
        for volume in spec.volumes.iter().flatten() {
            found.add_volume(volume);
        }
        found
    }

    /// Whether it is known of every object what it holds, or that it does not exist.
    pub(crate) fn are_known(&self, objects: &Objects) -> bool {
        self.config_maps
            .iter()
            .all(|name| objects.config_maps.contains_key(name))
            && self
                .secrets
                .iter()
                .all(|name| objects.secrets.contains_key(name))
            && self
                .claims
                .iter()
                .all(|name| objects.claims.contains_key(name))
    }

    fn add_container(&mut self, container: &Container) {
        for source in container.env_from.iter().flatten() {
            let map = source.config_map_ref.iter().map(|found| found.name.clone());
            self.config_maps.extend(map);
            self.secrets
                .extend(source.secret_ref.iter().map(|found| found.name.clone()));
        }
        let sources = container
            .env
            .iter()
            .flatten()
            .filter_map(|variable| variable.value_from.as_ref());
        for source in sources {
            let map = source
                .config_map_key_ref
                .iter()
                .map(|found| found.name.clone());
            self.config_maps.extend(map);
            self.secrets
                .extend(source.secret_key_ref.iter().map(|found| found.name.clone()));
        }
    }

    fn add_volume(&mut self, volume: &Volume) {
        self.config_maps
            .extend(volume.config_map.iter().map(|found| found.name.clone()));
        self.secrets.extend(
            volume
                .secret
                .iter()
                .filter_map(|found| found.secret_name.clone()),
        );
        let claim = volume.persistent_volume_claim.iter();
        self.claims
            .extend(claim.map(|found| found.claim_name.clone()));
        let projected = volume
            .projected
            .iter()
            .flat_map(|found| found.sources.iter().flatten());
        for source in projected {
            self.config_maps
                .extend(source.config_map.iter().map(|found| found.name.clone()));
            self.secrets
                .extend(source.secret.iter().map(|found| found.name.clone()));
        }
    }
}
