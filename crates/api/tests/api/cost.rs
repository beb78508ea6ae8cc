//! Rules stay within what an API server is willing to spend: what they loop over is bounded.

use serde_json::Value;

use crate::admission::{properties, schemas};

/// Most times that all enclosing lists and maps may repeat a rule.
const MOST_REPEATS: u64 = 1_000;

/// Most steps that one rule may take in all, in the terms of [`steps`].
const MOST_STEPS: u64 = 100_000;

#[test]
fn rules_sit_below_bounded_lists_and_maps_only() {
    let mut problems = Vec::new();
    for (kind, schema) in schemas() {
        walk(schema, kind, Some(1), &mut problems);
    }
    assert!(problems.is_empty(), "{problems:#?}");
}

fn walk(schema: &Value, path: &str, repeats: Option<u64>, problems: &mut Vec<String>) {
    for rule in schema["x-kubernetes-validations"]
        .as_array()
        .into_iter()
        .flatten()
    {
        let rule = rule["rule"].as_str().unwrap();
        let total = repeats.and_then(|repeats| Some(repeats * steps(schema, rule)?));
        if repeats.is_none_or(|repeats| repeats > MOST_REPEATS)
            || total.is_none_or(|total| total > MOST_STEPS)
        {
            problems.push(format!(
                "{path}: {rule}: {repeats:?} times, {total:?} steps"
            ));
        }
    }
    for (name, part) in properties(schema) {
        walk(part, &format!("{path}.{name}"), repeats, problems);
    }
    for (name, limit) in [
        ("items", "maxItems"),
        ("additionalProperties", "maxProperties"),
    ] {
        if let Some(part) = schema.get(name) {
            let repeats = repeats.and_then(|repeats| Some(repeats * schema[limit].as_u64()?));
            walk(part, &format!("{path}.{name}"), repeats, problems);
        }
    }
}

/// Steps of the loops over `self`, and the length of texts that are matched; none if unbounded.
fn steps(schema: &Value, rule: &str) -> Option<u64> {
    let loops = [".all(", ".exists(", ".exists_one("];
    let depth: usize = loops
        .iter()
        .map(|name| rule.matches(&format!("self{name}")).count())
        .sum();
    let mut steps = 1;
    for _ in 0..depth {
        steps *= schema["maxItems"].as_u64()?;
    }
    if rule.contains("self.matches(") {
        steps *= schema["maxLength"].as_u64()?;
    }
    Some(steps)
}
