//! The ClusterRoles for people that every cluster has: `view`, `edit` and `admin`.
//!
//! Each gathers what is labelled for it, so a program's own kinds can be added to them.

use serde_json::{Value, json};

const READ: [&str; 3] = ["get", "list", "watch"];
const WRITE: [&str; 5] = ["create", "delete", "deletecollection", "patch", "update"];
const CORE: [&str; 10] = [
    "configmaps",
    "endpoints",
    "events",
    "persistentvolumeclaims",
    "persistentvolumeclaims/status",
    "pods",
    "pods/log",
    "pods/status",
    "serviceaccounts",
    "services",
];
const WRITABLE: [&str; 5] = [
    "configmaps",
    "persistentvolumeclaims",
    "pods",
    "serviceaccounts",
    "services",
];

/// The roles, and the parts that they gather.
pub(super) fn for_people() -> Vec<Value> {
    let rule = |group: &str, resources: &[&str], verbs: &[&str]| {
        json!({"apiGroups": [group],
        "resources": resources, "verbs": verbs})
    };
    let view = [
        rule("", &CORE, &READ),
        rule("", &["namespaces"], &READ),
        rule("policy", &["poddisruptionbudgets"], &READ),
        rule("networking.k8s.io", &["networkpolicies"], &READ),
        rule("discovery.k8s.io", &["endpointslices"], &READ),
        rule("events.k8s.io", &["events"], &READ),
    ];
    let edit = [
        rule(
            "",
            &[
                "secrets",
                "pods/attach",
                "pods/exec",
                "pods/portforward",
                "pods/proxy",
            ],
            &READ,
        ),
        rule(
            "",
            &["pods/attach", "pods/exec", "pods/portforward", "pods/proxy"],
            &WRITE,
        ),
        rule("", &["secrets"], &WRITE),
        rule("", &WRITABLE, &WRITE),
        rule("", &["pods/eviction", "serviceaccounts/token"], &["create"]),
        rule("policy", &["poddisruptionbudgets"], &WRITE),
        rule("networking.k8s.io", &["networkpolicies"], &WRITE),
        rule(
            "coordination.k8s.io",
            &["leases"],
            &[&READ[..], &WRITE[..]].concat(),
        ),
    ];
    let admin = [
        rule(
            "authorization.k8s.io",
            &["localsubjectaccessreviews"],
            &["create"],
        ),
        rule(
            "rbac.authorization.k8s.io",
            &["roles", "rolebindings"],
            &[&READ[..], &WRITE[..]].concat(),
        ),
    ];
    vec![
        whole("view"),
        whole("edit"),
        whole("admin"),
        part("view", &["view", "edit", "admin"], &view),
        part("edit", &["edit", "admin"], &edit),
        part("admin", &["admin"], &admin),
    ]
}

fn whole(name: &str) -> Value {
    let label = format!("rbac.authorization.k8s.io/aggregate-to-{name}");
    json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole",
        "metadata": {"name": name, "labels": {"kubernetes.io/bootstrapping": "rbac-defaults"}},
        "aggregationRule": {"clusterRoleSelectors": [{"matchLabels": {label: "true"}}]}})
}

fn part(name: &str, of: &[&str], rules: &[Value]) -> Value {
    let mut labels = json!({"kubernetes.io/bootstrapping": "rbac-defaults"});
    for whole in of {
        labels[format!("rbac.authorization.k8s.io/aggregate-to-{whole}")] = "true".into();
    }
    json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole",
        "metadata": {"name": format!("system:aggregate-to-{name}"), "labels": labels},
        "rules": rules})
}
