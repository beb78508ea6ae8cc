//! The parts of a description that every kind has.

use jiff::Timestamp;
use serde_json::{Map, Value};

use crate::discovery::Kind;
use crate::error::Error;
use crate::output::to_yaml;
use crate::status::Condition;
use crate::table::Table;
use crate::text::since;

/// A heading with indented lines below, after an empty line.
pub(super) fn section(title: &str, lines: Vec<String>) -> Vec<String> {
    let mut section = vec![String::new(), format!("{title}:")];
    section.extend(lines.into_iter().map(|line| {
        let indented = format!("  {line}");
        indented.trim_end().to_owned()
    }));
    section
}

/// A label and its value in one line.
pub(super) fn field(label: &str, value: &str) -> String {
    format!("{:<13}{value}", format!("{label}:"))
}

/// Who the object is, how old, and whose.
pub(super) fn header(object: &Value, kind: &Kind, now: Timestamp) -> Vec<String> {
    let text = |pointer: &str| object.pointer(pointer).and_then(Value::as_str);
    let mut lines = vec![
        field("Name", text("/metadata/name").unwrap_or_default()),
        field("Kind", &format!("{} ({})", kind.kind, kind.api_version())),
    ];
    if let Some(namespace) = text("/metadata/namespace") {
        lines.push(field("Namespace", namespace));
    }
    let time = |pointer: &str| {
        let time: Timestamp = text(pointer)?.parse().ok()?;
        Some(format!("{time} ({} ago)", since(time, now)))
    };
    if let Some(created) = time("/metadata/creationTimestamp") {
        lines.push(field("Created", &created));
    }
    if let Some(deleted) = time("/metadata/deletionTimestamp") {
        lines.push(field("Deleted", &format!("{deleted}; it is about to go")));
    }
    let owners = object.pointer("/metadata/ownerReferences");
    for owner in owners.and_then(Value::as_array).into_iter().flatten() {
        let part = |key: &str| owner[key].as_str().unwrap_or_default();
        lines.push(field(
            "Owned by",
            &format!("{}/{}", part("kind").to_lowercase(), part("name")),
        ));
    }
    lines.extend(pairs("Labels", object.pointer("/metadata/labels")));
    lines.extend(pairs(
        "Annotations",
        object.pointer("/metadata/annotations"),
    ));
    lines
}

fn pairs(label: &str, map: Option<&Value>) -> Vec<String> {
    let Some(Value::Object(map)) = map else {
        return Vec::new();
    };
    let shown = map
        .iter()
        .filter(|(key, _)| *key != "kubectl.kubernetes.io/last-applied-configuration")
        .map(|(key, value)| format!("{key}={}", value.as_str().unwrap_or_default()));
    shown
        .enumerate()
        .map(|(position, pair)| {
            if position == 0 {
                field(label, &pair)
            } else {
                format!("{:<13}{pair}", "")
            }
        })
        .collect()
}

/// All parts of the object but its metadata and conditions, as YAML. Values of Secrets are not shown.
pub(super) fn body(object: &Value, kind: &Kind) -> Result<Vec<String>, Error> {
    let Value::Object(map) = object else {
        return Ok(Vec::new());
    };
    let mut lines = Vec::new();
    for (key, value) in map {
        if ["apiVersion", "kind", "metadata"].contains(&key.as_str()) {
            continue;
        }
        let mut value = value.clone();
        if let ("status", Value::Object(status)) = (key.as_str(), &mut value) {
            status.remove("conditions");
        }
        if kind.group.is_empty() && kind.kind == "Secret" && key.ends_with("ata") {
            value = hidden(&value);
        }
        if !is_empty(&value) {
            lines.extend(section(&title(key), yaml(&value)?));
        }
    }
    Ok(lines)
}

fn hidden(data: &Value) -> Value {
    let Value::Object(map) = data else {
        return Value::Null;
    };
    let size = |value: &Value| {
        // Base64 has four characters for three bytes.
        let text = value.as_str().unwrap_or_default();
        let padding = text.bytes().rev().take_while(|byte| *byte == b'=').count();
        format!("{} bytes", (text.len() / 4 * 3).saturating_sub(padding))
    };
    let sizes: Map<String, Value> = map
        .iter()
        .map(|(key, value)| (key.clone(), Value::String(size(value))))
        .collect();
    Value::Object(sizes)
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Object(map) => map.is_empty(),
        Value::Array(items) => items.is_empty(),
        _ => false,
    }
}

fn title(key: &str) -> String {
    let mut letters = key.chars();
    letters.next().map_or_else(String::new, |first| {
        first.to_uppercase().chain(letters).collect()
    })
}

/// A value as lines of YAML.
pub(super) fn yaml(value: &Value) -> Result<Vec<String>, Error> {
    let text = to_yaml(value)?;
    Ok(text.trim_end().lines().map(ToOwned::to_owned).collect())
}

/// The conditions of the object, if its kind has any.
pub(super) fn conditions(object: &Value, now: Timestamp) -> Vec<String> {
    let found = object.pointer("/status/conditions").cloned();
    let found: Vec<Condition> = found
        .and_then(|found| serde_json::from_value(found).ok())
        .unwrap_or_default();
    if found.is_empty() {
        return Vec::new();
    }
    let mut table = Table::new(["TYPE", "STATUS", "AGE", "REASON", "MESSAGE"]);
    for condition in found {
        let age = condition
            .last_transition_time
            .map_or_else(|| "-".to_owned(), |time| since(time, now));
        table.row([
            condition.kind,
            condition.status,
            age,
            condition.reason,
            condition.message,
        ]);
    }
    section("Conditions", table.lines())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::discovery::tests::kind;
    use pretty_assertions::assert_eq;
    use serde_json::json;

    #[test]
    fn a_secret_keeps_its_values_to_itself() {
        let secret = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s"},
            "data": {"password": "c2VjcmV0"}, "type": "Opaque"});
        let lines = body(&secret, &kind("", "v1", "Secret", "secrets", "")).unwrap();
        assert_eq!(
            lines,
            ["", "Data:", "  password: 6 bytes", "", "Type:", "  Opaque"]
        );
    }

    #[test]
    fn the_header_tells_age_and_owner() {
        let object = json!({"metadata": {"name": "a", "namespace": "x",
            "creationTimestamp": "2026-11-22T10:00:00Z",
            "labels": {"one": "1", "two": "2"},
            "ownerReferences": [{"kind": "SGCluster", "name": "simple"}]}});
        let now: Timestamp = "2026-11-22T10:00:30Z".parse().unwrap();
        assert_eq!(
            header(&object, &kind("", "v1", "Pod", "pods", ""), now),
            [
                "Name:        a",
                "Kind:        Pod (v1)",
                "Namespace:   x",
                "Created:     2026-11-22T10:00:00Z (30s ago)",
                "Owned by:    sgcluster/simple",
                "Labels:      one=1",
                "             two=2",
            ]
        );
    }

    #[test]
    fn conditions_become_a_table() {
        let object = json!({"status": {"conditions": [{"type": "Ready", "status": "True",
            "reason": "Fine", "lastTransitionTime": "2026-11-22T10:00:00Z"}]}});
        let now: Timestamp = "2026-11-22T10:00:30Z".parse().unwrap();
        assert_eq!(
            conditions(&object, now),
            [
                "",
                "Conditions:",
                "  TYPE    STATUS   AGE   REASON   MESSAGE",
                "  Ready   True     30s   Fine"
            ]
        );
    }
}
