//! Which requests a webhook wants to see.

use std::sync::Arc;

use serde_json::Value;

use super::attempt::Attempt;
use super::webhook::Webhook;
use crate::api::object;
use crate::api::resource::{Registry, Resource};

/// One rule of a webhook.
#[derive(Clone, Debug)]
pub(super) struct Rule {
    operations: Vec<String>,
    groups: Vec<String>,
    versions: Vec<String>,
    resources: Vec<String>,
    scope: String,
}

impl Rule {
    pub(super) fn parse(source: &Value) -> Self {
        let words = |name: &str| {
            let list = object::list(source, &[name])
                .iter()
                .filter_map(Value::as_str);
            list.map(str::to_owned).collect::<Vec<_>>()
        };
        Self {
            operations: words("operations"),
            groups: words("apiGroups"),
            versions: words("apiVersions"),
            resources: words("resources"),
            scope: object::text(source, &["scope"]).to_owned(),
        }
    }

    fn matches(&self, attempt: &Attempt<'_>, resource: &Resource) -> bool {
        let has =
            |list: &[String], wanted: &str| list.iter().any(|one| one == "*" || one == wanted);
        has(&self.operations, attempt.operation.word())
            && has(&self.groups, &resource.group)
            && has(&self.versions, &resource.version)
            && self.has_scope(resource)
            && self
                .resources
                .iter()
                .any(|one| names(one, &resource.plural, attempt.subresource))
    }

    fn has_scope(&self, resource: &Resource) -> bool {
        match self.scope.as_str() {
            "Cluster" => !resource.namespaced,
            "Namespaced" => resource.namespaced,
            _ => true,
        }
    }
}

/// Whether `pods`, `pods/log`, `pods/*`, `*/scale`, `*` or `*/*` means this.
fn names(word: &str, plural: &str, subresource: &str) -> bool {
    let (main, sub) = word.split_once('/').unwrap_or((word, ""));
    (main == "*" || main == plural) && (sub == "*" || sub == subresource)
}

/// The version of the request's kind in which the webhook wants to see it.
pub(super) fn matched(
    webhook: &Webhook,
    attempt: &Attempt<'_>,
    registry: &Registry,
) -> Option<Arc<Resource>> {
    let wants = |resource: &Resource| {
        webhook
            .rules
            .iter()
            .any(|rule| rule.matches(attempt, resource))
    };
    if wants(attempt.resource) {
        return Some(Arc::clone(attempt.resource));
    }
    if webhook.exact {
        return None;
    }
    // Objects of the same key are the same objects under another group or version.
    let same = registry
        .all()
        .iter()
        .filter(|other| other.key == attempt.resource.key);
    same.into_iter().find(|other| wants(other)).cloned()
}

#[cfg(test)]
mod tests {
    use super::names;

    #[test]
    fn resources_are_named_with_their_subresources() {
        for (word, plural, sub, expected) in [
            ("pods", "pods", "", true),
            ("pods", "pods", "status", false),
            ("pods/status", "pods", "status", true),
            ("pods/*", "pods", "exec", true),
            ("pods/*", "services", "proxy", false),
            ("*/scale", "widgets", "scale", true),
            ("*/scale", "widgets", "", false),
            ("*", "widgets", "", true),
            ("*", "widgets", "status", false),
            ("*/*", "widgets", "status", true),
            ("*/*", "widgets", "", true),
        ] {
            assert_eq!(names(word, plural, sub), expected, "{word} {plural}/{sub}");
        }
    }
}
