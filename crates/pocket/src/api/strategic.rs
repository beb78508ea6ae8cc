//! Strategic merge patch: lists of objects merge by key, directives steer.

use std::collections::{HashMap, HashSet};

use serde_json::{Map, Value};

use super::object;
use super::shape::{ListKind, Shape};
use super::status::Failure;

const DIRECTIVE: &str = "$patch";

/// Applies a strategic merge patch.
pub(crate) fn patch(shape: &Shape<'_>, live: &Value, patch: &Value) -> Result<Value, Failure> {
    let Value::Object(changes) = patch else {
        return Err(Failure::bad_request(
            "a strategic merge patch must be an object",
        ));
    };
    let mut merged = live.clone();
    apply(shape, object::members(&mut merged), changes);
    Ok(merged)
}

fn apply(shape: &Shape<'_>, target: &mut Map<String, Value>, changes: &Map<String, Value>) {
    match changes.get(DIRECTIVE).and_then(Value::as_str) {
        Some("replace") => {
            target.clear();
            let kept = changes.iter().filter(|(name, _)| *name != DIRECTIVE);
            target.extend(kept.map(|(name, value)| (name.clone(), value.clone())));
            return;
        }
        Some("delete") => return target.clear(),
        _ => {}
    }
    for (name, value) in changes {
        if let Some(field) = name.strip_prefix("$deleteFromPrimitiveList/") {
            delete_values(target, field, value);
        } else if name == "$retainKeys" {
            retain_keys(target, value);
        } else if !name.starts_with('$') {
            member(&shape.member(name), target, name, value);
        }
    }
    for (name, order) in changes {
        if let Some(field) = name.strip_prefix("$setElementOrder/") {
            reorder(&shape.member(field), target, field, order);
        }
    }
}

fn member(shape: &Shape<'_>, target: &mut Map<String, Value>, name: &str, value: &Value) {
    match value {
        Value::Null => {
            target.remove(name);
        }
        Value::Object(changes) => {
            let slot = target
                .entry(name)
                .or_insert_with(|| Value::Object(Map::new()));
            apply(shape, object::members(slot), changes);
        }
        Value::Array(changes) => {
            let slot = target
                .entry(name)
                .or_insert_with(|| Value::Array(Vec::new()));
            if !slot.is_array() {
                *slot = Value::Array(Vec::new());
            }
            if let Value::Array(list) = slot {
                merge_list(shape, list, changes);
            }
        }
        scalar => {
            target.insert(name.to_owned(), scalar.clone());
        }
    }
}

/// Strategic merge identifies elements by the first key alone.
fn merge_key(shape: &Shape<'_>) -> Option<String> {
    match shape.list_kind() {
        ListKind::Map(keys) => keys.into_iter().next(),
        _ => None,
    }
}

fn merge_list(shape: &Shape<'_>, list: &mut Vec<Value>, changes: &[Value]) {
    let replace = changes
        .iter()
        .any(|one| one.get(DIRECTIVE) == Some(&Value::from("replace")));
    let directive = |one: &Value| {
        one.get(DIRECTIVE)
            .and_then(Value::as_str)
            .map(str::to_owned)
    };
    if replace {
        *list = changes
            .iter()
            .filter(|one| directive(one).is_none())
            .cloned()
            .collect();
        return;
    }
    if shape.list_kind() == ListKind::Set {
        let mut known: HashSet<String> = list.iter().map(Value::to_string).collect();
        let fresh = changes.iter().filter(|one| known.insert(one.to_string()));
        list.extend(fresh.cloned());
        return;
    }
    let Some(key) = merge_key(shape) else {
        *list = changes.to_vec();
        return;
    };
    merge_elements(&shape.element(), &key, list, changes);
}

/// Elements by the text of their key, as looking for each would take the square of their number.
fn merge_elements(shape: &Shape<'_>, key: &str, list: &mut Vec<Value>, changes: &[Value]) {
    let name = |one: &Value| one.get(key).map(Value::to_string);
    let mut slots: Vec<Option<Value>> = std::mem::take(list).into_iter().map(Some).collect();
    let mut places: HashMap<Option<String>, Vec<usize>> = HashMap::new();
    for (at, one) in slots.iter().enumerate() {
        places
            .entry(one.as_ref().and_then(name))
            .or_default()
            .push(at);
    }
    for change in changes {
        let found = places.entry(name(change)).or_default();
        if change.get(DIRECTIVE).and_then(Value::as_str) == Some("delete") {
            for at in std::mem::take(found) {
                slots[at] = None;
            }
            continue;
        }
        let Some(fields) = change.as_object() else {
            continue;
        };
        match found.first().and_then(|at| slots[*at].as_mut()) {
            Some(one) => apply(shape, object::members(one), fields),
            None => {
                let mut fresh = Map::new();
                apply(shape, &mut fresh, fields);
                found.push(slots.len());
                slots.push(Some(Value::Object(fresh)));
            }
        }
    }
    list.extend(slots.into_iter().flatten());
}

fn delete_values(target: &mut Map<String, Value>, field: &str, gone: &Value) {
    let gone = gone.as_array().map_or(&[][..], Vec::as_slice);
    let gone: HashSet<String> = gone.iter().map(Value::to_string).collect();
    if let Some(list) = target.get_mut(field).and_then(Value::as_array_mut) {
        list.retain(|one| !gone.contains(&one.to_string()));
    }
}

fn retain_keys(target: &mut Map<String, Value>, keys: &Value) {
    let keys = keys.as_array().map_or(&[][..], Vec::as_slice);
    let keys: HashSet<&str> = keys.iter().filter_map(Value::as_str).collect();
    target.retain(|name, _| keys.contains(name.as_str()));
}

/// Puts elements into the order asked for; unmentioned ones keep theirs, behind.
fn reorder(shape: &Shape<'_>, target: &mut Map<String, Value>, field: &str, order: &Value) {
    let order = order.as_array().map_or(&[][..], Vec::as_slice);
    let key = merge_key(shape);
    let name = |one: &Value| match &key {
        Some(key) => one.get(key).map(Value::to_string),
        None => Some(one.to_string()),
    };
    // Of two places for one element the first counts.
    let places = order.iter().enumerate().rev();
    let places: HashMap<_, _> = places.map(|(at, one)| (name(one), at)).collect();
    if let Some(list) = target.get_mut(field).and_then(Value::as_array_mut) {
        list.sort_by_cached_key(|one| places.get(&name(one)).copied().unwrap_or(order.len()));
    }
}

#[cfg(test)]
mod tests {
    use pretty_assertions::assert_eq;
    use serde_json::json;

    use super::*;
    use crate::api::builtin;

    #[test]
    fn lists_merge_by_key_and_directives_steer() {
        let pod = builtin::ALL
            .iter()
            .find(|one| one.kind == "Pod")
            .unwrap()
            .resource();
        let live = json!({"spec": {
            "containers": [{"name": "a", "image": "1", "env": [{"name": "X", "value": "1"}]},
                {"name": "b", "image": "1"}],
            "tolerations": [{"key": "k"}],
        }, "metadata": {"finalizers": ["one", "two"]}});
        let change = json!({"spec": {
            "$setElementOrder/containers": [{"name": "c"}, {"name": "a"}],
            "containers": [{"name": "a", "env": [{"name": "Y", "value": "2"}]},
                {"name": "b", "$patch": "delete"}, {"name": "c", "image": "2"}],
            "tolerations": [],
        }, "metadata": {"$deleteFromPrimitiveList/finalizers": ["one"], "labels": {"l": "1"}}});
        assert_eq!(
            patch(&pod.shape(), &live, &change).unwrap(),
            json!({"spec": {
                "containers": [{"name": "c", "image": "2"}, {"name": "a", "image": "1",
                    "env": [{"name": "X", "value": "1"}, {"name": "Y", "value": "2"}]}],
                "tolerations": [],
            }, "metadata": {"finalizers": ["two"], "labels": {"l": "1"}}})
        );
    }
}
