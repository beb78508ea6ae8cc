//! What an instance may do at the API server: its own record, its route, its siblings' Pods.

use k8s_openapi::api::core::v1::ServiceAccount;
use k8s_openapi::api::rbac::v1::{PolicyRule, Role, RoleBinding, RoleRef, Subject};

use crate::ha::Source;
use crate::instances::Selection;
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

pub(super) fn role(cluster: &ValidatedCluster, selection: &Selection) -> Role {
    let names = Names(&cluster.name);
    let members = selection.members.iter().map(ToString::to_string).collect();
    let mut rules = rules(vec![names.cluster()], members);
    if let Some(Source::Cluster(source)) = &cluster.ha.replicate_from {
        // Where the primary is that a standby cluster streams from.
        let route = Some(vec![source.to_string()]);
        rules.push(rule("discovery.k8s.io", "endpointslices", &["get"], route));
    }
    Role {
        metadata: object_meta(cluster, names.service_account(), Class::Other),
        rules: Some(rules),
    }
}

/// What the instances of any cluster may do, as if of all objects of a kind: whoever hands these rights on must have
/// them.
pub fn instance_rights() -> Vec<PolicyRule> {
    let any = || vec![String::new()];
    let rules = rules(any(), any());
    let everything = |rule| PolicyRule {
        resource_names: None,
        ..rule
    };
    rules.into_iter().map(everything).collect()
}

/// Rights are limited to names as far as that is possible: not for creating, nor for finding Pods by
/// their labels
/// (<https://kubernetes.io/docs/reference/access-authn-authz/rbac/#referring-to-resources>).
/// Whoever can patch a Pod can choose what it runs, so only the cluster's own are named.
fn rules(own: Vec<String>, members: Vec<String>) -> Vec<PolicyRule> {
    let record = ["get", "list", "watch", "update", "patch"];
    let route = ["get", "list", "watch", "update"];
    let mut rules = vec![
        rule("coordination.k8s.io", "leases", &record, Some(own.clone())),
        rule("coordination.k8s.io", "leases", &["create"], None),
        rule("discovery.k8s.io", "endpointslices", &route, Some(own)),
        rule("discovery.k8s.io", "endpointslices", &["create"], None),
        rule("", "pods", &["get", "list", "watch"], None),
        rule("", "events", &["create"], None),
    ];
    // No names would mean all of them.
    if !members.is_empty() {
        rules.push(rule("", "pods", &["patch"], Some(members)));
    }
    rules
}

fn rule(group: &str, resource: &str, verbs: &[&str], names: Option<Vec<String>>) -> PolicyRule {
    PolicyRule {
        api_groups: Some(vec![group.to_owned()]),
        resources: Some(vec![resource.to_owned()]),
        resource_names: names,
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
