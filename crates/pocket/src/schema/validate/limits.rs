//! Enumerations, ranges, lengths, patterns, formats, and `allOf` and its kin.

use serde_json::{Number, Value};

use super::Walk;
use crate::schema::cause::Cause;
use crate::schema::format::Format;
use crate::schema::node::{JsonType, Limits, Node};
use crate::schema::text;

impl Walk {
    pub(super) fn choice(&mut self, limits: &Limits, value: &Value) {
        if limits.choices.is_empty()
            || limits
                .choices
                .iter()
                .any(|choice| !value.is_null() && same(choice, value))
        {
            return;
        }
        self.causes
            .push(Cause::not_supported(&self.path, value, &limits.choices));
    }

    pub(super) fn measured(&mut self, node: &Node, limits: &Limits, value: &Value) {
        match value {
            Value::String(string) => {
                self.string(limits, string, value);
                self.format(limits, string);
            }
            Value::Number(number) => self.number(node, limits, number, value),
            Value::Array(items) => self.items(limits, items.len()),
            Value::Object(map) => self.properties(limits, map.len()),
            Value::Bool(_) | Value::Null => {}
        }
    }

    fn invalid(&mut self, value: &Value, detail: &str) {
        let detail = format!("{} in body {detail}", self.path);
        self.causes.push(Cause::invalid(&self.path, value, detail));
    }

    /// Only the first problem is told.
    fn string(&mut self, limits: &Limits, string: &str, value: &Value) {
        let length = string.chars().count() as u64;
        if let Some(max) = limits.max_length.filter(|max| length > *max) {
            self.causes.push(Cause::too_long(&self.path, max));
        } else if let Some(min) = limits.min_length.filter(|min| length < *min) {
            self.invalid(value, &format!("should be at least {min} chars long"));
        } else if let Some(pattern) = limits
            .pattern
            .as_ref()
            .filter(|pattern| !pattern.admits(string))
        {
            self.invalid(value, &format!("should match '{}'", pattern.written));
        }
    }

    fn format(&mut self, limits: &Limits, string: &str) {
        if let Some((name, _)) = limits
            .format
            .as_ref()
            .filter(|(_, format)| !format.accepts(string))
        {
            self.wrong_type(name, string);
        }
    }

    fn number(&mut self, node: &Node, limits: &Limits, number: &Number, value: &Value) {
        self.range_of_type(node, limits, number);
        let Some(float) = number.as_f64() else { return };
        if let Some(factor) = limits.multiple_of {
            self.multiple(number, float, factor, value);
        }
        if let Some(bound) = limits.minimum {
            let (below, words) = match bound.exclusive {
                true => (float <= bound.value, "greater than"),
                false => (float < bound.value, "greater than or equal to"),
            };
            if below {
                self.invalid(value, &format!("should be {words} {}", shown(bound.value)));
            }
        }
        if let Some(bound) = limits.maximum {
            let (above, words) = match bound.exclusive {
                true => (float >= bound.value, "less than"),
                false => (float > bound.value, "less than or equal to"),
            };
            if above {
                self.invalid(value, &format!("should be {words} {}", shown(bound.value)));
            }
        }
    }

    fn multiple(&mut self, number: &Number, float: f64, factor: f64, value: &Value) {
        if factor <= 0.0 {
            let detail = format!(
                "factor MultipleOf declared for {} must be positive: {}",
                self.path,
                shown(factor)
            );
            self.causes
                .push(Cause::invalid(&self.path, &Value::from(factor), detail));
            return;
        }
        let is_multiple = match number.as_i64() {
            Some(_) if factor.fract() == 0.0 => float % factor == 0.0,
            _ if factor < 1.0 => (float * (1.0 / factor)).fract().abs() < 1e-9,
            _ => (float / factor).fract() == 0.0,
        };
        if !is_multiple {
            self.invalid(value, &format!("should be a multiple of {}", shown(factor)));
        }
    }

    /// Whether the number fits its type and format. The server does not name the field of this problem.
    fn range_of_type(&mut self, node: &Node, limits: &Limits, number: &Number) {
        let format = limits
            .format
            .as_ref()
            .map(|(name, format)| (name.as_str(), *format));
        let (fits, kind) = match (node.kind, format.map(|(_, format)| format)) {
            _ if node.int_or_string => return,
            (Some(JsonType::Integer), Some(Format::Int32)) => (
                number.as_f64().is_some_and(|float| {
                    float.abs() <= 2_147_483_648.0 && float != 2_147_483_648.0
                }),
                "integer",
            ),
            (Some(JsonType::Integer), _) => (
                number.as_f64().is_some_and(|float| float.abs() < 9.3e18),
                "integer",
            ),
            (Some(JsonType::Number), Some(Format::Float)) => (
                number
                    .as_f64()
                    .is_some_and(|float| float.abs() <= f64::from(f32::MAX)),
                "number",
            ),
            _ => return,
        };
        if fits {
            return;
        }
        let form = match format {
            Some((name, _)) => format!("with format {name}"),
            None => "(default format)".to_owned(),
        };
        let detail = format!(
            "Checked value must be of type {kind} {form} in {}",
            self.path
        );
        self.causes
            .push(Cause::invalid("", &Value::from(""), detail));
    }

    fn items(&mut self, limits: &Limits, count: usize) {
        if let Some(min) = limits.min_items.filter(|min| (count as u64) < *min) {
            self.invalid(
                &Value::from(count),
                &format!("should have at least {min} items"),
            );
        }
        if let Some(max) = limits.max_items.filter(|max| count as u64 > *max) {
            self.causes.push(Cause::too_many(&self.path, count, max));
        }
    }

    fn properties(&mut self, limits: &Limits, count: usize) {
        if let Some(min) = limits.min_properties.filter(|min| (count as u64) < *min) {
            self.invalid(
                &Value::from(count),
                &format!("should have at least {min} properties"),
            );
        }
        if let Some(max) = limits.max_properties.filter(|max| count as u64 > *max) {
            self.causes.push(Cause::too_many(&self.path, count, max));
        }
    }

    pub(super) fn alternatives(&mut self, limits: &Limits, value: &Value) {
        self.any_of(&limits.any_of, value);
        self.one_of(&limits.one_of, value);
        self.all_of(&limits.all_of, value);
        if limits
            .not
            .as_ref()
            .is_some_and(|node| self.tried(node, value).is_empty())
        {
            self.unnamed("must not validate the schema (not)");
        }
    }

    /// The problems an alternative would have.
    fn tried(&mut self, node: &Node, value: &Value) -> Vec<Cause> {
        let mut walk = Walk::new(std::mem::take(&mut self.path));
        walk.value(node, value, None);
        self.path = walk.path;
        walk.causes.list
    }

    /// The server does not name the field of these problems, but quotes it.
    fn unnamed(&mut self, detail: &str) {
        let detail = format!("{} {detail}", text::quote(&self.path));
        self.causes
            .push(Cause::invalid("", &Value::from(""), detail));
    }

    fn any_of(&mut self, nodes: &[Node], value: &Value) {
        if nodes.is_empty() {
            return;
        }
        let mut tries = Vec::with_capacity(nodes.len());
        for node in nodes {
            let causes = self.tried(node, value);
            if causes.is_empty() {
                return;
            }
            tries.push(causes);
        }
        self.unnamed("must validate at least one schema (anyOf)");
        self.causes.extend(closest(tries));
    }

    fn one_of(&mut self, nodes: &[Node], value: &Value) {
        if nodes.is_empty() {
            return;
        }
        let tries: Vec<_> = nodes.iter().map(|node| self.tried(node, value)).collect();
        match tries.iter().filter(|causes| causes.is_empty()).count() {
            1 => {}
            0 => {
                self.unnamed("must validate one and only one schema (oneOf). Found none valid");
                self.causes.extend(closest(tries));
            }
            valid => {
                self.unnamed(&format!("must validate one and only one schema (oneOf). Found {valid} valid alternatives"));
            }
        }
    }

    fn all_of(&mut self, nodes: &[Node], value: &Value) {
        let mut valid = 0;
        for node in nodes {
            let causes = self.tried(node, value);
            valid += usize::from(causes.is_empty());
            self.causes.extend(causes);
        }
        match valid {
            all if all == nodes.len() => {}
            0 => self.unnamed("must validate all the schemas (allOf). None validated"),
            _ => self.unnamed("must validate all the schemas (allOf)"),
        }
    }
}

/// The alternative that came nearest explains best.
fn closest(tries: Vec<Vec<Cause>>) -> Vec<Cause> {
    let rank = |causes: &Vec<Cause>| {
        (
            causes.iter().any(|cause| cause.reason.is_type()),
            causes.len(),
        )
    };
    tries.into_iter().min_by_key(rank).unwrap_or_default()
}

/// Equality by value: `1` and `1.0` are the same number.
fn same(left: &Value, right: &Value) -> bool {
    match (left, right) {
        (Value::Number(left), Value::Number(right)) => {
            left == right || left.as_f64() == right.as_f64()
        }
        _ => left == right,
    }
}

/// A limit as the server prints it.
fn shown(limit: f64) -> String {
    text::go_float(limit)
}
