//! Label and field selectors in their query form.

mod labels;

use serde_json::Value;

use super::object;
use super::status::Failure;

pub(crate) use labels::Labels;

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

    #[test]
    fn nonsense_is_refused() {
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
