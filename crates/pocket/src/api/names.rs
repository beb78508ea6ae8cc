//! Which names objects may have, in the wording of a real API server.

use serde_json::Value;

use super::object;
use super::status::Cause;

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
const BAD_LABEL: &str = "a valid label must be an empty string or consist of alphanumeric \
    characters, '-', '_' or '.', and must start and end with an alphanumeric character \
    (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is \
    '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')";
/// Keys and values of all annotations together, in bytes.
const MOST_ANNOTATED: usize = 256 << 10;
const SUBDOMAIN: &str = "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric \
    characters, '-' or '.', and must start and end with an alphanumeric character (e.g. \
    'example.com', regex used for validation is \
    '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')";
const LABEL: &str = "a lowercase RFC 1123 label must consist of lower case alphanumeric \
    characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  \
    or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')";

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

fn is_label(text: &str) -> bool {
    let edge = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    text.starts_with(edge) && text.ends_with(edge) && text.chars().all(|c| edge(c) || c == '-')
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
            causes.push(Cause::invalid("metadata.labels", value, BAD_LABEL));
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
    (!is_label_value(text)).then(|| problem(BAD_LABEL))
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
    if key.matches('/').count() > 1 {
        let detail = "a valid label key must consist of alphanumeric characters, '-', '_' or '.', and must start and \
            end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for \
            validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]') with an optional DNS subdomain prefix and '/' \
            (e.g. 'example.com/MyName')";
        return Cause::invalid(field, &Value::from(key), detail);
    }
    let detail = "name part must consist of alphanumeric characters, '-', '_' or '.', and must \
        start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or \
        '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')";
    Cause::invalid(field, &Value::from(key), detail)
}

fn is_label_value(text: &str) -> bool {
    let edge = |c: char| c.is_ascii_alphanumeric();
    let inner = |c: char| edge(c) || matches!(c, '-' | '_' | '.');
    text.is_empty() || (text.starts_with(edge) && text.ends_with(edge) && text.chars().all(inner))
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
