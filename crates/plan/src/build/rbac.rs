//! What an instance may do at the API server: its own record, its route, its siblings' Pods.

use k8s_openapi::api::core::v1::ServiceAccount;
use k8s_openapi::api::rbac::v1::{PolicyRule, Role, RoleBinding, RoleRef, Subject};

use crate::metadata::{Class, object_meta};
use crate::names::Names;
use crate::validated::ValidatedCluster;

pub(super) fn service_account(cluster: &ValidatedCluster) -> ServiceAccount {
    ServiceAccount {
        metadata: object_meta(
            cluster,
            Names(&cluster.name).service_account(),
            Class::ServiceAccount,
        ),
        ..ServiceAccount::default()
    }
}

pub(super) fn role(cluster: &ValidatedCluster) -> Role {
    let names = Names(&cluster.name);
    Role {
        metadata: object_meta(cluster, names.service_account(), Class::Other),
        rules: Some(rules(&names.cluster())),
    }
}

/// The control record and the route are named; creating cannot be limited to a name
/// (<https://kubernetes.io/docs/reference/access-authn-authz/rbac/#referring-to-resources>).
fn rules(name: &str) -> Vec<PolicyRule> {
    let named = ["get", "list", "watch", "update"];
    vec![
        rule("coordination.k8s.io", "leases", &named, Some(name)),
        rule("coordination.k8s.io", "leases", &["create"], None),
        rule("discovery.k8s.io", "endpointslices", &named, Some(name)),
        rule("discovery.k8s.io", "endpointslices", &["create"], None),
        rule("", "pods", &["get", "list", "watch", "patch"], None),
        rule("", "events", &["create"], None),
    ]
}

fn rule(group: &str, resource: &str, verbs: &[&str], name: Option<&str>) -> PolicyRule {
    PolicyRule {
        api_groups: Some(vec![group.to_owned()]),
        resources: Some(vec![resource.to_owned()]),
        resource_names: name.map(|name| vec![name.to_owned()]),
        verbs: verbs.iter().map(|verb| (*verb).to_owned()).collect(),
        ..PolicyRule::default()
    }
}

pub(super) fn role_binding(cluster: &ValidatedCluster) -> RoleBinding {
    let name = Names(&cluster.name).service_account();
    RoleBinding {
        metadata: object_meta(cluster, name.clone(), Class::Other),
        role_ref: RoleRef {
            api_group: Some("rbac.authorization.k8s.io".to_owned()),
            kind: "Role".to_owned(),
            name: name.clone(),
        },
        subjects: Some(vec![Subject {
            kind: "ServiceAccount".to_owned(),
            name,
            namespace: Some(cluster.namespace.clone()),
            ..Subject::default()
        }]),
    }
}
