//! Nobody hands out rights that are not his own.
//!
//! A role may hold only what its writer may do himself, unless he has the verb `escalate` on
//! roles; a binding may refer only to such a role, unless he has the verb `bind` on it.

use serde_json::Value;

use super::rbac::{self, Asked, GROUP};
use super::{Identity, allowed};
use crate::api::object;
use crate::store::Store;

/// Why a role or binding is refused, or nothing.
pub(crate) fn problem(
    store: &Store,
    identity: &Identity,
    plural: &str,
    value: &Value,
    old: Option<&Value>,
) -> Option<String> {
    if identity.is_master() {
        return None;
    }
    match plural {
        "roles" | "clusterroles" => role(store, identity, plural, value, old),
        "rolebindings" | "clusterrolebindings" => binding(store, identity, value, old),
        _ => None,
    }
}

fn role(
    store: &Store,
    identity: &Identity,
    plural: &str,
    value: &Value,
    old: Option<&Value>,
) -> Option<String> {
    let same = |field: &str| old.is_some_and(|old| old[field] == value[field]);
    if same("rules") && same("aggregationRule") {
        return None;
    }
    let asked = Asked {
        verb: "escalate",
        group: GROUP,
        resource: plural,
        namespace: object::meta(value, "namespace"),
        name: object::meta(value, "name"),
        ..Asked::default()
    };
    if allowed(store, identity, &asked) {
        return None;
    }
    let namespace = asked.namespace;
    if value["aggregationRule"].is_object() && !same("aggregationRule") {
        let everything =
            serde_json::json!({"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]});
        if !missing(store, identity, namespace, &[everything]).is_empty() {
            return Some(format!(
                "{} must have cluster-admin privileges to use an aggregationRule",
                named(identity)
            ));
        }
    }
    not_held(store, identity, namespace, object::list(value, &["rules"]))
}

fn binding(
    store: &Store,
    identity: &Identity,
    value: &Value,
    old: Option<&Value>,
) -> Option<String> {
    let same = |field: &str| old.is_some_and(|old| old[field] == value[field]);
    if same("roleRef") && same("subjects") {
        return None;
    }
    let namespace = object::meta(value, "namespace");
    let resource = match object::text(value, &["roleRef", "kind"]) {
        "Role" => "roles",
        _ => "clusterroles",
    };
    let asked = Asked {
        verb: "bind",
        group: GROUP,
        resource,
        namespace,
        name: object::text(value, &["roleRef", "name"]),
        ..Asked::default()
    };
    if allowed(store, identity, &asked) {
        return None;
    }
    not_held(store, identity, namespace, &rbac::rules(store, value))
}

fn named(identity: &Identity) -> String {
    format!(
        "user {:?} (groups={})",
        identity.user,
        list(&identity.groups)
    )
}

/// A list as it is shown: `["a" "b"]`.
fn list(words: &[String]) -> String {
    let words: Vec<String> = words.iter().map(|word| format!("{word:?}")).collect();
    format!("[{}]", words.join(" "))
}

fn not_held(
    store: &Store,
    identity: &Identity,
    namespace: &str,
    rules: &[Value],
) -> Option<String> {
    let mut missing = missing(store, identity, namespace, rules);
    if missing.is_empty() {
        return None;
    }
    missing.sort();
    missing.dedup();
    Some(format!(
        "{} is attempting to grant RBAC permissions not currently held:\n{}",
        named(identity),
        missing.join("\n")
    ))
}

/// The parts of rules that are not covered by what this user may do here, as they are shown.
fn missing(store: &Store, identity: &Identity, namespace: &str, rules: &[Value]) -> Vec<String> {
    let held = rbac::held(store, identity, namespace);
    let mut shown = Vec::new();
    for rule in rules {
        let verbs = words(rule, "verbs");
        for url in words(rule, "nonResourceURLs") {
            let lacks: Vec<String> = verbs
                .iter()
                .filter(|verb| !held.iter().any(|own| covers_path(own, verb, &url)))
                .cloned()
                .collect();
            if !lacks.is_empty() {
                let url = list(&[url]);
                shown.push(format!("{{NonResourceURLs:{url}, Verbs:{}}}", list(&lacks)));
            }
        }
        for group in words(rule, "apiGroups") {
            for resource in words(rule, "resources") {
                let part = (group.as_str(), resource.as_str());
                shown.extend(lacking(&held, part, &words(rule, "resourceNames"), &verbs));
            }
        }
    }
    shown
}

fn lacking(
    held: &[Value],
    (group, resource): (&str, &str),
    names: &[String],
    verbs: &[String],
) -> Vec<String> {
    let each: Vec<Option<&String>> = match names {
        [] => vec![None],
        names => names.iter().map(Some).collect(),
    };
    let mut shown = Vec::new();
    for name in each {
        let lacks: Vec<String> = verbs
            .iter()
            .filter(|verb| {
                !held
                    .iter()
                    .any(|own| covers(own, verb, group, resource, name))
            })
            .cloned()
            .collect();
        if lacks.is_empty() {
            continue;
        }
        let group = list(&[group.to_owned()]);
        let resource = list(&[resource.to_owned()]);
        let name = name.map(|name| format!("ResourceNames:{}, ", list(std::slice::from_ref(name))));
        shown.push(format!(
            "{{APIGroups:{group}, Resources:{resource}, {}Verbs:{}}}",
            name.unwrap_or_default(),
            list(&lacks)
        ));
    }
    shown
}

fn words(rule: &Value, field: &str) -> Vec<String> {
    let list = object::list(rule, &[field])
        .iter()
        .filter_map(Value::as_str);
    list.map(str::to_owned).collect()
}

fn has(rule: &Value, field: &str, wanted: &str) -> bool {
    words(rule, field)
        .iter()
        .any(|word| word == "*" || word == wanted)
}

fn covers_path(own: &Value, verb: &str, url: &str) -> bool {
    let urls = words(own, "nonResourceURLs");
    let covered = urls.iter().any(|held| match held.strip_suffix('*') {
        Some(prefix) => url.starts_with(prefix),
        None => held == url,
    });
    covered && has(own, "verbs", verb)
}

fn covers(own: &Value, verb: &str, group: &str, resource: &str, name: Option<&String>) -> bool {
    let names = words(own, "resourceNames");
    let named = names.is_empty() || name.is_some_and(|name| names.contains(name));
    let everywhere = resource.split_once('/').map(|(_, sub)| format!("*/{sub}"));
    let resources = words(own, "resources");
    let covered = resources
        .iter()
        .any(|held| held == "*" || held == resource || Some(held) == everywhere.as_ref());
    named && covered && has(own, "verbs", verb) && has(own, "apiGroups", group)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_rule_is_covered_by_one_that_is_wider() {
        let own =
            json!({"apiGroups": [""], "resources": ["pods", "*/scale"], "verbs": ["get", "list"]});
        assert!(covers(&own, "get", "", "pods", None));
        assert!(covers(&own, "get", "", "pods", Some(&"p".to_owned())));
        assert!(covers(&own, "list", "", "widgets/scale", None));
        for (verb, group, resource) in [
            ("delete", "", "pods"),
            ("get", "apps", "pods"),
            ("get", "", "secrets"),
            ("*", "", "pods"),
            ("get", "", "*"),
        ] {
            assert!(
                !covers(&own, verb, group, resource, None),
                "{verb} {resource}"
            );
        }
        let narrow =
            json!({"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"], "resourceNames": ["p"]});
        assert!(!covers(&narrow, "get", "", "pods", None));
        assert!(covers(&narrow, "get", "", "pods", Some(&"p".to_owned())));
        let paths = json!({"nonResourceURLs": ["/metrics/*"], "verbs": ["get"]});
        assert!(covers_path(&paths, "get", "/metrics/x"));
        assert!(!covers_path(&paths, "post", "/metrics/x"));
        assert!(!covers_path(&paths, "get", "*"));
    }

    #[test]
    fn what_is_lacking_is_told_as_a_real_server_does() {
        let verbs = ["get".to_owned(), "list".to_owned()];
        assert_eq!(
            lacking(&[], ("", "secrets"), &[], &verbs),
            ["{APIGroups:[\"\"], Resources:[\"secrets\"], Verbs:[\"get\" \"list\"]}"]
        );
    }
}
