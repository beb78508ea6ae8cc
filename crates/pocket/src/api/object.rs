//! Reading and changing the common parts of any object.

use serde_json::{Map, Value};

use super::Time;

/// Finalizer of a foreground deletion: the object waits for its dependents.
pub(crate) const FOREGROUND: &str = "foregroundDeletion";
/// Finalizer of an orphaning deletion: dependents are to lose their owner first.
pub(crate) const ORPHAN: &str = "orphan";

const NOTHING: &Value = &Value::Null;

/// `metadata.<field>` as text, empty when absent.
pub(crate) fn meta<'a>(object: &'a Value, field: &str) -> &'a str {
    at(object, &["metadata", field])
        .as_str()
        .unwrap_or_default()
}

/// The value at a path of member names, or null.
pub(crate) fn at<'a>(object: &'a Value, path: &[&str]) -> &'a Value {
    path.iter()
        .fold(object, |value, key| value.get(key).unwrap_or(NOTHING))
}

/// Text at a path, empty when absent.
pub(crate) fn text<'a>(object: &'a Value, path: &[&str]) -> &'a str {
    at(object, path).as_str().unwrap_or_default()
}

/// A list at a path, empty when absent.
pub(crate) fn list<'a>(object: &'a Value, path: &[&str]) -> &'a [Value] {
    at(object, path).as_array().map_or(&[], Vec::as_slice)
}

/// The members at a path, made to exist as an object.
pub(crate) fn members_mut<'a>(value: &'a mut Value, key: &str) -> &'a mut Map<String, Value> {
    let slot = members(value).entry(key).or_insert(Value::Null);
    members(slot)
}

/// The value's members; anything that is not an object becomes an empty one.
pub(crate) fn members(value: &mut Value) -> &mut Map<String, Value> {
    if !value.is_object() {
        *value = Value::Object(Map::new());
    }
    value.as_object_mut().expect("was just made an object")
}

/// `metadata`, made to exist.
pub(crate) fn metadata_mut(object: &mut Value) -> &mut Map<String, Value> {
    members_mut(object, "metadata")
}

/// Whether a deletion has begun.
pub(crate) fn is_terminating(object: &Value) -> bool {
    !meta(object, "deletionTimestamp").is_empty()
}

/// The finalizers of an object.
pub(crate) fn finalizers(object: &Value) -> Vec<&str> {
    list(object, &["metadata", "finalizers"])
        .iter()
        .filter_map(Value::as_str)
        .collect()
}

/// Adds a finalizer if it is not there.
pub(crate) fn add_finalizer(object: &mut Value, name: &str) {
    if finalizers(object).contains(&name) {
        return;
    }
    let list = metadata_mut(object)
        .entry("finalizers")
        .or_insert_with(|| Value::Array(vec![]));
    if let Some(list) = list.as_array_mut() {
        list.push(Value::from(name));
    }
}

/// Takes a finalizer away.
pub(crate) fn remove_finalizer(object: &mut Value, name: &str) {
    let metadata = metadata_mut(object);
    let Some(list) = metadata.get_mut("finalizers").and_then(Value::as_array_mut) else {
        return;
    };
    list.retain(|one| one != name);
    if list.is_empty() {
        metadata.remove("finalizers");
    }
}

/// Drops what Go's `omitempty` would drop from metadata: nulls, empty text, maps and lists.
pub(crate) fn tidy_metadata(object: &mut Value) {
    let metadata = metadata_mut(object);
    metadata.retain(|_, value| match value {
        Value::Null => false,
        Value::String(text) => !text.is_empty(),
        Value::Array(list) => !list.is_empty(),
        Value::Object(map) => !map.is_empty(),
        _ => true,
    });
}

/// Sets a default at a key of an object.
pub(crate) fn default_to(map: &mut Map<String, Value>, key: &str, value: impl Into<Value>) {
    match map.get(key) {
        None | Some(Value::Null) => {
            map.insert(key.to_owned(), value.into());
        }
        Some(_) => {}
    }
}

/// A time in the form of metadata timestamps, to the second.
pub(crate) fn timestamp(time: Time) -> String {
    time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}
