//! Scalars that people write as text, as numbers or as booleans, read into text.

use std::borrow::Cow;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

/// Value of a Postgres parameter; booleans read as `on` and `off`.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct ParameterValue(pub String);

/// Value of a PgBouncer setting; booleans read as `1` and `0`, the only form PgBouncer takes.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct IniValue(pub String);

/// A Kubernetes quantity that may be written as a number (`cpu: 2`) or as text (`cpu: 500m`).
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct QuantityValue(pub String);

macro_rules! text_value {
    ($name:ident, $on:expr, $off:expr, $schema:tt) => {
        impl $name {
            /// The value as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl From<&str> for $name {
            fn from(text: &str) -> Self {
                Self(text.to_owned())
            }
        }

        impl From<String> for $name {
            fn from(text: String) -> Self {
                Self(text)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                match (Value::deserialize(deserializer)?, $on) {
                    (Value::String(text), _) => Ok(Self(text)),
                    (Value::Number(number), _) => Ok(Self(number.to_string())),
                    (Value::Bool(true), Some(on)) => Ok(Self(String::from(on))),
                    (Value::Bool(false), Some(_)) => Ok(Self(String::from($off))),
                    (other, _) => Err(D::Error::custom(format!(
                        "expected text or a number, found {}",
                        kind_of(&other)
                    ))),
                }
            }
        }

        impl JsonSchema for $name {
            fn schema_name() -> Cow<'static, str> {
                stringify!($name).into()
            }

            fn inline_schema() -> bool {
                true
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!($schema)
            }
        }
    };
}

text_value!(ParameterValue, Some("on"), "off", {"x-kubernetes-preserve-unknown-fields": true});
text_value!(IniValue, Some("1"), "0", {"x-kubernetes-preserve-unknown-fields": true});
text_value!(QuantityValue, None::<&str>, "", {
    "anyOf": [{"type": "integer"}, {"type": "string"}],
    "x-kubernetes-int-or-string": true
});

fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{from_value, json};

    use super::*;

    #[test]
    fn parameters_read_text_numbers_and_booleans_as_text() {
        for (written, read) in [
            (json!("200"), "200"),
            (json!(200), "200"),
            (json!(1.5), "1.5"),
            (json!(-1), "-1"),
            (json!(true), "on"),
            (json!(false), "off"),
        ] {
            let value: ParameterValue = from_value(written).unwrap();
            assert_eq!(value.as_str(), read);
        }
    }

    #[test]
    fn pooler_booleans_read_as_digits() {
        assert_eq!(from_value::<IniValue>(json!(true)).unwrap().as_str(), "1");
        assert_eq!(from_value::<IniValue>(json!(false)).unwrap().as_str(), "0");
    }

    #[test]
    fn structures_are_not_parameter_values() {
        for wrong in [json!({}), json!([1]), json!(null)] {
            assert!(from_value::<ParameterValue>(wrong).is_err());
        }
        assert!(from_value::<QuantityValue>(json!(true)).is_err());
    }
}
