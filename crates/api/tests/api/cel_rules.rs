//! Evaluation of `x-kubernetes-validations`, and a record of which rules were seen to refuse.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use cel::objects::{Key, Map};
use cel::{Context, Program, Value as Cel};
use serde_json::Value;

use crate::admission::{member_schema, properties};

/// Evaluates every rule at or below a place.
pub(crate) fn check(
    schema: &Value,
    value: &Value,
    old: Option<&Value>,
    path: &str,
    complaints: &mut Vec<String>,
) {
    for rule in schema["x-kubernetes-validations"]
        .as_array()
        .into_iter()
        .flatten()
    {
        let source = rule["rule"].as_str().unwrap();
        if source.contains("oldSelf") && old.is_none() {
            continue;
        }
        match evaluate(source, value, old) {
            Ok(true) => {}
            Ok(false) => complaints.push(format!("{path}: {}", rule["message"].as_str().unwrap())),
            Err(error) => complaints.push(format!("{path}: {source}: {error}")),
        }
    }
    match value {
        Value::Object(members) => {
            for (name, member) in members {
                if let Some(part) = member_schema(schema, name) {
                    let old = old.and_then(|old| old.get(name));
                    check(part, member, old, &format!("{path}.{name}"), complaints);
                }
            }
        }
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                if let Some(part) = schema.get("items") {
                    check(part, item, None, &format!("{path}[{index}]"), complaints);
                }
            }
        }
        _ => {}
    }
}

fn evaluate(source: &str, value: &Value, old: Option<&Value>) -> Result<bool, String> {
    let program = Program::compile(source).map_err(|error| error.to_string())?;
    let mut context = Context::default();
    context.add_variable_from_value("self", convert(value));
    if let Some(old) = old {
        context.add_variable_from_value("oldSelf", convert(old));
    }
    match program.execute(&context) {
        Ok(Cel::Bool(holds)) => Ok(holds),
        Ok(other) => Err(format!("neither true nor false: {other:?}")),
        Err(error) => Err(error.to_string()),
    }
}

fn convert(value: &Value) -> Cel {
    match value {
        Value::Null => Cel::Null,
        Value::Bool(flag) => Cel::Bool(*flag),
        Value::Number(number) => number
            .as_i64()
            .map_or_else(|| Cel::Float(number.as_f64().unwrap()), Cel::Int),
        Value::String(text) => Cel::String(Arc::new(text.clone())),
        Value::Array(items) => Cel::List(Arc::new(items.iter().map(convert).collect())),
        Value::Object(members) => {
            let map: HashMap<Key, Cel> = members
                .iter()
                .map(|(name, member)| (Key::String(Arc::new(name.clone())), convert(member)))
                .collect();
            Cel::Map(Map { map: Arc::new(map) })
        }
    }
}

/// Messages of every rule at or below a place.
pub(crate) fn messages(schema: &Value, found: &mut BTreeSet<String>) {
    for rule in schema["x-kubernetes-validations"]
        .as_array()
        .into_iter()
        .flatten()
    {
        found.insert(rule["message"].as_str().unwrap().to_owned());
    }
    for (_, part) in properties(schema) {
        messages(part, found);
    }
    for name in ["items", "additionalProperties"] {
        if let Some(part) = schema.get(name) {
            messages(part, found);
        }
    }
}
