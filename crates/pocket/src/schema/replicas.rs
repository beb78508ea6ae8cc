//! The number of replicas that the `scale` subresource of a kind reads and writes: checked beside the schema, in
//! whatever place the definition says.

use serde_json::Value;

use super::cause::Cause;
use super::text;

/// What is wrong with the number, if it is there.
pub(super) fn check(path: &[String], object: &Value) -> Option<Cause> {
    let whole = dotted(path);
    let mut value = object;
    for (depth, name) in path.iter().enumerate() {
        match value {
            Value::Null => return None,
            Value::Object(members) => value = members.get(name)?,
            other => {
                let reached = dotted(path.get(..=depth).unwrap_or(path));
                let detail = not_of(&reached, other, "map[string]interface{}");
                return Some(cause(whole, &Value::from(0), &detail));
            }
        }
    }
    let Some(number) = value.as_i64() else {
        let detail = not_of(&whole, value, "int64");
        return Some(cause(whole, &Value::from(0), &detail));
    };
    let detail = if number < 0 {
        "should be a non-negative integer".to_owned()
    } else if number > i64::from(i32::MAX) {
        format!("should be less than or equal to {}", i32::MAX)
    } else {
        return None;
    };
    Some(cause(whole, value, &detail))
}

/// Unlike elsewhere the path keeps its first dot: it is that of the definition.
fn cause(path: String, value: &Value, detail: &str) -> Cause {
    let mut cause = Cause::invalid(&path, value, detail);
    cause.field = path;
    cause
}

fn dotted(path: &[String]) -> String {
    format!(".{}", path.join("."))
}

fn not_of(path: &str, value: &Value, expected: &str) -> String {
    let (shown, found) = (text::plain(value), go_type(value));
    format!("{path} accessor error: {shown} is of the type {found}, expected {expected}")
}

/// Go's `%T` of a decoded value.
fn go_type(value: &Value) -> &'static str {
    match value {
        Value::Null => "<nil>",
        Value::Bool(_) => "bool",
        Value::Number(_) => "float64",
        Value::String(_) => "string",
        Value::Array(_) => "[]interface {}",
        Value::Object(_) => "map[string]interface {}",
    }
}
