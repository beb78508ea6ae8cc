//! Filling in defaults.

use serde_json::Value;

use super::node::Node;

/// First drops nulls that mean nothing, then fills in defaults from the outside in, so that a defaulted parent gets the
/// defaults of its own fields too.
pub(super) fn apply(root: &Node, object: &mut Value) {
    drop_nulls(root, object);
    fill(root, object);
}

fn drop_nulls(node: &Node, value: &mut Value) {
    match value {
        Value::Object(map) => map.retain(|key, value| match node.child(key) {
            Some(schema) if value.is_null() && !schema.nullable => schema.default.is_some(),
            Some(schema) => {
                drop_nulls(schema, value);
                true
            }
            None => true,
        }),
        Value::Array(items) => {
            if let Some(schema) = node.items.as_deref() {
                items.iter_mut().for_each(|item| drop_nulls(schema, item));
            }
        }
        _ => {}
    }
}

fn fill(node: &Node, value: &mut Value) {
    match value {
        Value::Object(map) => {
            for (key, schema) in node.properties.iter() {
                let Some(default) = schema.default.as_deref() else {
                    continue;
                };
                match map.get_mut(key) {
                    None => {
                        map.insert(key.to_owned(), default.clone());
                    }
                    Some(present) if present.is_null() && !schema.nullable => {
                        *present = default.clone()
                    }
                    Some(_) => {}
                }
            }
            for (key, value) in map.iter_mut() {
                match (node.properties.get(key), node.values()) {
                    (Some(schema), _) => fill(schema, value),
                    (None, Some(schema)) => fill_entry(schema, value),
                    (None, None) => {}
                }
            }
        }
        Value::Array(items) => {
            if let Some(schema) = node.items.as_deref() {
                items.iter_mut().for_each(|item| fill_entry(schema, item));
            }
        }
        _ => {}
    }
}

/// A list item or map value: a null becomes the default.
fn fill_entry(schema: &Node, value: &mut Value) {
    if let (true, false, Some(default)) =
        (value.is_null(), schema.nullable, schema.default.as_deref())
    {
        *value = default.clone();
    }
    fill(schema, value);
}
