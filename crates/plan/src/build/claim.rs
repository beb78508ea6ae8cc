//! The volume of one instance.

use std::collections::BTreeMap;

use howdah_api::labels;
use howdah_types::InstanceName;
use k8s_openapi::api::core::v1::{
    PersistentVolumeClaim, PersistentVolumeClaimSpec, VolumeResourceRequirements,
};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;

use crate::metadata::{Class, object_meta};
use crate::names;
use crate::validated::ValidatedCluster;

/// The version stays on the claim so that data whose cluster lost its status is never handed to
/// another major version.
pub(super) fn claim(cluster: &ValidatedCluster, instance: &InstanceName) -> PersistentVolumeClaim {
    let volume = &cluster.spec.pods.persistent_volume;
    let mut metadata = object_meta(cluster, names::data_claim(instance), Class::Other);
    metadata.annotations.get_or_insert_default().insert(
        labels::POSTGRESQL_VERSION.to_owned(),
        cluster.version.to_string(),
    );
    PersistentVolumeClaim {
        metadata,
        spec: Some(PersistentVolumeClaimSpec {
            access_modes: Some(vec!["ReadWriteOnce".to_owned()]),
            storage_class_name: volume.storage_class.clone(),
            resources: Some(VolumeResourceRequirements {
                requests: Some(BTreeMap::from([(
                    "storage".to_owned(),
                    Quantity(volume.size.clone()),
                )])),
                ..VolumeResourceRequirements::default()
            }),
            ..PersistentVolumeClaimSpec::default()
        }),
        ..PersistentVolumeClaim::default()
    }
}
