//! Who the operator is, and where it has which rights.

use k8s_openapi::api::core::v1::ServiceAccount;
use k8s_openapi::api::rbac::v1::{
    ClusterRole, ClusterRoleBinding, PolicyRule, Role, RoleBinding, RoleRef, Subject,
};
use serde_json::Value;

use super::{NAME, Options, document, metadata, namespaced, rights};
use crate::Config;

/// Name of the Role in the operator's own namespace, which may be one of those that it works in.
const AT_HOME: &str = "howdah-operator-home";

pub(super) fn account() -> ServiceAccount {
    ServiceAccount {
        metadata: namespaced(NAME),
        ..ServiceAccount::default()
    }
}

/// Roles and who has them. An operator that is bound to namespaces has rights in them, a few in its own, and over the
/// cluster only what there is no other way for.
pub(super) fn bindings(options: &Options) -> Vec<Value> {
    if options.namespaces.is_empty() {
        let everything = [rights::working(), rights::of_cluster()].concat();
        return over_the_cluster(everything).into();
    }
    let mut objects: Vec<_> = over_the_cluster(rights::of_cluster()).into();
    let home = Config::default().namespace;
    objects.extend(within(&home, AT_HOME, rights::at_home()));
    for namespace in &options.namespaces {
        objects.extend(within(namespace, NAME, rights::working()));
    }
    objects
}

fn over_the_cluster(rules: Vec<PolicyRule>) -> [Value; 2] {
    let role = ClusterRole {
        metadata: metadata(None, NAME),
        rules: Some(rules),
        ..ClusterRole::default()
    };
    let binding = ClusterRoleBinding {
        metadata: metadata(None, NAME),
        role_ref: refer("ClusterRole", NAME),
        subjects: Some(operator()),
    };
    [document(&role), document(&binding)]
}

fn within(namespace: &str, name: &str, rules: Vec<PolicyRule>) -> [Value; 2] {
    let metadata = metadata(Some(namespace.to_owned()), name);
    let role = Role {
        metadata: metadata.clone(),
        rules: Some(rules),
    };
    let binding = RoleBinding {
        metadata,
        role_ref: refer("Role", name),
        subjects: Some(operator()),
    };
    [document(&role), document(&binding)]
}

fn refer(kind: &str, name: &str) -> RoleRef {
    RoleRef {
        api_group: Some("rbac.authorization.k8s.io".to_owned()),
        kind: kind.to_owned(),
        name: name.to_owned(),
    }
}

fn operator() -> Vec<Subject> {
    vec![Subject {
        kind: "ServiceAccount".to_owned(),
        name: NAME.to_owned(),
        namespace: Some(Config::default().namespace),
        ..Subject::default()
    }]
}
