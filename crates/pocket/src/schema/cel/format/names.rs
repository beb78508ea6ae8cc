//! What is wrong with names and labels.

use crate::schema::names::{LABEL, LABEL_VALUE, NAME, SUBDOMAIN, is_label, is_name};

const LABEL_1035: &str = "a DNS-1035 label must consist of lower case alphanumeric characters or \
    '-', start with an alphabetic character, and end with an alphanumeric character (e.g. \
    'my-name',  or 'abc-123', regex used for validation is '[a-z]([-a-z0-9]*[a-z0-9])?')";

fn problems(too_long: Option<String>, fits: bool, wording: &str) -> Vec<String> {
    let unfit = (!fits).then(|| wording.to_owned());
    too_long.into_iter().chain(unfit).collect()
}

fn longer(text: &str, most: usize, what: &str) -> Option<String> {
    (text.len() > most).then(|| format!("must be no more than {most} {what}"))
}

pub(super) fn label(text: &str) -> Vec<String> {
    problems(longer(text, 63, "characters"), is_label(text), LABEL)
}

pub(super) fn label_1035(text: &str) -> Vec<String> {
    let fits = is_label(text) && text.starts_with(|c: char| c.is_ascii_lowercase());
    problems(longer(text, 63, "characters"), fits, LABEL_1035)
}

pub(super) fn subdomain(text: &str) -> Vec<String> {
    let fits = text.split('.').all(is_label);
    problems(longer(text, 253, "characters"), fits, SUBDOMAIN)
}

pub(super) fn label_value(text: &str) -> Vec<String> {
    let fits = text.is_empty() || is_name(text);
    problems(longer(text, 63, "bytes"), fits, LABEL_VALUE)
}

/// A name is to be made of it, so it may end in a dash, which stands for something that fits.
fn completed(prefix: &str) -> String {
    match prefix.strip_suffix('-') {
        Some(rest) if !rest.is_empty() => {
            let mut kept = rest.to_owned();
            if rest.ends_with(|c: char| c.is_ascii()) {
                kept.pop();
            }
            kept.push('a');
            kept
        }
        _ => prefix.to_owned(),
    }
}

pub(super) fn label_prefix(text: &str) -> Vec<String> {
    label(&completed(text))
}

pub(super) fn label_1035_prefix(text: &str) -> Vec<String> {
    label_1035(&completed(text))
}

pub(super) fn subdomain_prefix(text: &str) -> Vec<String> {
    subdomain(&completed(text))
}

/// `prefix/name` or just a name.
pub(super) fn qualified(text: &str) -> Vec<String> {
    let parts: Vec<&str> = text.splitn(3, '/').collect();
    let (prefix, name) = match parts.as_slice() {
        [name] => (None, *name),
        [prefix, name] => (Some(*prefix), *name),
        _ => {
            return vec![format!(
                "a valid label key {NAME} with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')"
            )];
        }
    };
    let mut found = match prefix {
        Some("") => vec!["prefix part must be non-empty".to_owned()],
        Some(prefix) => {
            let fits = prefix.split('.').all(is_label);
            let found = problems(longer(prefix, 253, "bytes"), fits, SUBDOMAIN);
            found
                .iter()
                .map(|problem| format!("prefix part {problem}"))
                .collect()
        }
        None => Vec::new(),
    };
    let length = if name.is_empty() {
        Some("must be non-empty".to_owned())
    } else {
        longer(name, 63, "bytes")
    };
    let of_name = problems(length, is_name(name), NAME);
    found.extend(of_name.iter().map(|problem| format!("name part {problem}")));
    found
}
