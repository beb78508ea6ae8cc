//! The patches that need no knowledge of the kind: JSON patches and merge patches.

use http::StatusCode;
use serde_json::Value;

use super::body;
use super::status::Failure;

/// Reads a JSON patch.
pub(crate) fn operations(patch: &Value) -> Result<json_patch::Patch, Failure> {
    const MOST: usize = 10_000;
    let bad =
        |error: serde_json::Error| Failure::bad_request(format!("error decoding patch: {error}"));
    // Any list is a patch; one with operations that there are not is refused like one that does not fit.
    let is_list = patch.is_array();
    let operations: json_patch::Patch = serde::Deserialize::deserialize(patch)
        .map_err(|error| if is_list { unfit() } else { bad(error) })?;
    if operations.0.len() > MOST {
        let message = format!(
            "The allowed maximum operations in a JSON patch is {MOST}, got {}",
            operations.0.len()
        );
        return Err(Failure::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            "RequestEntityTooLarge",
            message,
        ));
    }
    Ok(operations)
}

/// Applies a JSON patch (RFC 6902).
pub(crate) fn json(live: &Value, operations: &json_patch::Patch) -> Result<Value, Failure> {
    let mut value = live.clone();
    json_patch::patch(&mut value, operations).map_err(|_| unfit())?;
    // Copies can grow a value beyond what any body could hold.
    if value.to_string().len() > body::LIMIT {
        return Err(Failure::too_large(body::LIMIT));
    }
    body::check_depth(&value)?;
    Ok(value)
}

fn unfit() -> Failure {
    let message = "the server rejected our request due to an error in our request";
    let mut failure = Failure::new(StatusCode::UNPROCESSABLE_ENTITY, "Invalid", message);
    failure.details = Some(serde_json::Map::new());
    failure
}

/// Applies a merge patch (RFC 7386).
pub(crate) fn merge(live: &Value, patch: &Value) -> Value {
    let Value::Object(changes) = patch else {
        return patch.clone();
    };
    let mut merged = live.as_object().cloned().unwrap_or_default();
    for (name, change) in changes {
        if change.is_null() {
            merged.remove(name);
        } else {
            let before = merged.get(name).unwrap_or(&Value::Null);
            let value = merge(before, change);
            merged.insert(name.clone(), value);
        }
    }
    Value::Object(merged)
}

/// What the operations of a JSON patch say that operations do not have.
pub(crate) fn unknown_members(patch: &Value) -> Vec<String> {
    const KNOWN: [&str; 4] = ["op", "path", "from", "value"];
    let operations = patch.as_array().into_iter().flatten().enumerate();
    let members = operations.flat_map(|(at, one)| {
        let members = one.as_object().into_iter().flatten();
        members.map(move |(name, _)| (at, name))
    });
    let unknown = members.filter(|(_, name)| !KNOWN.contains(&name.as_str()));
    unknown.map(|(at, name)| format!("[{at}].{name}")).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn merge_patches_remove_with_null_and_replace_lists() {
        let live = json!({"a": {"b": 1, "c": [1, 2]}, "d": 1});
        let patch = json!({"a": {"b": null, "c": [3]}, "d": {"e": {"f": null}}});
        assert_eq!(
            merge(&live, &patch),
            json!({"a": {"c": [3]}, "d": {"e": {}}})
        );
    }
}
