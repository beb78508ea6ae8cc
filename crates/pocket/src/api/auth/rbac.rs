//! Role-based access: do the stored roles and bindings allow a request?

use serde_json::{Value, json};

use super::Identity;
use crate::api::object;
use crate::store::{Key, Store};

pub(super) const GROUP: &str = "rbac.authorization.k8s.io";

/// What somebody wants to do.
#[derive(Clone, Debug, Default)]
pub(crate) struct Asked<'a> {
    pub(crate) verb: &'a str,
    pub(crate) group: &'a str,
    pub(crate) resource: &'a str,
    pub(crate) subresource: &'a str,
    pub(crate) namespace: &'a str,
    pub(crate) name: &'a str,
    /// Set for paths that are no resources; the rest is empty then.
    pub(crate) path: &'a str,
}

/// Somebody a binding can name.
#[derive(Clone, Copy)]
struct Subject<'a>(&'a Identity);

/// Whether the roles in the store allow it.
pub(crate) fn allowed(store: &Store, identity: &Identity, asked: &Asked<'_>) -> bool {
    if identity.is_master() || discovers(identity, asked) {
        return true;
    }
    applying(store, identity, asked.namespace).any(|binding| {
        rules(store, &binding)
            .iter()
            .any(|rule| permits(rule, asked))
    })
}

/// Every rule that gives this user something in a namespace, or everywhere when it is empty.
pub(crate) fn held(store: &Store, identity: &Identity, namespace: &str) -> Vec<Value> {
    let own = if identity.is_master() {
        vec![
            json!({"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]}),
            json!({"nonResourceURLs": ["*"], "verbs": ["*"]}),
        ]
    } else {
        Vec::new()
    };
    let bound = applying(store, identity, namespace).flat_map(|binding| rules(store, &binding));
    own.into_iter().chain(bound).collect()
}

/// The bindings of a namespace and of the cluster that name this user.
fn applying<'a>(
    store: &'a Store,
    identity: &'a Identity,
    namespace: &'a str,
) -> impl Iterator<Item = Value> + use<'a> {
    let subject = Subject(identity);
    let everywhere = bindings(store, "clusterrolebindings", None, subject);
    // Whom a rule for the whole cluster allows it needs no other.
    let here = std::iter::once_with(move || match namespace {
        "" => Vec::new(),
        _ => bindings(store, "rolebindings", Some(namespace), subject),
    });
    everywhere
        .into_iter()
        .chain(here.flatten())
        .filter(move |binding| subject.is_in(binding))
}

/// Everybody who is known may ask what there is and who they are.
fn discovers(identity: &Identity, asked: &Asked<'_>) -> bool {
    let known = identity
        .groups
        .iter()
        .any(|group| group == super::AUTHENTICATED);
    let reviews = [
        "selfsubjectaccessreviews",
        "selfsubjectreviews",
        "selfsubjectrulesreviews",
    ];
    let asks = asked.verb == "create" && reviews.contains(&asked.resource);
    known && ((asked.verb == "get" && is_discovery(asked.path)) || asks)
}

/// The paths that `system:discovery` opens on a real cluster.
fn is_discovery(path: &str) -> bool {
    let below = |prefix: &str| path == prefix || path.starts_with(&format!("{prefix}/"));
    ["/api", "/apis", "/openapi"].iter().any(|one| below(one))
        || ["/healthz", "/livez", "/readyz", "/version", "/version/"].contains(&path)
}

/// The bindings that may name the user, and maybe more.
fn bindings(
    store: &Store,
    plural: &str,
    namespace: Option<&str>,
    subject: Subject<'_>,
) -> Vec<Value> {
    let snapshot = store.list(&format!("{plural}.{GROUP}"), namespace);
    let parsed = snapshot
        .items
        .iter()
        .filter(|(_, stored)| subject.may_be_in(&stored.json))
        .map(|(_, stored)| serde_json::from_slice(&stored.json));
    parsed.filter_map(Result::ok).collect()
}

impl Subject<'_> {
    /// False if the text of a binding cannot name the user: of a thousand bindings few need to be parsed.
    fn may_be_in(self, json: &[u8]) -> bool {
        let Ok(text) = std::str::from_utf8(json) else {
            return true;
        };
        // A service account is named by the last part of its user name.
        let own = self.0.user.rsplit(':').next().unwrap_or_default();
        let groups = self.0.groups.iter().map(String::as_str);
        std::iter::once(own)
            .chain(groups)
            .any(|name| !is_plain(name) || text.contains(name))
    }

    fn is_in(self, binding: &Value) -> bool {
        let home = object::meta(binding, "namespace");
        object::list(binding, &["subjects"]).iter().any(|subject| {
            let text = |field: &str| object::text(subject, &[field]);
            match text("kind") {
                "User" => text("name") == self.0.user,
                "Group" => self.0.groups.iter().any(|group| group == text("name")),
                "ServiceAccount" => {
                    let namespace = if text("namespace").is_empty() {
                        home
                    } else {
                        text("namespace")
                    };
                    let user = format!("system:serviceaccount:{namespace}:{}", text("name"));
                    user == self.0.user
                }
                _ => false,
            }
        })
    }
}

/// True if JSON has only one way to write that name.
fn is_plain(name: &str) -> bool {
    let plain = |letter: u8| letter.is_ascii_alphanumeric() || b"-._:@".contains(&letter);
    !name.is_empty() && name.bytes().all(plain)
}

/// The rules of the role that a binding refers to.
pub(super) fn rules(store: &Store, binding: &Value) -> Vec<Value> {
    let role = &binding["roleRef"];
    let (plural, namespace) = match object::text(role, &["kind"]) {
        "ClusterRole" => ("clusterroles", ""),
        "Role" => ("roles", object::meta(binding, "namespace")),
        _ => return Vec::new(),
    };
    let resource = format!("{plural}.{GROUP}").into();
    let key = Key::new(&resource, namespace, object::text(role, &["name"]));
    let stored = store
        .get(&key)
        .and_then(|found| serde_json::from_slice::<Value>(&found.json).ok());
    stored
        .map(|role| object::list(&role, &["rules"]).to_vec())
        .unwrap_or_default()
}

fn permits(rule: &Value, asked: &Asked<'_>) -> bool {
    let words = |field: &str| {
        let list = object::list(rule, &[field])
            .iter()
            .filter_map(Value::as_str);
        list.collect::<Vec<&str>>()
    };
    let any = |field: &str, wanted: &str| {
        words(field)
            .iter()
            .any(|word| *word == "*" || *word == wanted)
    };
    if !any("verbs", asked.verb) {
        return false;
    }
    if !asked.path.is_empty() {
        return words("nonResourceURLs")
            .iter()
            .any(|url| match url.strip_suffix('*') {
                Some(prefix) => asked.path.starts_with(prefix),
                None => *url == asked.path,
            });
    }
    let resource = words("resources").iter().any(|word| {
        let (main, sub) = word.split_once('/').unwrap_or((word, ""));
        *word == "*" || ((main == "*" || main == asked.resource) && sub == asked.subresource)
    });
    let names = words("resourceNames");
    let named = names.is_empty() || (!asked.name.is_empty() && names.contains(&asked.name));
    any("apiGroups", asked.group) && resource && named
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::AUTHENTICATED;
    use super::*;

    fn asked<'a>(
        verb: &'a str,
        resource: &'a str,
        subresource: &'a str,
        name: &'a str,
    ) -> Asked<'a> {
        Asked {
            verb,
            resource,
            subresource,
            name,
            namespace: "ns",
            ..Asked::default()
        }
    }

    #[test]
    fn a_binding_is_passed_over_only_if_its_text_cannot_name_the_user() {
        let bound = |subject: Value| {
            let metadata = json!({"namespace": "ns"});
            json!({"metadata": metadata, "subjects": [subject]})
        };
        let groups = vec![AUTHENTICATED.to_owned(), "teams/\"ops\"".to_owned()];
        for (user, groups, subject) in [
            ("ann", &[][..], json!({"kind": "User", "name": "ann"})),
            (
                "system:serviceaccount:ns:agent",
                &[],
                json!({"kind": "ServiceAccount", "name": "agent"}),
            ),
            (
                "\"quoted\"",
                &[],
                json!({"kind": "User", "name": "\"quoted\""}),
            ),
            (
                "ann",
                &groups,
                json!({"kind": "Group", "name": "teams/\"ops\""}),
            ),
        ] {
            let identity = Identity {
                user: user.to_owned(),
                groups: groups.to_vec(),
                uid: String::new(),
                extra: Vec::new(),
            };
            let binding = bound(subject);
            assert!(Subject(&identity).is_in(&binding), "{binding}");
            let text = serde_json::to_vec(&binding).unwrap();
            assert!(Subject(&identity).may_be_in(&text), "{binding}");
        }
        let other = Identity {
            user: "system:serviceaccount:ns:other".to_owned(),
            groups: vec![AUTHENTICATED.to_owned()],
            uid: String::new(),
            extra: Vec::new(),
        };
        let binding = bound(json!({"kind": "ServiceAccount", "name": "agent"}));
        let text = serde_json::to_vec(&binding).unwrap();
        assert!(!Subject(&other).may_be_in(&text));
    }

    #[test]
    fn rules_name_verbs_groups_resources_and_names() {
        let rule = json!({"apiGroups": [""], "resources": ["pods", "pods/status"],
            "verbs": ["get", "patch"], "resourceNames": ["p"]});
        assert!(permits(&rule, &asked("get", "pods", "", "p")));
        assert!(permits(&rule, &asked("patch", "pods", "status", "p")));
        for no in [
            asked("delete", "pods", "", "p"),
            asked("get", "pods", "log", "p"),
            asked("get", "pods", "", "q"),
            asked("get", "pods", "", ""),
            asked("get", "services", "", "p"),
            Asked {
                group: "apps",
                ..asked("get", "pods", "", "p")
            },
        ] {
            assert!(!permits(&rule, &no), "{no:?}");
        }
        let all = json!({"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]});
        assert!(permits(&all, &asked("get", "pods", "log", "p")));
        let paths = json!({"nonResourceURLs": ["/metrics*"], "verbs": ["get"]});
        assert!(permits(
            &paths,
            &Asked {
                verb: "get",
                path: "/metrics/x",
                ..Asked::default()
            }
        ));
    }
}
