//! Reading fields of objects: what is missing or of another type reads as empty.

use jiff::Timestamp;
use serde_json::Value;

use super::age;

/// The value at a JSON pointer.
pub(super) fn at<'a>(object: &'a Value, pointer: &str) -> &'a Value {
    object.pointer(pointer).unwrap_or(&Value::Null)
}

pub(super) fn text<'a>(object: &'a Value, pointer: &str) -> &'a str {
    at(object, pointer).as_str().unwrap_or_default()
}

pub(super) fn count(object: &Value, pointer: &str) -> i64 {
    at(object, pointer).as_i64().unwrap_or_default()
}

pub(super) fn list<'a>(object: &'a Value, pointer: &str) -> &'a [Value] {
    at(object, pointer)
        .as_array()
        .map(Vec::as_slice)
        .unwrap_or_default()
}

/// The number of entries of a map or list.
pub(super) fn entries(object: &Value, pointer: &str) -> usize {
    match at(object, pointer) {
        Value::Object(map) => map.len(),
        Value::Array(items) => items.len(),
        _ => 0,
    }
}

/// The cell of the name.
pub(super) fn name(object: &Value) -> Value {
    Value::from(text(object, "/metadata/name"))
}

/// The cell of the age.
pub(super) fn age(object: &Value, now: Timestamp) -> Value {
    Value::from(age::since(
        at(object, "/metadata/creationTimestamp").as_str(),
        now,
    ))
}

/// Text, or a stand-in where it is empty.
pub(super) fn or<'a>(text: &'a str, other: &'a str) -> &'a str {
    if text.is_empty() { other } else { text }
}

/// Texts joined with commas, or a stand-in where there are none.
pub(super) fn joined<T: AsRef<str>>(texts: impl IntoIterator<Item = T>, none: &str) -> String {
    let texts: Vec<T> = texts.into_iter().collect();
    if texts.is_empty() {
        none.to_owned()
    } else {
        texts
            .iter()
            .map(AsRef::as_ref)
            .collect::<Vec<_>>()
            .join(",")
    }
}

/// A map of labels as `a=b,c=d`.
pub(super) fn labels(object: &Value, pointer: &str) -> String {
    let map = at(object, pointer).as_object();
    let mut pairs: Vec<String> = map
        .into_iter()
        .flatten()
        .map(|(key, value)| format!("{key}={}", value.as_str().unwrap_or_default()))
        .collect();
    pairs.sort();
    joined(pairs, "<none>")
}

/// Whether the object is being deleted.
pub(super) fn is_deleted(object: &Value) -> bool {
    !text(object, "/metadata/deletionTimestamp").is_empty()
}
