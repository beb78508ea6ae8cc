//! Comparing JSON with what is expected of it.

use serde_json::Value;

/// The first thing that the pattern has and the value has not.
///
/// An object of the pattern may have fewer fields than the value's; a list has to have as many entries. `null` in the
/// pattern says that there is nothing.
#[must_use]
pub(crate) fn missing(value: &Value, pattern: &Value) -> Option<String> {
    look(value, pattern, &mut String::new())
}

fn look(value: &Value, pattern: &Value, path: &mut String) -> Option<String> {
    match (value, pattern) {
        (Value::Object(value), Value::Object(pattern)) => {
            pattern.iter().find_map(|(key, wanted)| {
                let found = value.get(key).unwrap_or(&Value::Null);
                deeper(found, wanted, path, key)
            })
        }
        (Value::Array(value), Value::Array(pattern)) if value.len() == pattern.len() => value
            .iter()
            .zip(pattern)
            .enumerate()
            .find_map(|(index, (found, wanted))| deeper(found, wanted, path, &index.to_string())),
        _ if value == pattern => None,
        _ => Some(format!("{path} is {value} instead of {pattern}")),
    }
}

fn deeper(value: &Value, pattern: &Value, path: &mut String, step: &str) -> Option<String> {
    let length = path.len();
    path.push('/');
    path.push_str(step);
    let difference = look(value, pattern, path);
    path.truncate(length);
    difference
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::missing;

    #[test]
    fn fields_that_nobody_asked_for_do_not_matter() {
        let value = json!({"a": {"b": 1, "c": 2}, "d": [{"e": 1, "f": 2}]});
        assert_eq!(
            missing(&value, &json!({"a": {"b": 1}, "d": [{"e": 1}]})),
            None
        );
    }

    #[test]
    fn a_difference_is_told_with_its_place() {
        let value = json!({"a": [{"b": 1}]});
        assert_eq!(
            missing(&value, &json!({"a": [{"b": 2}]})).as_deref(),
            Some("/a/0/b is 1 instead of 2")
        );
    }

    #[test]
    fn a_list_has_as_many_entries_as_expected() {
        assert!(missing(&json!([1, 2]), &json!([1])).is_some());
    }

    #[test]
    fn null_says_that_there_is_nothing() {
        assert_eq!(missing(&json!({}), &json!({"a": null})), None);
        assert!(missing(&json!({"a": 1}), &json!({"a": null})).is_some());
    }
}
