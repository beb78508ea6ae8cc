//! Entry points for fuzzers and for tests that feed any bytes: each panics only if the crate breaks a promise.
//!
//! The promises: no input panics, overflows the stack or runs without end; what is done twice is done once; what
//! was read can be told from what was meant. The parts of an input (an object, a patch, ...) are lines.

use serde_json::{Value, json};

use crate::api::fuzzing as api;
use crate::schema::Schema;
use crate::table::{JsonPath, Printer};

/// An entry point.
pub type Target = fn(&[u8]);

/// All entry points by name, as the fuzz targets are named.
pub const TARGETS: [(&str, Target); 8] = [
    ("patch", patch),
    ("apply", apply),
    ("selector", selector),
    ("schema", schema),
    ("cel", cel),
    ("protobuf", protobuf),
    ("json_path", json_path),
    ("body", body),
];

/// A JSON patch, a merge patch and a strategic merge patch: an object and what is to become of it.
///
/// # Panics
/// If the crate breaks a promise.
pub fn patch(bytes: &[u8]) {
    api::patch(bytes);
}

/// Server-side apply, of a built-in and of a custom kind: an object and what two managers apply to it.
///
/// # Panics
/// If the crate breaks a promise.
pub fn apply(bytes: &[u8]) {
    api::apply(bytes);
}

/// Label and field selectors: a selector and an object.
///
/// # Panics
/// If the crate breaks a promise.
pub fn selector(bytes: &[u8]) {
    api::selector(bytes);
}

/// A body in protobuf, with or without what it has to begin with.
///
/// # Panics
/// If the crate breaks a promise.
pub fn protobuf(bytes: &[u8]) {
    api::protobuf(bytes);
}

/// A body in JSON or YAML.
///
/// # Panics
/// If the crate breaks a promise.
pub fn body(bytes: &[u8]) {
    api::body(bytes);
}

/// The schema of a definition, an object and what it replaces.
///
/// # Panics
/// If the crate breaks a promise.
pub fn schema(bytes: &[u8]) {
    let Some([document, new, old]) = parts(bytes) else {
        return;
    };
    let (Some(document), new, old) = (value(document), value(new), value(old)) else {
        return;
    };
    let is_right = Schema::check("schema", &document).is_empty();
    let (new, old) = (new.unwrap_or_default(), old.unwrap_or_default());
    hold(&Schema::load(&document), &new, &old, is_right);
}

/// A rule, an object that it is about and what that replaces.
///
/// # Panics
/// If the crate breaks a promise.
pub fn cel(bytes: &[u8]) {
    let Some([rule, new, old]) = parts(bytes) else {
        return;
    };
    let (Ok(rule), new, old) = (std::str::from_utf8(rule), value(new), value(old)) else {
        return;
    };
    let rules = json!([
        {"rule": rule, "message": "no"},
        {"rule": rule, "messageExpression": rule, "message": "no", "optionalOldSelf": true},
        {"rule": "self == self", "messageExpression": rule, "message": "no"},
    ]);
    let document = with_rules(&rules);
    let is_right = Schema::check("schema", &document).is_empty();
    let (new, old) = (new.unwrap_or_default(), old.unwrap_or_default());
    hold(&Schema::load(&document), &new, &old, is_right);
}

/// A schema of everything that rules treat differently.
fn with_rules(rules: &Value) -> Value {
    json!({"type": "object", "x-kubernetes-validations": rules, "properties": {
        "n": {"type": "integer"}, "f": {"type": "number"}, "b": {"type": "boolean"},
        "s": {"type": "string"}, "port": {"x-kubernetes-int-or-string": true},
        "when": {"type": "string", "format": "date-time"},
        "span": {"type": "string", "format": "duration"},
        "bytes": {"type": "string", "format": "byte"},
        "list": {"type": "array", "items": {"type": "integer"}},
        "names": {"type": "array", "items": {"type": "string"}},
        "map": {"type": "object", "additionalProperties": {"type": "string"}},
        "self": {"type": "object", "properties": {"x": {"type": "string", "nullable": true}}},
    }})
}

/// Does to an object what a request does.
fn hold(schema: &Schema, new: &Value, old: &Value, is_right: bool) {
    schema.validate(new, Some(old));
    schema.validate_status(new, old);
    let mut object = new.clone();
    schema.prune(&mut object);
    let mut again = object.clone();
    assert!(schema.prune(&mut again).is_empty(), "pruned twice");
    assert_eq!(again, object);
    schema.apply_defaults(&mut object);
    let mut again = object.clone();
    schema.apply_defaults(&mut again);
    assert!(!is_right || again == object, "defaults filled in twice");
    schema.validate(&object, None);
    // Nothing about a schema is wrong with what did not change; rules may still compare or fail.
    for cause in schema.validate(&object, Some(&object)) {
        let is_meta = matches!(cause.field.as_str(), "apiVersion" | "kind");
        assert!(is_meta || !cause.message.contains(" in body "), "{cause}");
    }
}

/// The path of a printer column, and an object.
///
/// # Panics
/// If the crate breaks a promise.
pub fn json_path(bytes: &[u8]) {
    let Some([path, object]) = parts(bytes) else {
        return;
    };
    let (Ok(path), object) = (std::str::from_utf8(path), value(object)) else {
        return;
    };
    let object = object.unwrap_or_default();
    let parsed = JsonPath::parse(path);
    if let Ok(parsed) = &parsed {
        for found in parsed.find(&object) {
            assert!(is_within(found, &object), "found what is not there");
        }
    }
    for kind in ["string", "integer", "number", "boolean", "date"] {
        let column = json!({"name": "x", "type": kind, "jsonPath": path});
        let printer = Printer::custom(std::slice::from_ref(&column));
        let cells = printer.cells(&object, jiff::Timestamp::UNIX_EPOCH);
        assert_eq!(cells.len(), 1 + usize::from(parsed.is_ok()));
    }
}

fn is_within(part: &Value, whole: &Value) -> bool {
    std::ptr::eq(part, whole)
        || match whole {
            Value::Array(items) => items.iter().any(|item| is_within(part, item)),
            Value::Object(map) => map.values().any(|item| is_within(part, item)),
            _ => false,
        }
}

/// The lines of an input; the last takes what is left, those that are missing are empty.
pub(crate) fn parts<const N: usize>(bytes: &[u8]) -> Option<[&[u8]; N]> {
    let mut lines = bytes.splitn(N, |byte| *byte == b'\n');
    let parts = std::array::from_fn(|_| lines.next().unwrap_or_default());
    (bytes.len() <= crate::api::fuzzing::LIMIT).then_some(parts)
}

/// A value as a request brings it: not too deep.
pub(crate) fn value(text: &[u8]) -> Option<Value> {
    api::value(text)
}
