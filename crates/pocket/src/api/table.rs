//! Objects as tables for people.

use serde_json::{Value, json};

use super::resource::Resource;
use super::{Time, object};

/// An object reduced to its metadata.
pub(super) fn metadata_only(object: &Value) -> Value {
    json!({"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1",
        "metadata": object["metadata"]})
}

/// Objects as a table.
pub(super) fn render(
    _resource: &Resource,
    objects: &[Value],
    metadata: Value,
    _now: Time,
    _include: Option<&str>,
) -> Value {
    let rows: Vec<Value> = objects
        .iter()
        .map(|one| json!({"cells": [object::meta(one, "name")], "object": metadata_only(one)}))
        .collect();
    json!({"kind": "Table", "apiVersion": "meta.k8s.io/v1", "metadata": metadata,
        "columnDefinitions": [{"name": "Name", "type": "string", "format": "name",
            "description": "", "priority": 0}], "rows": rows})
}
