//! Label selectors in the form that objects carry.

use serde_json::Value;

use crate::api::object;

/// A `LabelSelector`.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Selector(Vec<Requirement>);

#[derive(Clone, Debug, PartialEq)]
struct Requirement {
    key: String,
    operator: String,
    values: Vec<String>,
}

impl Selector {
    pub(super) fn parse(source: &Value) -> Self {
        let labels = source["matchLabels"].as_object().into_iter().flatten();
        let mut list: Vec<Requirement> = labels
            .map(|(key, value)| Requirement {
                key: key.clone(),
                operator: "In".into(),
                values: value.as_str().map(str::to_owned).into_iter().collect(),
            })
            .collect();
        let expressions = object::list(source, &["matchExpressions"]).iter();
        list.extend(expressions.map(|one| {
            let values = object::list(one, &["values"]).iter();
            Requirement {
                key: object::text(one, &["key"]).to_owned(),
                operator: object::text(one, &["operator"]).to_owned(),
                values: values
                    .filter_map(Value::as_str)
                    .map(str::to_owned)
                    .collect(),
            }
        }));
        Self(list)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn matches(&self, labels: &Value) -> bool {
        self.0.iter().all(|one| {
            let value = labels.get(&one.key).and_then(Value::as_str);
            let listed = value.is_some_and(|value| one.values.iter().any(|each| each == value));
            match one.operator.as_str() {
                "In" => listed,
                "NotIn" => !listed,
                "Exists" => value.is_some(),
                "DoesNotExist" => value.is_none(),
                _ => false,
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_requirement_has_to_hold() {
        let labels = json!({"app": "a", "tier": "db"});
        let holds = |source: Value| Selector::parse(&source).matches(&labels);
        assert!(holds(json!({})));
        assert!(holds(json!({"matchLabels": {"app": "a"}})));
        assert!(!holds(json!({"matchLabels": {"app": "b"}})));
        for (operator, values, expected) in [
            ("In", json!(["x", "db"]), true),
            ("In", json!(["x"]), false),
            ("NotIn", json!(["x"]), true),
            ("Exists", json!([]), true),
            ("DoesNotExist", json!([]), false),
            ("Like", json!(["db"]), false),
        ] {
            let one = json!({"key": "tier", "operator": operator, "values": values});
            assert_eq!(
                holds(json!({"matchExpressions": [one]})),
                expected,
                "{operator}"
            );
        }
    }
}
