//! Dropping the fields a schema does not know.

use std::fmt::Write as _;

use serde_json::{Map, Value};

use super::node::{Additional, Node};

/// Unknown structure below this depth is left alone: such documents do not get past the JSON decoder.
const MAX_DEPTH: usize = 256;

pub(super) fn prune(root: &Node, object: &mut Value) -> Vec<String> {
    let mut pass = Pass {
        path: String::new(),
        dropped: Vec::new(),
        told: 0,
    };
    match object {
        Value::Object(map) if root.preserve => pass.keep_fields(root, map, true),
        Value::Object(map) => pass.fields(root, map, true),
        _ => {}
    }
    pass.dropped.sort();
    pass.dropped
}

/// The fields of an object that has a type and metadata of its own.
pub(super) fn is_meta_field(key: &str) -> bool {
    matches!(key, "apiVersion" | "kind" | "metadata")
}

struct Pass {
    path: String,
    dropped: Vec<String>,
    /// The length of what was dropped.
    told: usize,
}

/// More is dropped than told: the paths together may be this long.
const MOST_TOLD: usize = 1 << 20;

impl Pass {
    fn value(&mut self, node: &Node, value: &mut Value) {
        self.visit(node, value, node.preserve);
    }

    /// `keep`: unknown fields of this value stay.
    fn visit(&mut self, node: &Node, value: &mut Value, keep: bool) {
        match value {
            Value::Object(map) if keep => self.keep_fields(node, map, node.embedded),
            Value::Object(map) => self.fields(node, map, node.embedded),
            Value::Array(items) => {
                for (index, item) in items.iter_mut().enumerate() {
                    let mark = self.enter_index(index);
                    match node.items.as_deref() {
                        Some(schema) => self.visit(schema, item, keep || schema.preserve),
                        None if keep => {}
                        None => self.unknown(item, MAX_DEPTH),
                    }
                    self.path.truncate(mark);
                }
            }
            _ => {}
        }
    }

    fn fields(&mut self, node: &Node, map: &mut Map<String, Value>, embedded: bool) {
        map.retain(|key, value| {
            if embedded && is_meta_field(key) {
                return true;
            }
            let mark = self.enter_key(key);
            let known = match (node.properties.get(key), &node.additional) {
                (Some(schema), _) => {
                    self.value(schema, value);
                    true
                }
                (None, Additional::Schema(schema)) => {
                    self.value(schema, value);
                    true
                }
                (None, Additional::Anything) => {
                    self.unknown(value, MAX_DEPTH);
                    true
                }
                (None, Additional::Absent) => false,
            };
            if !known {
                self.tell();
            }
            self.path.truncate(mark);
            known
        });
    }

    /// Unknown fields stay, but those the schema knows are pruned by it.
    fn keep_fields(&mut self, node: &Node, map: &mut Map<String, Value>, embedded: bool) {
        for (key, value) in map.iter_mut() {
            if embedded && is_meta_field(key) {
                continue;
            }
            let mark = self.enter_key(key);
            match (node.properties.get(key), &node.additional) {
                (Some(schema), _) => self.value(schema, value),
                (None, Additional::Schema(schema)) => self.value(schema, value),
                (None, Additional::Anything) => self.unknown(value, MAX_DEPTH),
                (None, Additional::Absent) => {}
            }
            self.path.truncate(mark);
        }
    }

    /// A value without a schema: scalars stay, objects lose every field.
    fn unknown(&mut self, value: &mut Value, depth: usize) {
        let Some(depth) = depth.checked_sub(1) else {
            return;
        };
        match value {
            Value::Object(map) => {
                for (key, _) in std::mem::take(map) {
                    let mark = self.enter_key(&key);
                    self.tell();
                    self.path.truncate(mark);
                }
            }
            Value::Array(items) => {
                for (index, item) in items.iter_mut().enumerate() {
                    let mark = self.enter_index(index);
                    self.unknown(item, depth);
                    self.path.truncate(mark);
                }
            }
            _ => {}
        }
    }

    fn tell(&mut self) {
        if self.told <= MOST_TOLD {
            self.told += self.path.len();
            self.dropped.push(self.path.clone());
        }
    }

    fn enter_key(&mut self, key: &str) -> usize {
        let mark = self.path.len();
        if mark > 0 {
            self.path.push('.');
        }
        self.path.push_str(key);
        mark
    }

    fn enter_index(&mut self, index: usize) -> usize {
        let mark = self.path.len();
        write!(self.path, "[{index}]").expect("writing to a String cannot fail");
        mark
    }
}

/// Whether pruning would change `value`.
pub(super) fn would_drop(node: &Node, value: &Value) -> bool {
    let mut pass = Pass {
        path: String::new(),
        dropped: Vec::new(),
        told: 0,
    };
    pass.value(node, &mut value.clone());
    !pass.dropped.is_empty()
}
