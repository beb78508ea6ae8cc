//! What the entry points for fuzzers do with the parts of the API.

use std::sync::LazyLock;

use serde_json::{Value, json};

use super::builtin;
use super::fields::{self, Writer};
use super::resource::Resource;
use super::selector::{Fields, Labels};
use super::{body, crd, object, patches, protobuf, strategic, typed};
use crate::fuzzing::parts;

/// The largest input: what a body may be.
pub(crate) const LIMIT: usize = body::LIMIT;

static POD: LazyLock<Resource> = LazyLock::new(|| built_in("Pod"));
static MAP: LazyLock<Resource> = LazyLock::new(|| built_in("ConfigMap"));
static WIDGET: LazyLock<Resource> = LazyLock::new(widget);

fn built_in(kind: &str) -> Resource {
    let found = builtin::ALL.iter().find(|one| one.kind == kind);
    found.expect("a kind that is served").resource()
}

/// A kind with lists and maps that merge in every way there is.
fn widget() -> Resource {
    let text = json!({"type": "string"});
    let spec = json!({"type": "object", "properties": {
        "plain": {"type": "array", "items": text},
        "set": {"type": "array", "x-kubernetes-list-type": "set", "items": text},
        "containers": {"type": "array", "x-kubernetes-list-type": "map",
            "x-kubernetes-list-map-keys": ["name", "kind"], "items": {"type": "object",
            "required": ["name"], "properties": {"name": text, "v": text,
            "kind": {"type": "string", "default": "a"}}}},
        "labels": {"type": "object", "additionalProperties": text},
        "whole": {"type": "object", "x-kubernetes-map-type": "atomic",
            "x-kubernetes-preserve-unknown-fields": true},
        "any": {"x-kubernetes-preserve-unknown-fields": true},
    }});
    let definition = json!({"spec": {"group": "example.org", "scope": "Namespaced",
        "names": {"plural": "widgets", "kind": "Widget"},
        "versions": [{"name": "v1", "served": true, "storage": true,
            "schema": {"openAPIV3Schema": {"type": "object", "properties": {"spec": spec}}}}]}});
    let mut defined = crd::resources(&definition);
    defined.pop().expect("one version is served")
}

/// A value as a request brings it.
pub(crate) fn value(text: &[u8]) -> Option<Value> {
    body::plain_json(text).ok().map(|(value, _)| value)
}

/// An object and a patch of each kind.
pub(crate) fn patch(bytes: &[u8]) {
    let Some([live, patch]) = parts(bytes) else {
        return;
    };
    let (Some(live), Some(patch)) = (value(live), value(patch)) else {
        return;
    };
    patches::unknown_members(&patch);
    if let Ok(operations) = patches::operations(&patch)
        && let Ok(patched) = patches::json(&live, &operations)
    {
        assert!(body::check_depth(&patched).is_ok());
    }
    let merged = patches::merge(&live, &patch);
    assert_eq!(patches::merge(&merged, &patch), merged, "merged twice");
    for kind in [&*POD, &*MAP] {
        if let Ok(mut merged) = strategic::patch(&kind.shape(), &live, &patch) {
            assert!(body::check_depth(&merged).is_ok());
            let pruned = typed::prune(kind, &mut merged);
            assert!(
                pruned.is_err()
                    || typed::prune(kind, &mut merged).is_ok_and(|rest| rest.is_empty())
            );
        }
    }
}

fn writer(manager: &str) -> Writer<'_> {
    Writer {
        manager,
        subresource: "",
        time: "2026-01-01T00:00:00Z",
        api_version: "v1",
    }
}

/// An object, and what two managers apply.
pub(crate) fn apply(bytes: &[u8]) {
    let Some([live, one, two]) = parts(bytes) else {
        return;
    };
    let (Some(mut live), Some(mut one), Some(mut two)) = (value(live), value(one), value(two))
    else {
        return;
    };
    for value in [&mut live, &mut one, &mut two] {
        object::metadata_mut(value);
    }
    for applied in [&mut one, &mut two] {
        object::metadata_mut(applied).remove("managedFields");
    }
    for kind in [&*POD, &*WIDGET] {
        let problems = [&one, &two].map(|applied| fields::problems(kind, applied));
        if !problems.iter().all(Vec::is_empty) {
            continue;
        }
        let apply = |live: &Value, applied: &Value, manager| {
            fields::apply(kind, live, applied, &writer(manager), true)
                .expect("what is forced does not conflict")
        };
        let mut updated = live.clone();
        fields::update(kind, Some(&one), &mut updated, &writer("zero"));
        let first = apply(&updated, &one, "one");
        assert_eq!(apply(&first, &one, "one"), first, "applied twice");
        let second = apply(&first, &two, "two");
        assert_eq!(apply(&second, &two, "two"), second, "applied twice");
        let again = fields::apply(kind, &second, &two, &writer("two"), false);
        assert_eq!(again.ok().as_ref(), Some(&second), "conflicts with itself");
        let _ = fields::apply(kind, &second, &one, &writer("one"), false);
    }
}

/// A selector, and an object.
pub(crate) fn selector(bytes: &[u8]) {
    let Some([text, object]) = parts(bytes) else {
        return;
    };
    let Ok(text) = std::str::from_utf8(text) else {
        return;
    };
    let object = value(object).unwrap_or_default();
    if let Ok(labels) = Labels::parse(text) {
        let doubled = Labels::parse(&format!("{text},{text}"));
        // A requirement may be empty only at the end.
        if let Ok(doubled) = doubled {
            assert_eq!(doubled.matches(&object), labels.matches(&object));
        }
        assert!(!labels.is_empty() || labels.matches(&object));
    }
    if let Ok(fields) = Fields::parse(text, Some(&["spec.nodeName", "status.phase"])) {
        let _ = fields.name();
        assert!(!fields.is_empty() || fields.matches(&object));
        fields.matches(&object);
    }
}

/// A body in protobuf.
pub(crate) fn protobuf(bytes: &[u8]) {
    if bytes.len() > LIMIT {
        return;
    }
    for bytes in [bytes, &[b"k8s\0", bytes].concat()] {
        if let Some(value) = protobuf::decode(bytes) {
            assert!(value["kind"].is_string() && value["apiVersion"].is_string());
            assert!(body::check_depth(&value).is_ok());
        }
    }
}

/// A body in JSON or YAML.
pub(crate) fn body(bytes: &[u8]) {
    if bytes.len() > LIMIT {
        return;
    }
    let plain: Option<Value> = serde_json::from_slice(bytes).ok();
    if let Ok((value, doubles)) = body::plain_json(bytes) {
        assert_eq!(plain, Some(value), "the last of two fields counts");
        assert!(doubles.lines.is_empty());
    }
    let lined = body::lined(bytes);
    if let (Some(plain), Ok((value, doubles))) = (plain, lined)
        && doubles.lines.is_empty()
    {
        assert_eq!(plain, value);
    }
}
