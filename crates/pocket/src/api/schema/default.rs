//! Filling in defaults.

use serde_json::Value;

use super::Schema;

/// Fills in defaults, and drops nulls where null is not a value.
pub(super) fn apply(schema: &Schema, value: &mut Value) {
    match value {
        Value::Object(members) => {
            members.retain(|name, member| {
                let null_is_absent = |part: &Schema| !part.nullable && !part.preserve;
                !member.is_null() || schema.member(name).is_none_or(|part| !null_is_absent(part))
            });
            for (name, part) in &schema.properties {
                if let Some(default) = &part.default
                    && !members.contains_key(&**name)
                {
                    members.insert(name.to_string(), (**default).clone());
                }
            }
            for (name, member) in members.iter_mut() {
                if let Some(part) = schema.member(name) {
                    apply(part, member);
                }
            }
        }
        Value::Array(list) => {
            if let Some(items) = schema.items.as_deref() {
                list.iter_mut().for_each(|item| apply(items, item));
            }
        }
        _ => {}
    }
}
