//! How lists and maps merge must make sense for what they hold.

use serde_json::Value;

use super::{Document, Pass, flag, list_of, present, text_of};

const LIST_TYPE: &str = "x-kubernetes-list-type";
const MAP_TYPE: &str = "x-kubernetes-map-type";
const MAP_KEYS: &str = "x-kubernetes-list-map-keys";

pub(super) fn check(pass: &mut Pass, path: &str, schema: &Document) {
    typed(
        pass,
        path,
        schema,
        MAP_TYPE,
        "object",
        &["atomic", "granular"],
    );
    typed(
        pass,
        path,
        schema,
        LIST_TYPE,
        "array",
        &["atomic", "set", "map"],
    );
    let list_type = text_of(schema, LIST_TYPE);
    let keys = list_of(schema, MAP_KEYS);
    if !keys.is_empty() && list_type != "map" {
        let at = format!("{path}.{LIST_TYPE}");
        let detail = "must be map if x-kubernetes-list-map-keys is non-empty";
        match list_type {
            "" => pass.required(at, detail),
            other => pass.invalid(at, &Value::from(other), detail),
        }
    }
    let items = present(schema, "items").and_then(Value::as_object);
    match (list_type, items) {
        ("set", Some(items)) => set(pass, path, items),
        ("map", items) => {
            if keys.is_empty() {
                pass.required(
                    format!("{path}.{MAP_KEYS}"),
                    "must not be empty if x-kubernetes-list-type is map",
                );
            }
            match items {
                Some(items) => map(pass, path, items, keys),
                None => pass.required(
                    format!("{path}.items"),
                    "must have a schema if x-kubernetes-list-type is map",
                ),
            }
        }
        _ => {}
    }
    if let ("set" | "map", Some(items)) = (list_type, items)
        && flag(items, "nullable")
    {
        let detail = format!("cannot be nullable when x-kubernetes-list-type is {list_type}");
        pass.forbidden(format!("{path}.items.nullable"), &detail);
    }
}

fn typed(
    pass: &mut Pass,
    path: &str,
    schema: &Document,
    keyword: &str,
    kind: &str,
    values: &[&str],
) {
    let Some(value) = present(schema, keyword) else {
        return;
    };
    let detail = format!("must be {kind} if {keyword} is specified");
    match text_of(schema, "type") {
        "" => pass.required(format!("{path}.type"), &detail),
        actual if actual != kind => {
            pass.invalid(format!("{path}.type"), &Value::from(actual), &detail)
        }
        _ => {}
    }
    if !value.as_str().is_some_and(|value| values.contains(&value)) {
        pass.not_supported(&format!("{path}.{keyword}"), value, values);
    }
}

/// The items of a set are compared as a whole, so they must merge as a whole.
fn set(pass: &mut Pass, path: &str, items: &Document) {
    let (keyword, atomic) = match text_of(items, "type") {
        "array" => (
            LIST_TYPE,
            matches!(text_of(items, LIST_TYPE), "" | "atomic"),
        ),
        "object" => (MAP_TYPE, text_of(items, MAP_TYPE) == "atomic"),
        _ => return,
    };
    if !atomic {
        let value = items.get(keyword).cloned().unwrap_or_default();
        let detail = "must be atomic as item of a list with x-kubernetes-list-type=set";
        pass.invalid(format!("{path}.items.{keyword}"), &value, detail);
    }
}

fn map(pass: &mut Pass, path: &str, items: &Document, keys: &[Value]) {
    let kind = text_of(items, "type");
    if kind != "object" {
        let detail = "must be object if parent array's x-kubernetes-list-type is map";
        pass.invalid(format!("{path}.items.type"), &Value::from(kind), detail);
    }
    let properties = items.get("properties").and_then(Value::as_object);
    let required = list_of(items, "required");
    let mut seen: Vec<&Value> = Vec::new();
    for key in keys {
        let name = key.as_str().unwrap_or_default();
        let Some(property) = properties
            .and_then(|map| map.get(name))
            .and_then(Value::as_object)
        else {
            let detail = "entries must all be names of item properties";
            pass.invalid(format!("{path}.{MAP_KEYS}"), &Value::from(keys), detail);
            continue;
        };
        let at = format!("{path}.items.properties[{name}]");
        if matches!(text_of(property, "type"), "array" | "object") {
            let detail = "must be a scalar type if parent array's x-kubernetes-list-type is map";
            pass.invalid(format!("{at}.type"), &Value::from(kind), detail);
        }
        if !required.contains(key) && present(property, "default").is_none() {
            pass.required(
                format!("{at}.default"),
                "this property is in x-kubernetes-list-map-keys, so it must have a default or be a required property",
            );
        }
        if flag(property, "nullable") {
            let detail = "this property is in x-kubernetes-list-map-keys, so it cannot be nullable";
            pass.forbidden(format!("{at}.nullable"), detail);
        }
        if seen.contains(&key) {
            pass.invalid(
                format!("{path}.{MAP_KEYS}"),
                &Value::from(keys),
                "must not contain duplicate entries",
            );
        }
        seen.push(key);
    }
}
