//! Checks that many kinds make, in the words of a real server.

use std::ops::RangeInclusive;

use serde_json::{Value, json};

use crate::api::names::{self, Rule};
use crate::api::object;
use crate::api::status::Cause;

pub(super) const PORTS: RangeInclusive<i64> = 1..=65_535;
const LONGEST_PORT_NAME: usize = 15;

/// The name of a port, where it may be used instead of the number.
pub(super) fn port_name(name: &str, field: &str, causes: &mut Vec<Cause>) {
    if name.len() > LONGEST_PORT_NAME {
        let detail = "must be no more than 15 characters";
        causes.push(Cause::invalid(field, &json!(name), detail));
    }
    let allowed = |letter: char| letter.is_ascii_alphanumeric() || letter == '-';
    if !name.chars().all(allowed) {
        let detail = "must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)";
        causes.push(Cause::invalid(field, &json!(name), detail));
    }
}

pub(super) fn label(holder: &Value, field: &str, causes: &mut Vec<Cause>) {
    let name = object::text(holder, &["name"]);
    if name.is_empty() {
        causes.push(Cause::required(field, ""));
        return;
    }
    for cause in names::check(Rule::Label, name) {
        causes.push(Cause {
            field: field.to_owned(),
            ..cause
        });
    }
}

pub(super) fn one_of(
    holder: &Value,
    name: &str,
    field: &str,
    allowed: &[&str],
    causes: &mut Vec<Cause>,
) {
    let value = &holder[name];
    if value.as_str().is_some_and(|text| !allowed.contains(&text)) {
        let allowed: Vec<String> = allowed.iter().map(|word| format!("{word:?}")).collect();
        causes.push(Cause::unsupported(field, value, &allowed));
    }
}

pub(super) fn between(
    number: i64,
    range: RangeInclusive<i64>,
    field: &str,
    causes: &mut Vec<Cause>,
) {
    if !range.contains(&number) {
        let (low, high) = range.into_inner();
        let detail = format!("must be between {low} and {high}, inclusive");
        causes.push(Cause::invalid(field, &json!(number), &detail));
    }
}

pub(super) fn duplicate(field: String, value: &Value) -> Cause {
    Cause {
        reason: "FieldValueDuplicate",
        message: format!("Duplicate value: {value}"),
        field,
    }
}
