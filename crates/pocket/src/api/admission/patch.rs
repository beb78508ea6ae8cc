//! JSON patches of strangers: each step is bounded, as copies can double a value every time.

use json_patch::{Patch, PatchOperation};
use serde_json::Value;

use crate::api::body;

/// Operations that one patch may have.
const MOST: usize = 10_000;

/// Understands a patch.
pub(super) fn parse(bytes: &[u8]) -> Result<Patch, String> {
    let patch: Patch = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
    if patch.0.len() > MOST {
        return Err(format!(
            "the patch has {} operations, more than {MOST}",
            patch.0.len()
        ));
    }
    Ok(patch)
}

/// Carries a patch out.
pub(super) fn apply(value: &mut Value, patch: Patch) -> Result<(), String> {
    let mut copied = 0;
    for operation in patch.0 {
        if let PatchOperation::Copy(copy) = &operation {
            let source = value.pointer(copy.from.as_str());
            copied += source.map_or(0, |source| source.to_string().len());
            if copied > body::LIMIT {
                return Err(format!(
                    "the copies of the patch make more than {} bytes",
                    body::LIMIT
                ));
            }
        }
        json_patch::patch(value, &[operation]).map_err(|error| error.to_string())?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn run(mut value: Value, patch: &Value) -> Result<Value, String> {
        apply(&mut value, parse(patch.to_string().as_bytes())?).map(|()| value)
    }

    #[test]
    fn operations_follow_one_another() {
        let patch = json!([{"op": "add", "path": "/a", "value": {}},
            {"op": "copy", "from": "/a", "path": "/b"}, {"op": "test", "path": "/b", "value": {}}]);
        assert_eq!(run(json!({}), &patch), Ok(json!({"a": {}, "b": {}})));
    }

    #[test]
    fn bombs_are_refused() {
        let double = json!({"op": "copy", "from": "/a", "path": "/a/-"});
        let patch = Value::from(vec![double; 64]);
        assert!(run(json!({"a": ["x"]}), &patch).is_err());
        let many = Value::from(vec![
            json!({"op": "test", "path": "", "value": {}});
            MOST + 1
        ]);
        assert!(run(json!({}), &many).is_err());
        assert!(parse(b"{}").is_err());
        assert!(run(json!({}), &json!([{"op": "remove", "path": "/nothing"}])).is_err());
    }
}
