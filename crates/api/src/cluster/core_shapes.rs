//! Reading of core/v1 shapes: quantities may be numbers there, which the typed structs refuse.

use serde::de::{DeserializeOwned, Error as _};
use serde::{Deserialize, Deserializer};
use serde_json::Value;

/// Reads a core/v1 shape, with quantities as text or as numbers.
pub(super) fn lenient<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: DeserializeOwned,
{
    let mut value = Value::deserialize(deserializer)?;
    quantities_to_text(&mut value);
    serde_json::from_value(value).map_err(D::Error::custom)
}

fn quantities_to_text(value: &mut Value) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(quantities_to_text),
        Value::Object(fields) => {
            for (key, field) in fields {
                match key.as_str() {
                    "limits" | "requests" => {
                        field
                            .as_object_mut()
                            .into_iter()
                            .flatten()
                            .for_each(|(_, q)| to_text(q));
                    }
                    "sizeLimit" | "divisor" => to_text(field),
                    _ => quantities_to_text(field),
                }
            }
        }
        _ => {}
    }
}

fn to_text(quantity: &mut Value) {
    if let Value::Number(number) = quantity {
        *quantity = Value::String(number.to_string());
    }
}

#[cfg(test)]
mod tests {
    use k8s_openapi::api::core::v1::Container;
    use serde_json::json;

    use super::*;

    #[test]
    fn quantities_may_be_numbers() {
        let containers: Vec<Container> = lenient(json!([{
            "name": "tool",
            "resources": {"limits": {"cpu": 2, "memory": "1Gi"}, "requests": {"cpu": 0.5}},
        }]))
        .unwrap();
        let resources = containers[0].resources.clone().unwrap();
        assert_eq!(resources.limits.unwrap()["cpu"].0, "2");
        assert_eq!(resources.requests.unwrap()["cpu"].0, "0.5");
    }
}
