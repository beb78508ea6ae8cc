//! Schema of `spec.pods.customVolumes`: core/v1 Volume with the sources that are supported.

use k8s_openapi::api::core::v1::Volume;
use schemars::{Schema, SchemaGenerator};
use serde_json::Value;

use crate::schema::core;

const FIELDS: [&str; 11] = [
    "configMap",
    "downwardAPI",
    "emptyDir",
    "gitRepo",
    "glusterfs",
    "hostPath",
    "name",
    "nfs",
    "persistentVolumeClaim",
    "projected",
    "secret",
];

/// Schema of the list.
pub(super) fn schema(generator: &mut SchemaGenerator) -> Schema {
    let mut schema = core::<Vec<Volume>>(generator);
    if let Some(Value::Object(properties)) = schema.pointer_mut("/items/properties") {
        properties.retain(|name, _| FIELDS.contains(&name.as_str()));
    }
    schema
}
