//! Match conditions: expressions over the request that spare a webhook its call.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock};

use cel::objects::{Key, Map};
use cel::{Context, Env, Value as Cel, extensions};
use serde_json::Value;

use crate::api::object;

/// Longer expressions are refused.
const LONGEST: usize = 16 << 10;

static ENV: LazyLock<Arc<Env>> = LazyLock::new(|| {
    let mut env = Env::stdlib();
    for extension in [extensions::strings, extensions::lists, extensions::math] {
        env.add_extension(extension)
            .expect("the library's own extensions do not collide");
    }
    Arc::new(env)
});

/// One entry of `matchConditions`.
#[derive(Clone, Debug)]
pub(super) struct Condition {
    name: String,
    expression: String,
}

/// What is wrong with an expression.
pub(crate) fn check(expression: &str) -> Result<(), String> {
    if expression.len() > LONGEST {
        return Err(format!("longer than {LONGEST} bytes"));
    }
    let compiled = ENV.compile(expression);
    compiled.map(drop).map_err(|error| error.to_string())
}

impl Condition {
    pub(super) fn parse(source: &Value) -> Self {
        let text = |name: &str| object::text(source, &[name]).to_owned();
        Self {
            name: text("name"),
            expression: text("expression"),
        }
    }

    fn holds(&self, context: &Context<'_, '_>) -> Result<bool, String> {
        let said = |error: &dyn std::fmt::Display| {
            format!("expression '{}' resulted in error: {error}", self.name)
        };
        let program = ENV
            .compile(&self.expression)
            .map_err(|error| said(&error))?;
        match program.execute(context) {
            Ok(Cel::Bool(holds)) => Ok(holds),
            Ok(_) => Err(said(&"the answer is not a yes or no")),
            Err(error) => Err(said(&error)),
        }
    }
}

/// Whether all conditions hold; one that does not outweighs errors in others.
pub(super) fn all(
    conditions: &[Condition],
    request: &Value,
    object: Option<&Value>,
    old: Option<&Value>,
) -> Result<bool, String> {
    if conditions.is_empty() {
        return Ok(true);
    }
    let mut context = Context::with_env(Arc::clone(&ENV));
    let value = |value: Option<&Value>| value.map_or(Cel::Null, convert);
    context.add_variable_from_value("request", convert(request));
    context.add_variable_from_value("object", value(object));
    context.add_variable_from_value("oldObject", value(old));
    let mut errors = Vec::new();
    for condition in conditions {
        match condition.holds(&context) {
            Ok(true) => {}
            Ok(false) => return Ok(false),
            Err(error) => errors.push(error),
        }
    }
    match errors.as_slice() {
        [] => Ok(true),
        [one] => Err(one.clone()),
        many => Err(format!("[{}]", many.join(", "))),
    }
}

fn convert(value: &Value) -> Cel {
    match value {
        Value::Null => Cel::Null,
        Value::Bool(flag) => Cel::Bool(*flag),
        Value::Number(number) => match number.as_i64() {
            Some(whole) => Cel::Int(whole),
            None => Cel::Float(number.as_f64().unwrap_or_default()),
        },
        Value::String(text) => Cel::String(Arc::new(text.clone())),
        Value::Array(list) => Cel::List(Arc::new(list.iter().map(convert).collect())),
        Value::Object(members) => {
            let entries = members
                .iter()
                .map(|(name, member)| (Key::String(Arc::new(name.clone())), convert(member)));
            let map: HashMap<Key, Cel> = entries.collect();
            Cel::Map(Map { map: Arc::new(map) })
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn ask(expressions: &[&str]) -> Result<bool, String> {
        let conditions: Vec<Condition> = expressions
            .iter()
            .map(|text| Condition {
                name: "c".into(),
                expression: (*text).into(),
            })
            .collect();
        let request = json!({"operation": "CREATE", "userInfo": {"groups": ["a", "b"]}});
        let object = json!({"spec": {"size": 3}, "metadata": {"labels": {"x": "y"}}});
        all(&conditions, &request, Some(&object), None)
    }

    #[test]
    fn conditions_see_the_request_and_its_objects() {
        assert_eq!(ask(&[]), Ok(true));
        assert_eq!(
            ask(&[
                "object.spec.size > 2",
                "!('c' in request.userInfo.groups)",
                "oldObject == null",
                "has(object.metadata.labels) && object.metadata.labels.x.startsWith('y')",
            ]),
            Ok(true)
        );
        assert_eq!(ask(&["request.operation == 'DELETE'"]), Ok(false));
    }

    #[test]
    fn a_no_outweighs_errors_and_errors_are_told() {
        assert_eq!(ask(&["object.nothing.there", "false"]), Ok(false));
        assert!(ask(&["object.nothing.there"]).is_err());
        assert!(ask(&["object.spec.size"]).is_err());
        assert!(check("1 +").is_err());
        assert!(check("object.x == 'y'").is_ok());
    }
}
