//! What the OpenAPI keywords cannot say: entries of set and map lists are unique, embedded objects name their kind.

use std::collections::HashMap;

use serde_json::{Map, Value};

use super::cause::{Cause, Causes};
use super::node::{ListKind, Node};
use super::text;
use super::validate::{push_index, push_key};

/// Duplicates in set and map lists.
pub(super) fn lists(root: &Node, object: &Value) -> Vec<Cause> {
    let mut causes = Causes::default();
    visit(
        root,
        &mut String::new(),
        object,
        &mut |node, path, value| {
            if let (Value::Array(items), false) = (value, causes.is_full()) {
                match &node.list {
                    ListKind::Atomic => {}
                    ListKind::Set => duplicates(items.iter(), items, path, &mut causes),
                    ListKind::Map(keys) => map_entries(keys, items, path, &mut causes),
                }
            }
        },
    );
    causes.list
}

/// Embedded objects without a kind.
pub(super) fn embedded(root: &Node, object: &Value) -> Vec<Cause> {
    let mut causes = Causes::default();
    visit(
        root,
        &mut String::new(),
        object,
        &mut |node, path, value| {
            let Value::Object(map) = value else { return };
            if !node.embedded || causes.is_full() {
                return;
            }
            for key in ["apiVersion", "kind"] {
                let at = format!("{path}.{key}");
                match map.get(key) {
                    None => causes.push(Cause::required(&at, "")),
                    Some(Value::String(text)) if text.is_empty() => {
                        causes.push(Cause::invalid(&at, &Value::from(""), "must not be empty"));
                    }
                    Some(Value::String(_)) => {}
                    Some(other) => causes.push(Cause::invalid(&at, other, "must be a string")),
                }
            }
        },
    );
    causes.list
}

/// Calls `see` for every value below the object that the schema describes.
fn visit(node: &Node, path: &mut String, value: &Value, see: &mut dyn FnMut(&Node, &str, &Value)) {
    let mark = path.len();
    match value {
        Value::Object(map) => {
            for (key, value) in map {
                let schema = match (node.properties.get(key), node.values()) {
                    (Some(schema), _) => {
                        push_key(path, key, false);
                        schema
                    }
                    (None, Some(schema)) => {
                        path.extend(["[", key, "]"]);
                        schema
                    }
                    (None, None) => continue,
                };
                see(schema, path, value);
                visit(schema, path, value, see);
                path.truncate(mark);
            }
        }
        Value::Array(items) => {
            let Some(schema) = node.items.as_deref() else {
                return;
            };
            for (index, item) in items.iter().enumerate() {
                push_index(path, index);
                see(schema, path, item);
                visit(schema, path, item, see);
                path.truncate(mark);
            }
        }
        _ => {}
    }
}

/// Each value that was there before is told once, at its second place.
fn duplicates<'a>(
    keys: impl Iterator<Item = &'a Value>,
    shown: &[Value],
    path: &str,
    causes: &mut Causes,
) {
    let mut seen: HashMap<String, usize> = HashMap::new();
    for (index, key) in keys.enumerate() {
        let times = seen.entry(text::go_json(key)).or_default();
        *times += 1;
        if *times == 2 && !causes.is_full() {
            let value = shown.get(index).unwrap_or(key);
            causes.push(Cause::duplicate(&format!("{path}[{index}]"), value));
        }
    }
}

fn map_entries(keys: &[String], items: &[Value], path: &str, causes: &mut Causes) {
    if let Some((index, item)) = items
        .iter()
        .enumerate()
        .find(|(_, item)| !item.is_object() && !item.is_null())
    {
        let detail = "must be an object for an array of list-type map";
        causes.push(Cause::invalid(&format!("{path}[{index}]"), item, detail));
        return;
    }
    let entries: Vec<Value> = items.iter().map(|item| key_of(keys, item)).collect();
    duplicates(entries.iter(), &entries, path, causes);
}

/// The fields that tell an entry apart.
fn key_of(keys: &[String], item: &Value) -> Value {
    let fields = keys
        .iter()
        .filter_map(|key| item.get(key).map(|value| (key.clone(), value.clone())));
    Value::Object(fields.collect::<Map<_, _>>())
}
