//! Small helpers for the generated schemas: CEL rules, core/v1 shapes, free objects, limits.

use schemars::generate::SchemaSettings;
use schemars::transform::{RecursiveTransform, Transform};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde_json::{Value, json};

/// Rule for ISO 8601 durations.
pub(crate) const ISO_DURATION: (&str, &str) = (
    "self.matches('^P([0-9]+Y)?([0-9]+M)?([0-9]+W)?([0-9]+D)?(T([0-9]+H)?([0-9]+M)?([0-9]+([.][0-9]+)?S)?)?$') && self.matches('[0-9]')",
    "must be an ISO 8601 duration, for example PT30M, PT2H or P1D",
);

/// An amount of storage: a number and `Mi`, `Gi` or `Ti`.
pub(crate) const STORAGE_SIZE: &str = r"^[0-9]+(\.[0-9]+)?(Mi|Gi|Ti)$";

/// Value of `x-kubernetes-validations` for pairs of rule and message.
pub(crate) fn rules(pairs: &[(&str, &str)]) -> Value {
    pairs
        .iter()
        .map(|(rule, message)| json!({"rule": rule, "message": message}))
        .collect()
}

/// Schema of a core/v1 shape without its descriptions, which would make the CRD very large.
pub(crate) fn core<T: JsonSchema>(_: &mut SchemaGenerator) -> Schema {
    let mut schema = SchemaSettings::openapi3()
        .with(|settings| {
            settings.inline_subschemas = true;
            settings.meta_schema = None;
        })
        .into_generator()
        .into_root_schema_for::<T>();
    RecursiveTransform(|schema: &mut Schema| {
        schema.remove("title");
        // A property may itself be called `description`; only the annotation is a string.
        if schema.get("description").is_some_and(Value::is_string) {
            schema.remove("description");
        }
    })
    .transform(&mut schema);
    schema
}

/// Schema of an object whose keys are not described.
pub(crate) fn free_object(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"type": "object", "x-kubernetes-preserve-unknown-fields": true})
}

/// Default of switches that are on.
pub(crate) fn yes() -> bool {
    true
}
