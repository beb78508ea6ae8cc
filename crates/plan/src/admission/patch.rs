//! The difference of two objects as a JSON Patch.

use serde_json::{Map, Value, json};

/// The operations that make `to` of `from`; lists are replaced as a whole.
#[must_use]
pub fn patch(from: &Value, to: &Value) -> Vec<Value> {
    let mut operations = Vec::new();
    differ("", from, to, &mut operations);
    operations
}

fn differ(path: &str, from: &Value, to: &Value, operations: &mut Vec<Value>) {
    match (from, to) {
        (from, to) if from == to => {}
        (Value::Object(from), Value::Object(to)) => members(path, from, to, operations),
        _ => operations.push(json!({"op": "replace", "path": path, "value": to})),
    }
}

fn members(
    path: &str,
    from: &Map<String, Value>,
    to: &Map<String, Value>,
    operations: &mut Vec<Value>,
) {
    let at = |name: &str| format!("{path}/{}", name.replace('~', "~0").replace('/', "~1"));
    for name in from.keys().filter(|name| !to.contains_key(*name)) {
        operations.push(json!({"op": "remove", "path": at(name)}));
    }
    for (name, value) in to {
        match from.get(name) {
            Some(before) => differ(&at(name), before, value, operations),
            None => operations.push(json!({"op": "add", "path": at(name), "value": value})),
        }
    }
}
