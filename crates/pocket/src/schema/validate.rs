//! Validation of an object against its schema: types and limits here, uniqueness in `unique`, rules in `cel`.

mod limits;

use std::collections::HashMap;
use std::fmt::Write as _;

use serde_json::Value;

use super::cause::{Cause, Causes, Reason};
use super::node::{Additional, JsonType, ListKind, Node};
use super::{cel, replicas, text, unique};

/// A whole custom resource, which can be scaled if `replicas` says where.
pub(super) fn object(
    root: &Node,
    replicas: Option<&[String]>,
    new: &Value,
    old: Option<&Value>,
) -> Vec<Cause> {
    let mut walk = Walk::new(String::new());
    walk.value(root, new, old);
    let mut causes = walk.causes.list;
    causes.extend(replicas.and_then(|path| replicas::check(path, new)));
    finish(causes, root, new, old)
}

/// A whole custom resource of which only the status is written.
pub(super) fn status(root: &Node, new: &Value, old: &Value) -> Vec<Cause> {
    let mut walk = Walk::new("status".to_owned());
    if let (Some(node), Some(status)) = (root.properties.get("status"), new.get("status")) {
        walk.value(node, status, old.get("status"));
    }
    finish(walk.causes.list, root, new, Some(old))
}

/// The default of a node of a schema.
pub(super) fn default_value(node: &Node, path: &str, default: &Value) -> Vec<Cause> {
    let mut walk = Walk::new(path.to_owned());
    walk.value(node, default, None);
    let mut causes = walk.causes.list;
    if causes.is_empty() {
        causes = cel::run(node, path, default, None, node.embedded);
    }
    causes
}

fn finish(mut causes: Vec<Cause>, root: &Node, new: &Value, old: Option<&Value>) -> Vec<Cause> {
    causes.extend(unique::embedded(root, new));
    if old.is_none_or(|old| unique::lists(root, old).is_empty()) {
        causes.extend(unique::lists(root, new));
    }
    if root.has_rules {
        if causes.iter().any(|cause| cause.reason.blocks_rules()) {
            causes.push(Cause::rules_not_checked());
        } else {
            causes.extend(cel::run(root, "", new, old, true));
        }
    }
    causes
}

/// The JSON type as the server names it.
fn type_name(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.is_i64() => "integer",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

/// The format the server gives to a value without looking at the schema.
fn implied_format(value: &Value) -> &'static str {
    match value {
        Value::Number(number) if number.is_i64() => "int64",
        Value::Number(_) => "float64",
        _ => "",
    }
}

struct Walk {
    path: String,
    causes: Causes,
}

impl Walk {
    fn new(path: String) -> Self {
        Self {
            path,
            causes: Causes::default(),
        }
    }

    /// Problems of a value that did not change are forgiven.
    fn value(&mut self, node: &Node, new: &Value, old: Option<&Value>) {
        let is_meta = matches!(self.path.as_str(), "apiVersion" | "kind");
        let is_forgiven = !is_meta && old == Some(new);
        if !is_forgiven && !self.causes.is_full() {
            self.checked(node, new, old);
        }
    }

    fn checked(&mut self, node: &Node, new: &Value, old: Option<&Value>) {
        self.typed(node, new);
        if let Some(limits) = node.limits.as_deref() {
            if !new.is_null() {
                self.alternatives(limits, new);
                self.measured(node, limits, new);
            }
            self.choice(limits, new);
        }
        match new {
            Value::Object(map) => {
                let old = old.and_then(Value::as_object);
                for (key, value) in map {
                    if !node.properties.contains_key(key)
                        && let Additional::Schema(schema) = &node.additional
                    {
                        self.below(
                            |path| push_key(path, key, true),
                            schema,
                            value,
                            old.and_then(|map| map.get(key)),
                        );
                    }
                }
                for (key, schema) in node.properties.iter() {
                    if let Some(value) = map.get(key) {
                        self.below(
                            |path| push_key(path, key, false),
                            schema,
                            value,
                            old.and_then(|map| map.get(key)),
                        );
                    }
                }
                for key in node.limits.iter().flat_map(|limits| &limits.required) {
                    if !map.contains_key(key) {
                        self.causes
                            .push(Cause::required(&format!("{}.{key}", self.path), ""));
                    }
                }
            }
            Value::Array(items) => {
                let Some(schema) = node.items.as_deref() else {
                    return;
                };
                let old = OldItems::new(&node.list, old);
                for (index, item) in items.iter().enumerate() {
                    self.below(
                        |path| push_index(path, index),
                        schema,
                        item,
                        old.matching(item),
                    );
                }
            }
            _ => {}
        }
    }

    fn below(
        &mut self,
        step: impl FnOnce(&mut String),
        node: &Node,
        new: &Value,
        old: Option<&Value>,
    ) {
        let mark = self.path.len();
        step(&mut self.path);
        self.value(node, new, old);
        self.path.truncate(mark);
    }

    fn typed(&mut self, node: &Node, value: &Value) {
        let wanted: &[JsonType] = match (node.int_or_string, &node.kind) {
            (true, _) => &[JsonType::Integer, JsonType::String],
            (false, Some(kind)) => std::slice::from_ref(kind),
            (false, None) => return,
        };
        let actual = type_name(value);
        if value.is_null() {
            if !node.nullable {
                self.wrong_type(&joined(wanted), actual);
            }
            return;
        }
        if wanted.iter().any(|kind| is_of(*kind, value)) {
            return;
        }
        let format = node
            .limits
            .as_deref()
            .and_then(|limits| limits.format.as_ref());
        match format {
            Some((name, _)) if !matches!(value, Value::String(_) | Value::Array(_)) => {
                self.wrong_type(name, implied_format(value));
            }
            _ => self.wrong_type(&joined(wanted), actual),
        }
    }

    fn wrong_type(&mut self, wanted: &str, actual: &str) {
        let detail = match self.path.as_str() {
            "" => format!(" in body must be of type {wanted}: {}", text::quote(actual)),
            path => format!(
                "{path} in body must be of type {wanted}: {}",
                text::quote(actual)
            ),
        };
        self.causes
            .push(Cause::type_invalid(&self.path, actual, &detail));
    }
}

fn joined(kinds: &[JsonType]) -> String {
    kinds
        .iter()
        .map(|kind| kind.name())
        .collect::<Vec<_>>()
        .join(",")
}

/// A number without a fraction passes as an integer.
fn is_of(kind: JsonType, value: &Value) -> bool {
    match (kind, value) {
        (JsonType::Integer, Value::Number(number)) => {
            number.is_i64()
                || number
                    .as_f64()
                    .is_some_and(|float| float.fract() == 0.0 && float.abs() < 9e15)
        }
        (JsonType::Number, Value::Number(_)) => true,
        _ => kind.name() == type_name(value),
    }
}

/// `always_dotted`: as the server does for values of maps.
pub(super) fn push_key(path: &mut String, key: &str, always_dotted: bool) {
    if always_dotted || !path.is_empty() {
        path.push('.');
    }
    path.push_str(key);
}

pub(super) fn push_index(path: &mut String, index: usize) {
    write!(path, "[{index}]").expect("writing to a String cannot fail");
}

/// The items of a list before the write; only those of a map list can be told apart.
pub(super) struct OldItems<'a> {
    keys: &'a [String],
    items: &'a [Value],
    /// Where the items are by their keys, for long lists.
    index: Option<HashMap<String, &'a Value>>,
}

impl<'a> OldItems<'a> {
    /// Longer lists would take their length squared.
    const SHORT: usize = 16;

    pub(super) fn new(list: &'a ListKind, old: Option<&'a Value>) -> Self {
        let (keys, items) = match (list, old.and_then(Value::as_array)) {
            (ListKind::Map(keys), Some(items)) => (&**keys, &**items),
            _ => (&[][..], &[][..]),
        };
        let entries = items.iter().rev();
        let index = (items.len() > Self::SHORT)
            .then(|| entries.map(|item| (name(keys, item), item)).collect());
        Self { keys, items, index }
    }

    pub(super) fn matching(&self, item: &Value) -> Option<&'a Value> {
        if let Some(index) = &self.index {
            return index.get(&name(self.keys, item)).copied();
        }
        let has_same_keys =
            |old: &&Value| self.keys.iter().all(|key| old.get(key) == item.get(key));
        self.items.iter().find(has_same_keys)
    }
}

/// The keys of an item as one text.
fn name(keys: &[String], item: &Value) -> String {
    let parts: Vec<Option<&Value>> = keys.iter().map(|key| item.get(key)).collect();
    serde_json::to_string(&parts).unwrap_or_default()
}

impl Reason {
    /// Whether the alternative that gave this cause failed by its type, which explains least.
    fn is_type(self) -> bool {
        self == Self::TypeInvalid
    }
}
