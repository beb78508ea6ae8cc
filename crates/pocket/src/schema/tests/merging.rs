//! What server-side apply learns from a schema.

use serde_json::json;

use super::super::ListKind;
use super::with_spec;

#[test]
fn tells_how_lists_and_maps_merge() {
    let schema = with_spec(&json!({"type": "object", "properties": {
        "plain": {"type": "array", "items": {"type": "string"}},
        "set": {"type": "array", "x-kubernetes-list-type": "set", "items": {"type": "string"}},
        "map": {"type": "array", "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["a", "b"], "items": {
            "type": "object", "required": ["a", "b"],
            "properties": {"a": {"type": "string"}, "b": {"type": "integer"}, "deep": {"type": "object", "x-kubernetes-map-type": "atomic"}}}},
        "values": {"type": "object", "additionalProperties": {"type": "array", "x-kubernetes-list-type": "set", "items": {"type": "string"}}}
    }}));
    let spec = schema.root().child("spec");
    assert_eq!(spec.child("plain").list_kind(), ListKind::Atomic);
    assert_eq!(spec.child("set").list_kind(), ListKind::Set);
    assert_eq!(
        spec.child("map").list_kind(),
        ListKind::Map(vec!["a".to_owned(), "b".to_owned()])
    );
    assert!(spec.child("map").item().child("deep").is_atomic_map());
    assert!(!spec.is_atomic_map());
    assert_eq!(spec.child("values").child("any").list_kind(), ListKind::Set);
    let unknown = spec.child("unknown").item();
    assert!(!unknown.is_atomic_map());
    assert_eq!(unknown.list_kind(), ListKind::Atomic);
}
