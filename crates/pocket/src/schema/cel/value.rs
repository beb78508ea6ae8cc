//! JSON values as expression values, by the types of the schema. Strings and keys are borrowed, not copied.

use std::collections::HashMap;

use ::cel::Env;
use ::cel::common::types::{
    CelBool, CelBytes, CelDouble, CelInt, CelList, CelMap, CelMapKey, CelNull, CelString,
};
use ::cel::common::value::{CowVal, Val};
use base64::Engine as _;
use serde_json::{Map, Number, Value};

use super::super::format::Format;
use super::super::node::{Additional, JsonType, Node};
use super::names;

type Boxed<'v> = Box<dyn Val + 'v>;

/// Whether rules may look at values of this schema: they must have a type.
pub(super) fn is_visible(node: &Node) -> bool {
    match node.kind {
        _ if node.int_or_string => true,
        None => false,
        Some(JsonType::Array) => node.items.as_deref().is_some_and(is_visible),
        Some(JsonType::Object) => match &node.additional {
            Additional::Schema(values) => is_visible(values),
            Additional::Anything | Additional::Absent => true,
        },
        Some(_) => true,
    }
}

/// The value an expression sees.
pub(super) fn convert<'v>(env: &Env, node: &Node, value: &'v Value, is_object: bool) -> Boxed<'v> {
    match value {
        Value::Null => Box::new(CelNull),
        Value::Bool(value) => Box::new(CelBool::from(*value)),
        Value::Number(number) => convert_number(node, number),
        Value::String(text) => convert_string(env, node, text),
        Value::Array(items) => {
            let items: Vec<Boxed<'v>> = match node.items.as_deref() {
                Some(schema) => items
                    .iter()
                    .map(|item| convert(env, schema, item, schema.embedded))
                    .collect(),
                None => Vec::new(),
            };
            Box::new(CelList::from(items))
        }
        Value::Object(map) => Box::new(CelMap::from(convert_map(env, node, map, is_object))),
    }
}

fn convert_number<'v>(node: &Node, number: &Number) -> Boxed<'v> {
    let wants_float = !node.int_or_string && node.kind == Some(JsonType::Number);
    match (number.as_i64(), number.as_f64()) {
        (Some(integer), _) if !wants_float => Box::new(CelInt::from(integer)),
        (_, Some(float))
            if node.kind == Some(JsonType::Integer)
                && float.fract() == 0.0
                && float.abs() < 9e15 =>
        {
            #[expect(
                clippy::cast_possible_truncation,
                reason = "a whole number of at most 53 bits"
            )]
            let integer = float as i64;
            Box::new(CelInt::from(integer))
        }
        (_, float) => Box::new(CelDouble::from(float.unwrap_or(f64::NAN))),
    }
}

/// Text with a format becomes what the format describes.
fn convert_string<'v>(env: &Env, node: &Node, text: &'v str) -> Boxed<'v> {
    let format = node
        .limits
        .as_deref()
        .and_then(|limits| limits.format.as_ref())
        .map(|(_, format)| *format);
    match format.filter(|_| !node.int_or_string) {
        Some(Format::DateTime) => call(env, "timestamp", text.to_owned()),
        Some(Format::Date) => call(env, "timestamp", format!("{text}T00:00:00Z")),
        Some(Format::Duration) => call(env, "duration", text.to_owned()),
        Some(Format::Byte) => base64::engine::general_purpose::STANDARD
            .decode(text)
            .ok()
            .map(|bytes| Box::new(CelBytes::from(bytes)) as Boxed<'v>),
        _ => None,
    }
    .unwrap_or_else(|| Box::new(CelString::from(text)))
}

/// Applies a conversion of the standard library.
fn call<'v>(env: &Env, function: &str, text: String) -> Option<Boxed<'v>> {
    let args = vec![CowVal::owned(CelString::from(text))];
    let convert = env.find_overload(function, &args)?;
    convert(args).ok().map(CowVal::into_owned)
}

fn convert_map<'v>(
    env: &Env,
    node: &Node,
    map: &'v Map<String, Value>,
    is_object: bool,
) -> HashMap<CelMapKey<'v>, Boxed<'v>> {
    let mut out: HashMap<CelMapKey<'v>, Boxed<'v>> = HashMap::with_capacity(map.len());
    for (key, value) in map {
        if is_object && let Some(value) = convert_meta(key, value) {
            out.insert(CelMapKey::from(key.as_str()), value);
            continue;
        }
        if let Some(schema) = node.properties.get(key).filter(|schema| is_visible(schema)) {
            let Some(name) = names::escape(key) else {
                continue;
            };
            let name = match name {
                std::borrow::Cow::Borrowed(name) => CelMapKey::from(name),
                std::borrow::Cow::Owned(name) => CelMapKey::from(name),
            };
            out.insert(name, convert(env, schema, value, schema.embedded));
        } else if let Some(schema) = node.values().filter(|_| !node.properties.contains_key(key)) {
            out.insert(
                CelMapKey::from(key.as_str()),
                convert(env, schema, value, schema.embedded),
            );
        }
    }
    out
}

/// What every object shows: its kind and its name.
fn convert_meta<'v>(key: &str, value: &'v Value) -> Option<Boxed<'v>> {
    match (key, value) {
        ("apiVersion" | "kind", Value::String(text)) => {
            Some(Box::new(CelString::from(text.as_str())))
        }
        ("metadata", Value::Object(metadata)) => {
            let mut shown: HashMap<CelMapKey<'v>, Boxed<'v>> = HashMap::new();
            for name in ["name", "generateName"] {
                if let Some(Value::String(text)) = metadata.get(name) {
                    shown.insert(
                        CelMapKey::from(name),
                        Box::new(CelString::from(text.as_str())),
                    );
                }
            }
            Some(Box::new(CelMap::from(shown)))
        }
        _ => None,
    }
}
