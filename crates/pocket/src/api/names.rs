//! Which names objects may have, in the wording of a real API server.

use serde_json::Value;

use super::object;
use super::status::Cause;
use crate::schema::names::{LABEL, LABEL_VALUE, NAME, SUBDOMAIN, is_label, is_name};

/// The rule that names of a kind follow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rule {
    /// Dot-separated labels, 253 characters.
    Subdomain,
    /// One label, 63 characters.
    Label,
    /// Anything that can stand in a path.
    PathSegment,
}

const LONGEST_LABEL: usize = 63;
const LONG_LABEL: &str = "must be no more than 63 bytes";
/// Keys and values of all annotations together, in bytes.
pub(crate) const MOST_ANNOTATED: usize = 256 << 10;

/// What is wrong with a name.
pub(crate) fn check(rule: Rule, name: &str) -> Vec<Cause> {
    let field = "metadata.name";
    let (limit, wording, fits) = match rule {
        Rule::Subdomain => (253, SUBDOMAIN, name.split('.').all(is_label)),
        Rule::Label => (63, LABEL, is_label(name)),
        Rule::PathSegment => {
            let bad = ["/", "%"].iter().find(|part| name.contains(**part));
            return match (name, bad) {
                ("." | "..", _) => {
                    vec![Cause::invalid(
                        field,
                        &Value::from(name),
                        &format!("may not be '{name}'"),
                    )]
                }
                (_, Some(part)) => {
                    let detail = format!("may not contain '{part}'");
                    vec![Cause::invalid(field, &Value::from(name), &detail)]
                }
                _ => Vec::new(),
            };
        }
    };
    let mut causes = Vec::new();
    if name.len() > limit {
        let detail = format!("must be no more than {limit} bytes");
        causes.push(Cause::invalid(field, &Value::from(name), &detail));
    }
    if !fits {
        causes.push(Cause::invalid(field, &Value::from(name), wording));
    }
    causes
}

/// What is wrong with labels and annotations.
pub(crate) fn check_labels(object: &Value, causes: &mut Vec<Cause>) {
    for (key, value) in object["metadata"]["labels"]
        .as_object()
        .into_iter()
        .flatten()
    {
        let text = value.as_str().unwrap_or_default();
        if text.len() > LONGEST_LABEL {
            causes.push(Cause::invalid("metadata.labels", value, LONG_LABEL));
        }
        if !is_label_value(text) {
            causes.push(Cause::invalid("metadata.labels", value, LABEL_VALUE));
        }
        if !is_qualified(key) {
            causes.push(bad_key("metadata.labels", key));
        }
    }
    let mut size = 0;
    for (key, value) in object["metadata"]["annotations"]
        .as_object()
        .into_iter()
        .flatten()
    {
        size += key.len() + value.as_str().map_or(0, str::len);
        if !is_qualified(&key.to_lowercase()) {
            causes.push(bad_key("metadata.annotations", key));
        }
    }
    if size > MOST_ANNOTATED {
        causes.push(Cause {
            reason: "FieldValueTooLong",
            message: format!("Too long: may not be more than {MOST_ANNOTATED} bytes"),
            field: "metadata.annotations".into(),
        });
    }
}

/// What is wrong with the key of a label.
pub(crate) fn key_problem(key: &str) -> Option<String> {
    (!is_qualified(key)).then(|| bad_key("", key).message)
}

/// What is wrong with the value of a label.
pub(crate) fn label_problem(text: &str) -> Option<String> {
    let problem = |detail| Cause::invalid("", &Value::from(text), detail).message;
    if text.len() > LONGEST_LABEL {
        return Some(problem(LONG_LABEL));
    }
    (!is_label_value(text)).then(|| problem(LABEL_VALUE))
}

/// What is wrong with finalizers: besides those of Kubernetes itself they name their owner.
pub(crate) fn check_finalizers(object: &Value, causes: &mut Vec<Cause>) {
    const STANDARD: [&str; 3] = ["orphan", "foregroundDeletion", "kubernetes"];
    let finalizers = object::finalizers(object);
    for (at, name) in finalizers.into_iter().enumerate() {
        if !is_qualified(&name.to_lowercase()) {
            causes.push(bad_key("metadata.finalizers", name));
        } else if !name.contains('/') && !STANDARD.contains(&name) {
            let field = format!("metadata.finalizers[{at}]");
            let detail = "name is neither a standard finalizer name nor is it fully qualified";
            causes.push(Cause::invalid(field, &Value::from(name), detail));
        }
    }
}

fn bad_key(field: &str, key: &str) -> Cause {
    let detail = if key.matches('/').count() > 1 {
        format!(
            "a valid label key {NAME} with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')"
        )
    } else {
        format!("name part {NAME}")
    };
    Cause::invalid(field, &Value::from(key), &detail)
}

fn is_label_value(text: &str) -> bool {
    text.is_empty() || is_name(text)
}

fn is_qualified(key: &str) -> bool {
    let (prefix, name) = key.split_once('/').unwrap_or(("a", key));
    prefix.split('.').all(is_label) && !name.is_empty() && name.len() <= 63 && is_label_value(name)
}

/// A random name ending, from letters that make no words.
pub(crate) fn suffix() -> String {
    const LETTERS: &[u8] = b"bcdfghjklmnpqrstvwxz2456789";
    (0..5)
        .map(|_| char::from(LETTERS[rand::random_range(0..LETTERS.len())]))
        .collect()
}
