//! Whether an object on the server already is what was planned.
//!
//! A pass at rest must write nothing, so this is asked before every apply. The server adds fields
//! of its own (defaults, identity, status), so the planned object only has to be contained in the
//! stored one. What was planned earlier and no longer is shows in a fingerprint that every
//! applied object carries.

use serde_json::Value;

/// Annotation with the fingerprint of the object as it was last applied.
pub(crate) const APPLIED_HASH: &str = "howdah.io/applied-hash";

/// Whether everything in `planned` is in `stored`.
pub(crate) fn covers(stored: &Value, planned: &Value) -> bool {
    match (stored, planned) {
        (Value::Object(stored), Value::Object(planned)) => {
            planned.iter().all(|(key, planned)| match stored.get(key) {
                Some(stored) => covers(stored, planned),
                None => is_empty(planned),
            })
        }
        (Value::Array(stored), Value::Array(planned)) => {
            stored.len() == planned.len()
                && stored
                    .iter()
                    .zip(planned)
                    .all(|(stored, planned)| covers(stored, planned))
        }
        (stored, planned) => stored == planned,
    }
}

/// The server leaves out what is empty.
fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Object(map) => map.is_empty(),
        Value::Array(list) => list.is_empty(),
        Value::String(text) => text.is_empty(),
        Value::Bool(_) | Value::Number(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn fields_that_the_server_added_are_no_difference() {
        let stored = json!({"a": 1, "uid": "x", "list": [{"name": "n", "protocol": "TCP"}]});
        assert!(covers(
            &stored,
            &json!({"a": 1, "list": [{"name": "n"}], "none": {}})
        ));
    }

    #[test]
    fn every_other_deviation_is_a_difference() {
        let stored = json!({"a": 1, "list": [1, 2]});
        for planned in [
            json!({"a": 2}),
            json!({"b": 1}),
            json!({"list": [1]}),
            json!({"list": [2, 1]}),
        ] {
            assert!(!covers(&stored, &planned), "{planned}");
        }
    }
}
