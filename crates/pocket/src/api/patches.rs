//! The patches that need no knowledge of the kind: JSON patches and merge patches.

use http::StatusCode;
use json_patch::PatchOperation;
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
        .map_err(|error| if is_list { refused() } else { bad(error) })?;
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

/// Applies a JSON patch (RFC 6902), one operation after the other: each can move or copy much.
pub(crate) fn json(live: &Value, operations: &json_patch::Patch) -> Result<Value, Failure> {
    let mut value = live.clone();
    let mut work = Work::default();
    for operation in &operations.0 {
        work.admit(&value, operation)?;
        json_patch::patch(&mut value, std::slice::from_ref(operation)).map_err(|_| refused())?;
    }
    if value.to_string().len() > body::LIMIT {
        return Err(Failure::too_large(body::LIMIT));
    }
    body::check_depth(&value)?;
    Ok(value)
}

fn refused() -> Failure {
    let message = "the server rejected our request due to an error in our request";
    let mut failure = Failure::new(StatusCode::UNPROCESSABLE_ENTITY, "Invalid", message);
    failure.details = Some(serde_json::Map::new());
    failure
}

/// What the operations of one patch have taken so far.
#[derive(Debug, Default)]
struct Work {
    /// The length of everything copied, as text.
    copied: usize,
    /// List elements that had to make place or close up.
    moved: usize,
}

impl Work {
    const MOST_MOVED: usize = 20_000_000;

    /// Refuses an operation that would nest too deeply, or with which the patch would take too much.
    fn admit(&mut self, value: &Value, operation: &PatchOperation) -> Result<(), Failure> {
        let (target, source) = match operation {
            PatchOperation::Add(add) => (&add.path, Some(&add.value)),
            PatchOperation::Replace(replace) => (&replace.path, Some(&replace.value)),
            PatchOperation::Move(shift) => (&shift.path, value.pointer(shift.from.as_str())),
            PatchOperation::Copy(copy) => (&copy.path, value.pointer(copy.from.as_str())),
            PatchOperation::Remove(remove) => (&remove.path, None),
            PatchOperation::Test(test) => (&test.path, None),
        };
        if let PatchOperation::Copy(_) = operation {
            self.copied += source.map_or(0, |source| source.to_string().len());
        }
        if let PatchOperation::Move(shift) = operation {
            self.moved += siblings(value, shift.from.as_str());
        }
        if !matches!(operation, PatchOperation::Test(_)) {
            self.moved += siblings(value, target.as_str());
        }
        if self.copied > body::LIMIT || self.moved > Self::MOST_MOVED {
            return Err(Failure::too_large(body::LIMIT));
        }
        let above = target.as_str().matches('/').count();
        source.map_or(Ok(()), |source| body::check_depth_below(source, above))
    }
}

/// How many elements the list has that a path leads into.
fn siblings(value: &Value, path: &str) -> usize {
    let parent = path.rsplit_once('/').map_or("", |(parent, _)| parent);
    let list = value.pointer(parent).and_then(Value::as_array);
    list.map_or(0, Vec::len)
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

    fn patched(live: &Value, patch: &Value) -> Result<Value, StatusCode> {
        let operations = operations(patch).map_err(|failure| failure.code)?;
        json(live, &operations).map_err(|failure| failure.code)
    }

    #[test]
    fn copies_and_nesting_are_bounded_before_they_are_made() {
        let live = json!({"a": {"b": [1, 2, 3]}});
        let copies = vec![json!({"op": "copy", "from": "/a", "path": "/a/b/0"}); 100];
        assert_eq!(
            patched(&live, &copies.into()),
            Err(StatusCode::PAYLOAD_TOO_LARGE)
        );
        let deep = (0..90).fold(json!(1), |inner, _| json!([inner]));
        let at = |depth: usize| format!("/a{}", "/0".repeat(depth));
        let adds: Vec<Value> = [0, 90]
            .map(|depth| json!({"op": "add", "path": at(depth), "value": deep}))
            .into();
        assert_eq!(patched(&live, &adds.into()), Err(StatusCode::BAD_REQUEST));
        let list = json!({"l": vec![0; 1_000_000]});
        let moves = vec![json!({"op": "add", "path": "/l/0", "value": 1}); 100];
        assert_eq!(
            patched(&list, &moves.into()),
            Err(StatusCode::PAYLOAD_TOO_LARGE)
        );
    }

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
