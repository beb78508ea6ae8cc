//! Label and field selectors in their query form.

use serde_json::Value;

use super::object;
use super::status::Failure;

/// A parsed `labelSelector`.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Labels(Vec<Requirement>);

#[derive(Clone, Debug, PartialEq)]
struct Requirement {
    key: String,
    rule: Rule,
}

#[derive(Clone, Debug, PartialEq)]
enum Rule {
    In(Vec<String>),
    NotIn(Vec<String>),
    Exists,
    Absent,
    Above(i64),
    Below(i64),
}

impl Labels {
    pub(crate) fn parse(text: &str) -> Result<Self, Failure> {
        let mut rest = text.trim();
        let mut requirements = Vec::new();
        while !rest.is_empty() {
            let (one, tail) = split_requirement(rest);
            requirements.push(requirement(one.trim()).ok_or_else(|| unparsable(text))?);
            rest = tail.trim_start();
        }
        Ok(Self(requirements))
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn matches(&self, object: &Value) -> bool {
        let labels = object::at(object, &["metadata", "labels"]);
        self.0
            .iter()
            .all(|one| one.rule.holds(labels.get(&one.key).and_then(Value::as_str)))
    }
}

impl Rule {
    fn holds(&self, value: Option<&str>) -> bool {
        let number = || value.and_then(|text| text.parse::<i64>().ok());
        match self {
            Self::In(allowed) => value.is_some_and(|v| allowed.iter().any(|a| a == v)),
            Self::NotIn(denied) => value.is_none_or(|v| denied.iter().all(|d| d != v)),
            Self::Exists => value.is_some(),
            Self::Absent => value.is_none(),
            Self::Above(bound) => number().is_some_and(|n| n > *bound),
            Self::Below(bound) => number().is_some_and(|n| n < *bound),
        }
    }
}

fn unparsable(text: &str) -> Failure {
    Failure::bad_request(format!(
        "unable to parse requirement: the label selector {text:?} cannot be understood"
    ))
}

/// Splits at the first comma outside parentheses.
fn split_requirement(text: &str) -> (&str, &str) {
    let mut depth = 0_usize;
    for (at, letter) in text.char_indices() {
        match letter {
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            ',' if depth == 0 => return (&text[..at], &text[at + 1..]),
            _ => {}
        }
    }
    (text, "")
}

fn requirement(text: &str) -> Option<Requirement> {
    let with = |key: &str, rule| {
        let key = key.trim();
        is_label_key(key).then(|| Requirement {
            key: key.to_owned(),
            rule,
        })
    };
    if let Some(key) = text.strip_prefix('!') {
        return with(key, Rule::Absent);
    }
    for (sign, equal) in [("!=", false), ("==", true), ("=", true)] {
        if let Some((key, value)) = text.split_once(sign) {
            let values = vec![value.trim().to_owned()];
            return with(
                key,
                if equal {
                    Rule::In(values)
                } else {
                    Rule::NotIn(values)
                },
            );
        }
    }
    if let Some((key, bound)) = text.split_once('>') {
        return with(key, Rule::Above(bound.trim().parse().ok()?));
    }
    if let Some((key, bound)) = text.split_once('<') {
        return with(key, Rule::Below(bound.trim().parse().ok()?));
    }
    let Some((head, list)) = text.split_once('(') else {
        return with(text, Rule::Exists);
    };
    let list = list.strip_suffix(')')?;
    let values = list
        .split(',')
        .map(|value| value.trim().to_owned())
        .collect();
    let mut words = head.split_whitespace();
    let (key, word) = (words.next()?, words.next()?);
    match (word, words.next()) {
        ("in", None) => with(key, Rule::In(values)),
        ("notin", None) => with(key, Rule::NotIn(values)),
        _ => None,
    }
}

fn is_label_key(key: &str) -> bool {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '/');
    !key.is_empty() && key.chars().all(allowed)
}

/// A parsed `fieldSelector`: equality and inequality on single fields.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Fields(Vec<FieldRule>);

#[derive(Clone, Debug, PartialEq)]
struct FieldRule {
    path: Vec<String>,
    value: String,
    equal: bool,
}

impl Fields {
    /// Parses a selector for a kind that can select on these paths besides name and namespace; `None` for kinds
    /// that have never had a path of their own.
    pub(crate) fn parse(text: &str, selectable: Option<&[&str]>) -> Result<Self, Failure> {
        let mut rules = Vec::new();
        for one in text.split(',').filter(|one| !one.is_empty()) {
            let (path, value, equal) = split_field(one).ok_or_else(|| {
                Failure::bad_request(format!(
                    "invalid selector: '{text}'; can't understand '{one}'"
                ))
            })?;
            if !["metadata.name", "metadata.namespace"].contains(&path)
                && !selectable.is_some_and(|paths| paths.contains(&path))
            {
                return Err(unknown_field(path, selectable));
            }
            let path = path.split('.').map(str::to_owned).collect();
            rules.push(FieldRule {
                path,
                value: value.to_owned(),
                equal,
            });
        }
        Ok(Self(rules))
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether nothing outside `metadata.name` and `metadata.namespace` decides.
    pub(crate) fn only_metadata(&self) -> bool {
        self.0
            .iter()
            .all(|rule| rule.path.first().is_some_and(|first| first == "metadata"))
    }

    /// The name that `metadata.name=` selects, if the selector has it.
    pub(crate) fn name(&self) -> Option<&str> {
        let named = |rule: &&FieldRule| rule.equal && rule.path == ["metadata", "name"];
        self.0.iter().find(named).map(|rule| rule.value.as_str())
    }

    pub(crate) fn matches(&self, object: &Value) -> bool {
        self.0.iter().all(|rule| {
            let path: Vec<&str> = rule.path.iter().map(String::as_str).collect();
            let found = match object::at(object, &path) {
                Value::String(text) => text.clone(),
                Value::Null => String::new(),
                other => other.to_string(),
            };
            (found == rule.value) == rule.equal
        })
    }
}

fn split_field(text: &str) -> Option<(&str, &str, bool)> {
    if let Some((path, value)) = text.split_once("!=") {
        return Some((path, value, false));
    }
    let (path, value) = text.split_once("==").or_else(|| text.split_once('='))?;
    Some((path, value, true))
}

/// Kinds with paths of their own word it otherwise than those without.
fn unknown_field(path: &str, selectable: Option<&[&str]>) -> Failure {
    Failure::bad_request(if selectable.is_some() {
        format!("field label not supported: {path}")
    } else {
        format!(
            "{path:?} is not a known field selector: only \"metadata.name\", \"metadata.namespace\""
        )
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn selects(selector: &str, labels: &Value) -> bool {
        let object = json!({"metadata": {"labels": labels}});
        Labels::parse(selector).unwrap().matches(&object)
    }

    #[test]
    fn label_requirements_are_all_needed() {
        let labels = json!({"app": "a", "tier": "3"});
        for yes in [
            "",
            "app=a",
            "app==a,tier",
            "app in (a, b),!gone",
            "tier>2,tier<4",
            "x!=y",
        ] {
            assert!(selects(yes, &labels), "{yes}");
        }
        for no in [
            "app!=a",
            "gone",
            "!app",
            "app notin (a)",
            "tier>3",
            "app=a,gone=x",
        ] {
            assert!(!selects(no, &labels), "{no}");
        }
    }

    #[test]
    fn nonsense_is_refused() {
        for bad in ["a in b", "(", "a b c (x)", "=,=", "a>x", "!", "é=1"] {
            assert!(Labels::parse(bad).is_err(), "{bad}");
        }
        assert!(Fields::parse("status.phase=x", None).is_err());
        assert!(Fields::parse("metadata.name", None).is_err());
    }

    #[test]
    fn fields_compare_as_text() {
        let pod = json!({"metadata": {"name": "p"}, "status": {"phase": "Running"}});
        let fields = |text| Fields::parse(text, Some(&["status.phase"])).unwrap();
        assert!(fields("metadata.name=p,status.phase!=Failed").matches(&pod));
        assert!(!fields("status.phase==Pending").matches(&pod));
        assert_eq!(fields("metadata.name=p").name(), Some("p"));
    }
}
