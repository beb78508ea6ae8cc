//! Structural schemas of custom resources, compiled from the CRD into what requests need.
//!
//! Descriptions and other documentation are not kept; OpenAPI is answered from the CRD itself.

mod cel;
mod compile;
mod default;
mod format;
mod prune;
mod validate;

use std::collections::BTreeMap;
use std::sync::OnceLock;

use regex::Regex;
use serde_json::{Number, Value};

use super::shape::ListKind;
pub(crate) use validate::validate;

/// What a value must be at one place.
#[derive(Debug, Default)]
pub(crate) struct Schema {
    /// The schema of a whole object, whose `metadata` is not its own business.
    pub(crate) root: bool,
    pub(crate) kind: Option<Kind>,
    nullable: bool,
    /// Unknown members are kept.
    preserve: bool,
    /// A whole object with `apiVersion`, `kind` and `metadata` of its own.
    embedded: bool,
    int_or_string: bool,
    default: Option<Box<Value>>,
    required: Box<[String]>,
    properties: BTreeMap<Box<str>, Schema>,
    additional: Option<Box<Schema>>,
    pub(crate) items: Option<Box<Schema>>,
    pub(crate) list: ListKind,
    pub(crate) atomic_map: bool,
    limits: Option<Box<Limits>>,
    rules: Box<[Rule]>,
    /// Some place at or below this one has rules.
    rules_below: bool,
}

/// The JSON types that `type` can name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Object,
    Array,
    String,
    Integer,
    Number,
    Boolean,
}

/// The rarer constraints, kept apart so that most nodes stay small.
#[derive(Debug, Default)]
struct Limits {
    allowed: Option<Vec<Value>>,
    pattern: Option<Pattern>,
    format: Option<String>,
    minimum: Option<Bound>,
    maximum: Option<Bound>,
    multiple_of: Option<Number>,
    min_length: Option<u64>,
    max_length: Option<u64>,
    min_items: Option<u64>,
    max_items: Option<u64>,
    min_properties: Option<u64>,
    max_properties: Option<u64>,
    all_of: Vec<Schema>,
    any_of: Vec<Schema>,
    one_of: Vec<Schema>,
    not: Option<Schema>,
}

#[derive(Debug)]
struct Bound {
    value: Number,
    exclusive: bool,
}

/// A pattern is compiled when first needed: most never are.
#[derive(Debug)]
struct Pattern {
    source: String,
    regex: OnceLock<Option<Regex>>,
}

/// One entry of `x-kubernetes-validations`.
#[derive(Debug)]
struct Rule {
    rule: String,
    message: Option<String>,
    message_expression: Option<String>,
    reason: &'static str,
    field_path: Option<String>,
    /// Mentions `oldSelf`, so it is checked on updates only.
    transition: bool,
    optional_old_self: bool,
    program: OnceLock<Result<cel::Program, String>>,
}

impl Schema {
    /// Compiles the `openAPIV3Schema` of a CRD version.
    pub(crate) fn compile(source: &Value) -> Self {
        let mut schema = compile::node(source);
        schema.root = true;
        schema
    }

    /// A schema that keeps everything, for CRDs without one.
    pub(crate) fn open() -> Self {
        Self {
            root: true,
            kind: Some(Kind::Object),
            preserve: true,
            ..Self::default()
        }
    }

    /// The schema of a member, from the properties or the additional properties.
    pub(crate) fn member(&self, name: &str) -> Option<&Self> {
        self.properties.get(name).or(self.additional.as_deref())
    }

    /// Removes what the schema does not know and names it.
    pub(crate) fn prune(&self, object: &mut Value) -> Vec<String> {
        prune::prune(self, object)
    }

    /// Fills in defaults.
    pub(crate) fn fill(&self, object: &mut Value) {
        default::apply(self, object);
    }
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::Object => "object",
            Self::Array => "array",
            Self::String => "string",
            Self::Integer => "integer",
            Self::Number => "number",
            Self::Boolean => "boolean",
        }
    }

    fn parse(name: &str) -> Option<Self> {
        [
            Self::Object,
            Self::Array,
            Self::String,
            Self::Integer,
            Self::Number,
            Self::Boolean,
        ]
        .into_iter()
        .find(|kind| kind.name() == name)
    }

    fn admits(self, value: &Value) -> bool {
        match self {
            Self::Object => value.is_object(),
            Self::Array => value.is_array(),
            Self::String => value.is_string(),
            Self::Boolean => value.is_boolean(),
            Self::Number => value.is_number(),
            Self::Integer => match value {
                Value::Number(number) => {
                    number.is_i64()
                        || number.is_u64()
                        || number.as_f64().is_some_and(|f| f.fract() == 0.0)
                }
                _ => false,
            },
        }
    }
}

/// The name of a value's own type, as messages give it.
fn type_name(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.is_f64() => "number",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

#[cfg(test)]
mod tests;
