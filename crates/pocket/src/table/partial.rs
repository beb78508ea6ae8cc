//! Objects reduced to their metadata.

use serde_json::{Value, json};

/// The metadata of an object as a document of its own.
pub(crate) fn partial_metadata(object: &Value) -> Value {
    let metadata = object.get("metadata").cloned().unwrap_or_else(|| json!({}));
    json!({"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": metadata})
}

/// A list of objects reduced to their metadata; `metadata` is that of the list.
pub(crate) fn partial_metadata_list<'a>(
    objects: impl IntoIterator<Item = &'a Value>,
    metadata: &Value,
) -> Value {
    let items: Vec<Value> = objects.into_iter().map(partial_metadata).collect();
    json!({"kind": "PartialObjectMetadataList", "apiVersion": "meta.k8s.io/v1", "metadata": metadata, "items": items})
}
