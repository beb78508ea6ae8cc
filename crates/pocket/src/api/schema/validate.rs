//! Checking a value against a schema, in the wording of a real API server.

use regex::Regex;
use serde_json::{Number, Value};

use super::{Bound, Limits, Pattern, Schema, cel, format, type_name};
use crate::api::shape::ListKind;
use crate::api::status::{Cause, shown};

/// Errors after which the rules are not evaluated.
const BLOCKING: [&str; 4] = [
    "FieldValueRequired",
    "FieldValueTooLong",
    "FieldValueTooMany",
    "FieldValueTypeInvalid",
];

/// Everything wrong with an object; `old` is what it replaces.
pub(crate) fn validate(schema: &Schema, object: &Value, old: Option<&Value>) -> Vec<Cause> {
    let mut causes = Vec::new();
    check(schema, object, "", &mut causes);
    if schema.rules_below {
        if causes.iter().any(|cause| BLOCKING.contains(&cause.reason)) {
            causes.push(Cause {
                reason: "FieldValueInvalid",
                message: "Invalid value: null: some validation rules were not checked because \
                          the object was invalid; correct the existing errors to complete \
                          validation"
                    .into(),
                field: "<nil>".into(),
            });
        } else {
            cel::check(schema, object, old, &mut causes);
        }
    }
    causes
}

fn check(schema: &Schema, value: &Value, path: &str, causes: &mut Vec<Cause>) {
    if value.is_null() && schema.nullable {
        return;
    }
    if let Some(expected) = mismatch(schema, value) {
        causes.push(wrong_type(path, expected, value));
    }
    if let Some(limits) = schema.limits.as_deref() {
        common(limits, value, path, causes);
        match value {
            Value::String(text) => string(limits, text, path, causes),
            Value::Number(number) => bounds(limits, number, path, causes),
            Value::Array(list) => sizes(limits, list.len(), path, causes),
            Value::Object(members) => property_counts(limits, members.len(), path, causes),
            _ => {}
        }
    }
    match value {
        Value::Object(members) => {
            for name in &schema.required {
                if !members.contains_key(name) {
                    causes.push(Cause::required(join(path, name), ""));
                }
            }
            for (name, member) in members {
                let metadata = (schema.root || schema.embedded) && name == "metadata";
                if let Some(part) = schema.member(name).filter(|_| !metadata) {
                    check(part, member, &join(path, name), causes);
                }
            }
        }
        Value::Array(list) => {
            if let Some(items) = schema.items.as_deref() {
                for (at, item) in list.iter().enumerate() {
                    check(items, item, &format!("{path}[{at}]"), causes);
                }
            }
            duplicates(&schema.list, list, path, causes);
        }
        _ => {}
    }
}

fn mismatch(schema: &Schema, value: &Value) -> Option<&'static str> {
    if schema.int_or_string {
        let fits = value.is_string() || super::Kind::Integer.admits(value);
        return (!fits).then_some("integer,string");
    }
    let kind = schema.kind?;
    (!kind.admits(value)).then(|| kind.name())
}

fn wrong_type(path: &str, expected: &str, value: &Value) -> Cause {
    let found = type_name(value);
    Cause {
        reason: "FieldValueTypeInvalid",
        message: format!(
            "Invalid value: \"{found}\": {} must be of type {expected}: \"{found}\"",
            in_body(path)
        ),
        field: named(path),
    }
}

fn common(limits: &Limits, value: &Value, path: &str, causes: &mut Vec<Cause>) {
    if let Some(allowed) = &limits.allowed
        && !allowed.contains(value)
    {
        let list: Vec<String> = allowed.iter().map(shown).collect();
        causes.push(Cause::unsupported(named(path), value, &list));
    }
    let valid = |part: &Schema| {
        let mut found = Vec::new();
        check(part, value, path, &mut found);
        found.is_empty()
    };
    for part in &limits.all_of {
        check(part, value, path, causes);
    }
    let mut complain = |detail: String| causes.push(Cause::invalid(named(path), value, &detail));
    if !limits.any_of.is_empty() && !limits.any_of.iter().any(valid) {
        complain(format!(
            "{} must validate at least one schema (anyOf)",
            in_body(path)
        ));
    }
    if !limits.one_of.is_empty() {
        let count = limits.one_of.iter().filter(|part| valid(part)).count();
        let found = if count == 0 {
            "none valid".to_owned()
        } else {
            format!("{count} valid alternatives")
        };
        if count != 1 {
            complain(format!(
                "{} must validate one and only one schema (oneOf). Found {found}",
                in_body(path)
            ));
        }
    }
    if limits.not.as_ref().is_some_and(valid) {
        complain(format!(
            "{} must not validate the schema (not)",
            in_body(path)
        ));
    }
}

/// The first thing wrong with a text, as the original reports only one.
fn string(limits: &Limits, text: &str, path: &str, causes: &mut Vec<Cause>) {
    let length = text.chars().count() as u64;
    let value = Value::from(text);
    let body = in_body(path);
    if let Some(most) = limits.max_length.filter(|most| length > *most) {
        causes.push(Cause {
            reason: "FieldValueTooLong",
            message: format!("Too long: may not be more than {most} bytes"),
            field: named(path),
        });
    } else if let Some(least) = limits.min_length.filter(|least| length < *least) {
        let detail = format!("{body} should be at least {least} chars long");
        causes.push(Cause::invalid(named(path), &value, &detail));
    } else if let Some(pattern) = limits
        .pattern
        .as_ref()
        .filter(|pattern| !pattern.admits(text))
    {
        let detail = format!("{body} should match '{}'", pattern.source);
        causes.push(Cause::invalid(named(path), &value, &detail));
    }
    if let Some(format) = limits
        .format
        .as_deref()
        .filter(|format| !format::admits(format, text))
    {
        let detail = format!("{body} must be of type {format}: {}", shown(&value));
        causes.push(Cause::invalid(named(path), &value, &detail));
    }
}

impl Pattern {
    /// A pattern that cannot be compiled admits everything, as it cannot be what was meant.
    fn admits(&self, text: &str) -> bool {
        let regex = self.regex.get_or_init(|| Regex::new(&self.source).ok());
        regex.as_ref().is_none_or(|regex| regex.is_match(text))
    }
}

fn bounds(limits: &Limits, number: &Number, path: &str, causes: &mut Vec<Cause>) {
    let value = number.as_f64().unwrap_or(f64::NAN);
    let mut complain = |detail: String| {
        causes.push(Cause::invalid(
            named(path),
            &Value::Number(number.clone()),
            &detail,
        ));
    };
    let limit = |bound: &Bound| bound.value.as_f64().unwrap_or(f64::NAN);
    let body = in_body(path);
    if let Some(factor) = limits.multiple_of.as_ref().and_then(Number::as_f64)
        && (value / factor).fract() != 0.0
    {
        complain(format!("{body} should be a multiple of {factor}"));
    }
    if let Some(most) = &limits.maximum {
        if most.exclusive && value >= limit(most) {
            complain(format!("{body} should be less than {}", most.value));
        } else if value > limit(most) {
            complain(format!(
                "{body} should be less than or equal to {}",
                most.value
            ));
        }
    }
    if let Some(least) = &limits.minimum {
        if least.exclusive && value <= limit(least) {
            complain(format!("{body} should be greater than {}", least.value));
        } else if value < limit(least) {
            complain(format!(
                "{body} should be greater than or equal to {}",
                least.value
            ));
        }
    }
}

fn sizes(limits: &Limits, count: usize, path: &str, causes: &mut Vec<Cause>) {
    let (count, what) = (count as u64, "items");
    counted(
        count,
        limits.min_items,
        limits.max_items,
        what,
        path,
        causes,
    );
}

fn property_counts(limits: &Limits, count: usize, path: &str, causes: &mut Vec<Cause>) {
    let (count, what) = (count as u64, "properties");
    counted(
        count,
        limits.min_properties,
        limits.max_properties,
        what,
        path,
        causes,
    );
}

fn counted(
    count: u64,
    least: Option<u64>,
    most: Option<u64>,
    what: &str,
    path: &str,
    causes: &mut Vec<Cause>,
) {
    if let Some(least) = least.filter(|least| count < *least) {
        let detail = format!("{} should have at least {least} {what}", in_body(path));
        causes.push(Cause::invalid(named(path), &Value::from(count), &detail));
    }
    if let Some(most) = most.filter(|most| count > *most) {
        causes.push(Cause {
            reason: "FieldValueTooMany",
            message: format!("Too many: {count}: must have at most {most} items"),
            field: named(path),
        });
    }
}

fn duplicates(kind: &ListKind, list: &[Value], path: &str, causes: &mut Vec<Cause>) {
    let same = |a: &Value, b: &Value| match kind {
        ListKind::Atomic => false,
        ListKind::Set => a == b,
        ListKind::Keyed(keys) => keys.iter().all(|key| a.get(key) == b.get(key)),
    };
    for (at, item) in list.iter().enumerate() {
        if list[..at].iter().any(|earlier| same(earlier, item)) {
            let shown_as = match kind {
                ListKind::Keyed(keys) => {
                    let pairs = keys.iter().map(|key| (key.clone(), item[key].clone()));
                    Value::Object(pairs.collect())
                }
                _ => item.clone(),
            };
            causes.push(Cause {
                reason: "FieldValueDuplicate",
                message: format!("Duplicate value: {}", shown(&shown_as)),
                field: format!("{path}[{at}]"),
            });
        }
    }
}

pub(super) fn join(path: &str, name: &str) -> String {
    if path.is_empty() {
        name.to_owned()
    } else {
        format!("{path}.{name}")
    }
}

fn named(path: &str) -> String {
    if path.is_empty() {
        "<nil>".to_owned()
    } else {
        path.to_owned()
    }
}

fn in_body(path: &str) -> String {
    format!("{path} in body").trim_start().to_owned()
}
