//! Evaluating `x-kubernetes-validations`.

mod quantity;

use std::collections::HashMap;
use std::sync::{Arc, LazyLock};

pub(super) use ::cel::Program;
use ::cel::objects::{Key, Map};
use ::cel::{Context, Env, Value as Cel, extensions};
use serde_json::Value;

use super::validate::join;
use super::{Kind, Rule, Schema};
use crate::api::shape::ListKind;
use crate::api::status::Cause;

/// The functions that rules may call.
static ENV: LazyLock<Arc<Env>> = LazyLock::new(|| {
    let mut env = Env::stdlib();
    for extension in [extensions::strings, extensions::lists, extensions::math] {
        env.add_extension(extension)
            .expect("the library's own extensions do not collide");
    }
    Arc::new(env)
});

/// Evaluates every rule at or below a place.
pub(super) fn check(schema: &Schema, object: &Value, old: Option<&Value>, causes: &mut Vec<Cause>) {
    walk(schema, object, old, "", causes);
}

fn walk(schema: &Schema, value: &Value, old: Option<&Value>, path: &str, causes: &mut Vec<Cause>) {
    if !schema.rules_below || value.is_null() {
        return;
    }
    if !schema.rules.is_empty() {
        evaluate(schema, value, old, path, causes);
    }
    match value {
        Value::Object(members) => {
            for (name, member) in members {
                let before = old.and_then(|old| old.get(name));
                if let Some(part) = schema.properties.get(name.as_str()) {
                    walk(part, member, before, &join(path, name), causes);
                } else if let Some(part) = &schema.additional {
                    walk(part, member, before, &format!("{path}[{name}]"), causes);
                }
            }
        }
        Value::Array(list) => {
            let Some(items) = schema.items.as_deref() else {
                return;
            };
            for (at, item) in list.iter().enumerate() {
                let before = old.and_then(|old| counterpart(&schema.list, old, item));
                walk(items, item, before, &format!("{path}[{at}]"), causes);
            }
        }
        _ => {}
    }
}

/// The element of an old list that a new one replaces; only keyed lists have such pairs.
fn counterpart<'a>(kind: &ListKind, old: &'a Value, item: &Value) -> Option<&'a Value> {
    let ListKind::Keyed(keys) = kind else {
        return None;
    };
    let same = |other: &&Value| keys.iter().all(|key| other.get(key) == item.get(key));
    old.as_array()?.iter().find(same)
}

fn evaluate(
    schema: &Schema,
    value: &Value,
    old: Option<&Value>,
    path: &str,
    causes: &mut Vec<Cause>,
) {
    let mut context = Context::with_env(Arc::clone(&ENV));
    quantity::register(&mut context);
    context.add_variable_from_value("self", convert(schema, value));
    if let Some(old) = old {
        context.add_variable_from_value("oldSelf", convert(schema, old));
    }
    for rule in &schema.rules {
        if rule.transition && old.is_none() && !rule.optional_old_self {
            continue;
        }
        let field = match &rule.field_path {
            Some(below) => format!("{path}{below}").trim_start_matches('.').to_owned(),
            None if path.is_empty() => "<nil>".to_owned(),
            None => path.to_owned(),
        };
        let detail = match run(rule, &context) {
            Ok(true) => continue,
            Ok(false) => message(rule, &context),
            Err(error) => format!("rule evaluation error: {error}: {}", rule.rule),
        };
        let message = match rule.reason {
            "FieldValueForbidden" => format!("Forbidden: {detail}"),
            "FieldValueRequired" => format!("Required value: {detail}"),
            "FieldValueDuplicate" => format!("Duplicate value: {detail}"),
            // Lists and objects are not shown, they can be long.
            _ if value.is_object() || value.is_array() => format!("Invalid value: {detail}"),
            _ => format!("Invalid value: {value}: {detail}"),
        };
        causes.push(Cause {
            reason: rule.reason,
            message,
            field,
        });
    }
}

fn run(rule: &Rule, context: &Context<'_, '_>) -> Result<bool, String> {
    let program = rule
        .program
        .get_or_init(|| ENV.compile(&rule.rule).map_err(|error| error.to_string()))
        .as_ref()
        .map_err(Clone::clone)?;
    match program.execute(context) {
        Ok(Cel::Bool(holds)) => Ok(holds),
        Ok(_) => Err("the rule is not a yes or no".to_owned()),
        Err(error) => Err(error.to_string()),
    }
}

fn message(rule: &Rule, context: &Context<'_, '_>) -> String {
    let computed = rule.message_expression.as_deref().and_then(|source| {
        let program = ENV.compile(source).ok()?;
        match program.execute(context) {
            Ok(Cel::String(text)) if !text.trim().is_empty() => Some(text.to_string()),
            _ => None,
        }
    });
    computed
        .or_else(|| rule.message.clone())
        .unwrap_or_else(|| format!("failed rule: {}", rule.rule.trim()))
}

/// A value as rules see it: typed by the schema, with member names made into identifiers.
fn convert(schema: &Schema, value: &Value) -> Cel {
    match value {
        Value::Null => Cel::Null,
        Value::Bool(flag) => Cel::Bool(*flag),
        Value::Number(number) => match (schema.kind, number.as_i64()) {
            (Some(Kind::Number), _) | (_, None) => Cel::Float(number.as_f64().unwrap_or_default()),
            (_, Some(whole)) => Cel::Int(whole),
        },
        Value::String(text) => Cel::String(Arc::new(text.clone())),
        Value::Array(list) => {
            let open = Schema::open();
            let items = schema.items.as_deref().unwrap_or(&open);
            Cel::List(Arc::new(
                list.iter().map(|item| convert(items, item)).collect(),
            ))
        }
        Value::Object(members) => {
            let open = Schema::open();
            let entries = members.iter().map(|(name, member)| {
                let part = schema.member(name).unwrap_or(&open);
                let declared = schema.properties.contains_key(name.as_str());
                let name = if declared { escape(name) } else { name.clone() };
                (Key::String(Arc::new(name)), convert(part, member))
            });
            let map: HashMap<Key, Cel> = entries.collect();
            Cel::Map(Map { map: Arc::new(map) })
        }
    }
}

/// Member names that are no identifiers are escaped as Kubernetes does it.
fn escape(name: &str) -> String {
    const RESERVED: [&str; 22] = [
        "true",
        "false",
        "null",
        "in",
        "as",
        "break",
        "const",
        "continue",
        "else",
        "for",
        "function",
        "if",
        "import",
        "let",
        "loop",
        "package",
        "namespace",
        "return",
        "var",
        "void",
        "while",
        "__",
    ];
    if RESERVED.contains(&name) {
        return format!("__{name}__");
    }
    name.replace("__", "__underscores__")
        .replace('.', "__dot__")
        .replace('-', "__dash__")
        .replace('/', "__slash__")
}

/// What is wrong with a rule itself.
#[cfg(test)]
pub(super) fn problem(rule: &str) -> Option<String> {
    ENV.compile(rule).err().map(|error| error.to_string())
}
