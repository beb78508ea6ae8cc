//! Walking values by their shape: which fields there are, what changed, merging, removing.

use std::collections::HashMap;

use serde_json::{Map, Value};

use super::set::Set;
use crate::api::shape::{ListKind, Shape};

/// What differs between two values.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Changes {
    pub(super) added: Set,
    pub(super) modified: Set,
    pub(super) removed: Set,
}

impl Changes {
    fn put(&mut self, element: &str, below: Self) {
        self.added.put(element.to_owned(), below.added);
        self.modified.put(element.to_owned(), below.modified);
        self.removed.put(element.to_owned(), below.removed);
    }
}

/// The elements of a list under their path elements, if the list has such.
fn elements<'a>(shape: &Shape<'_>, list: &'a [Value]) -> Option<Vec<(String, &'a Value)>> {
    match shape.list_kind() {
        ListKind::Atomic => None,
        ListKind::Set => Some(
            list.iter()
                .map(|item| (format!("v:{item}"), item))
                .collect(),
        ),
        ListKind::Map(keys) => list
            .iter()
            .map(|item| Some((format!("k:{}", key_of(shape, &keys, item)?), item)))
            .collect(),
    }
}

/// The key members of an element, those with a default even where they are left out.
pub(super) fn key_of(shape: &Shape<'_>, keys: &[String], item: &Value) -> Option<Value> {
    let item = item.as_object()?;
    let mut found = Map::new();
    for key in keys {
        let value = item.get(key).cloned().or_else(|| shape.key_default(key));
        if let Some(value) = value {
            found.insert(key.clone(), value);
        }
    }
    Some(Value::Object(found))
}

/// A value taken apart as far as ownership goes.
enum Parts<'a> {
    /// Owned as a whole.
    Leaf,
    /// Members or elements with their path elements and shapes.
    Nested(Vec<(String, Shape<'a>, &'a Value)>),
}

fn parts<'a>(shape: &Shape<'a>, value: &'a Value) -> Parts<'a> {
    match value {
        Value::Object(members) if !shape.is_atomic_map() => Parts::Nested(
            members
                .iter()
                .map(|(name, member)| (format!("f:{name}"), shape.member(name), member))
                .collect(),
        ),
        Value::Array(list) => match elements(shape, list) {
            Some(items) => {
                let element = shape.element();
                let items = items.into_iter();
                Parts::Nested(
                    items
                        .map(|(name, item)| (name, element.clone(), item))
                        .collect(),
                )
            }
            None => Parts::Leaf,
        },
        _ => Parts::Leaf,
    }
}

/// The fields that an applied value owns.
pub(super) fn fields(shape: &Shape<'_>, value: &Value) -> Set {
    let mut set = Set::default();
    let Parts::Nested(list) = parts(shape, value) else {
        return Set::leaf();
    };
    for (element, part, below) in list {
        let mut child = fields(&part, below);
        let named = element.starts_with("f:");
        // Elements of keyed lists are owned themselves; named members through what they hold.
        child.member |= !named || is_void(below);
        set.put(element, child);
    }
    set
}

fn is_void(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Object(members) => members.is_empty(),
        Value::Array(list) => list.is_empty(),
        _ => false,
    }
}

/// What changed from `old` to `new`.
pub(super) fn compare(shape: &Shape<'_>, old: Option<&Value>, new: Option<&Value>) -> Changes {
    let mut changes = Changes::default();
    let before = old.map(|value| parts(shape, value));
    let after = new.map(|value| parts(shape, value));
    let mut nested = false;
    match (&before, &after) {
        (Some(Parts::Nested(a)), Some(Parts::Nested(b))) => {
            nested = true;
            both(a, b, &mut changes);
        }
        // A null that becomes a container was there already.
        (Some(_), Some(Parts::Nested(b))) if old.is_some_and(Value::is_null) => {
            nested = true;
            both(&[], b, &mut changes);
        }
        (Some(Parts::Nested(a)), None) => both(a, &[], &mut changes),
        (None, Some(Parts::Nested(b))) => both(&[], b, &mut changes),
        _ => {}
    }
    // What every object has cannot come or go, only be filled.
    let given = |parts: &Option<Parts<'_>>, value: &Value| {
        !shape.is_bare() || (matches!(parts, Some(Parts::Leaf)) && !is_zero(value))
    };
    match (old, new) {
        (None, Some(value)) => changes.added.member = given(&after, value),
        (Some(value), None) => changes.removed.member = given(&before, value),
        (Some(a), Some(b)) => changes.modified.member = !nested && a != b,
        (None, None) => {}
    }
    changes
}

fn is_zero(value: &Value) -> bool {
    is_void(value) || value == "" || *value == Value::Bool(false) || *value == 0
}

/// A part by its path element: long lists by an index, short ones by looking.
enum Finder<'l, T> {
    Short(&'l [T], fn(&T) -> &str),
    Long(HashMap<&'l str, &'l T>),
}

impl<'l, T> Finder<'l, T> {
    /// Longer lists would take their length squared.
    const SHORT: usize = 16;

    fn new(list: &'l [T], name: fn(&T) -> &str) -> Self {
        if list.len() <= Self::SHORT {
            return Self::Short(list, name);
        }
        // Of two with the same name the first counts, as it does in a short list.
        let entries = list.iter().rev().map(|part| (name(part), part));
        Self::Long(entries.collect())
    }

    fn find(&self, wanted: &str) -> Option<&'l T> {
        match self {
            Self::Short(list, name) => list.iter().find(|part| name(part) == wanted),
            Self::Long(index) => index.get(wanted).copied(),
        }
    }
}

fn both<'a>(
    old: &[(String, Shape<'a>, &'a Value)],
    new: &[(String, Shape<'a>, &'a Value)],
    changes: &mut Changes,
) {
    let (before, after) = (
        Finder::new(old, |(name, ..)| name),
        Finder::new(new, |(name, ..)| name),
    );
    for (element, shape, value) in new {
        let before = before.find(element).map(|(.., value)| *value);
        if before != Some(*value) {
            changes.put(element, compare(shape, before, Some(value)));
        }
    }
    for (element, shape, value) in old {
        if after.find(element).is_none() {
            changes.put(element, compare(shape, Some(value), None));
        }
    }
}

/// Lays an applied value over the live one.
pub(crate) fn merge(shape: &Shape<'_>, live: &Value, applied: &Value) -> Value {
    match (live, applied) {
        (Value::Object(a), Value::Object(b)) if !shape.is_atomic_map() => {
            let mut merged = a.clone();
            for (name, value) in b {
                let part = shape.member(name);
                let value = match a.get(name) {
                    Some(old) => merge(&part, old, value),
                    None => value.clone(),
                };
                merged.insert(name.clone(), value);
            }
            Value::Object(merged)
        }
        (Value::Array(a), Value::Array(b)) => {
            let (Some(old), Some(new)) = (elements(shape, a), elements(shape, b)) else {
                return applied.clone();
            };
            Value::Array(merge_lists(&shape.element(), &old, &new))
        }
        _ => applied.clone(),
    }
}

/// Live elements keep their places; new ones follow in the applied order.
fn merge_lists(
    shape: &Shape<'_>,
    old: &[(String, &Value)],
    new: &[(String, &Value)],
) -> Vec<Value> {
    let (live, applied) = (
        Finder::new(old, |(name, _)| name),
        Finder::new(new, |(name, _)| name),
    );
    let kept = old.iter().map(|(name, value)| match applied.find(name) {
        Some((_, applied)) => merge(shape, value, applied),
        None => (*value).clone(),
    });
    let fresh = new.iter().filter(|(name, _)| live.find(name).is_none());
    kept.chain(fresh.map(|(_, value)| (*value).clone()))
        .collect()
}

/// Removes what a manager has stopped applying and nobody else owns.
///
/// `lost` are the paths it owned before, `owned` is everything somebody owns now.
pub(super) fn remove(shape: &Shape<'_>, value: &mut Value, lost: &Set, owned: &Set) {
    match value {
        Value::Object(members) if !shape.is_atomic_map() => {
            members.retain(|name, member| {
                let element = format!("f:{name}");
                keep(
                    &shape.member(name),
                    member,
                    lost.children.get(&element),
                    owned.children.get(&element),
                )
            });
        }
        Value::Array(list) => {
            if shape.list_kind() == ListKind::Atomic {
                return;
            }
            let part = shape.element();
            list.retain_mut(|item| {
                let Some(element) = elements(shape, std::slice::from_ref(item))
                    .and_then(|mut found| found.pop())
                    .map(|(name, _)| name)
                else {
                    return true;
                };
                keep(
                    &part,
                    item,
                    lost.children.get(&element),
                    owned.children.get(&element),
                )
            });
        }
        _ => {}
    }
}

fn keep(shape: &Shape<'_>, value: &mut Value, lost: Option<&Set>, owned: Option<&Set>) -> bool {
    let Some(lost) = lost else { return true };
    let nothing = Set::default();
    let owned = owned.unwrap_or(&nothing);
    if owned.is_empty() && lost.member {
        return false;
    }
    let was_void = is_void(value);
    remove(shape, value, lost, owned);
    was_void || !is_void(value) || !owned.is_empty()
}
