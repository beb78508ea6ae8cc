//! The libraries of the expression language: what they compute, and what is refused before it runs.

mod formats;
mod lists;
mod network;
mod versions;

use serde_json::{Value, json};

use super::rules::{holds, ruled};
use super::{Schema, lines};

/// What the rules of this module look at.
fn spec() -> Value {
    json!({
        "n": 3, "f": 2.5, "s": "Hello", "list": [3, 1, 2, 1], "names": ["b", "a"], "lists": [[1, 2], [3]],
        "labels": {"x": "1"}, "objects": [{"x": 1}, {"x": 2}, {"x": 1}]
    })
}

fn all_hold(rules: &[&str]) {
    for rule in rules {
        assert_eq!(holds(rule, &spec()), [""; 0], "{rule}");
    }
}

/// Each rule fails with a problem that contains the text beside it.
fn all_fail(rules: &[(&str, &str)]) {
    for (rule, problem) in rules {
        let found = holds(rule, &spec());
        let is_expected = matches!(found.as_slice(), [only] if only.contains(problem));
        assert!(is_expected, "{rule}: {found:?} instead of {problem}");
    }
}

/// No rule passes the check of the definition.
fn all_are_refused(rules: &[(&str, &str)]) {
    for (rule, problem) in rules {
        let schema = json!({"type": "object", "properties": {"spec": ruled(rule)}});
        let found = lines(&Schema::check("schema", &schema));
        let is_refused = matches!(found.as_slice(), [only] if only.contains(": compilation failed: ") && only.contains(problem));
        assert!(is_refused, "{rule}: {found:?} instead of {problem}");
    }
}
