//! Removing members that the schema does not know.

use serde_json::Value;

use super::Schema;

/// Removes unknown members and returns their paths, in order.
pub(super) fn prune(schema: &Schema, object: &mut Value) -> Vec<String> {
    let mut unknown = Vec::new();
    walk(schema, object, "", &mut unknown);
    unknown
}

fn walk(schema: &Schema, value: &mut Value, path: &str, unknown: &mut Vec<String>) {
    match value {
        Value::Object(members) => {
            let whole = schema.root || schema.embedded;
            members.retain(|name, member| {
                let path = join(path, name);
                if whole && matches!(name.as_str(), "apiVersion" | "kind" | "metadata") {
                    return true;
                }
                match schema.member(name) {
                    // An open map keeps nothing apart by name, so its members are known.
                    Some(part) => walk(part, member, &path, unknown),
                    None if schema.preserve => {}
                    None => {
                        unknown.push(path);
                        return false;
                    }
                }
                true
            });
        }
        Value::Array(list) => {
            let Some(items) = schema.items.as_deref() else {
                return;
            };
            for (at, item) in list.iter_mut().enumerate() {
                walk(items, item, &format!("{path}[{at}]"), unknown);
            }
        }
        _ => {}
    }
}

fn join(path: &str, name: &str) -> String {
    if path.is_empty() {
        name.to_owned()
    } else {
        format!("{path}.{name}")
    }
}
