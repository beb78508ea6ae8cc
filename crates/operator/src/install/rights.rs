//! Rights as tables: who may do what with which objects.

use k8s_openapi::api::rbac::v1::{ClusterRole, PolicyRule};

use super::metadata;

struct Right {
    group: &'static str,
    resources: &'static [&'static str],
    verbs: &'static [&'static str],
    /// Only objects of these names; all if there are none.
    names: &'static [&'static str],
}

const fn right(
    group: &'static str,
    resources: &'static [&'static str],
    verbs: &'static [&'static str],
) -> Right {
    Right {
        group,
        resources,
        verbs,
        names: &[],
    }
}

const GROUP: &str = howdah_api::GROUP;

/// What a server-side apply needs where objects are found by label and removed as orphans.
const APPLIED: &[&str] = &["list", "create", "patch", "delete"];
/// The same for kinds whose changes cause a pass.
const WATCHED: &[&str] = &["list", "watch", "create", "patch", "delete"];
const READ_AND_MADE: &[&str] = &["get", "list", "watch", "create"];

/// What the operator calls where it works. A test runs it with these rights; add a line when it calls something new.
const CALLED: [Right; 13] = [
    right(GROUP, &["sgclusters"], &["get", "list", "watch", "patch"]),
    // Some servers ask for this of those who make objects that hold up the deletion of their owner.
    right(GROUP, &["sgclusters/finalizers"], &["update"]),
    right(
        GROUP,
        &["sginstanceprofiles", "sgpgconfigs", "sgpoolconfigs"],
        READ_AND_MADE,
    ),
    right("", &["pods", "services"], WATCHED),
    // Volumes outlive their instances: they go with the cluster and are never deleted one by one.
    right(
        "",
        &["persistentvolumeclaims"],
        &["list", "watch", "create", "patch"],
    ),
    // The catalogue and the users' own Secrets are read by name.
    right(
        "",
        &["configmaps", "secrets"],
        &["get", "list", "watch", "create", "patch", "delete"],
    ),
    right("", &["serviceaccounts"], APPLIED),
    right(
        "rbac.authorization.k8s.io",
        &["roles", "rolebindings"],
        APPLIED,
    ),
    right("policy", &["poddisruptionbudgets"], APPLIED),
    // Made where the installation asks for them, and removed where it does not any more.
    right("networking.k8s.io", &["networkpolicies"], APPLIED),
    right("", &["events"], &["create", "get", "patch"]),
    // For clusters that ask for a certificate by cert-manager, where there is one.
    right(
        "cert-manager.io",
        &["certificates"],
        &["get", "create", "patch", "delete"],
    ),
    // Its own, which is the leader's, and the control records of all clusters.
    right(
        "coordination.k8s.io",
        &["leases"],
        &["get", "list", "watch", "create", "update"],
    ),
];

/// What belongs to no namespace: whom API servers trust when they ask its webhooks.
const OF_CLUSTER: Right = Right {
    group: "admissionregistration.k8s.io",
    resources: &[
        "mutatingwebhookconfigurations",
        "validatingwebhookconfigurations",
    ],
    verbs: &["get", "patch"],
    names: &[crate::webhook::NAME],
};

/// What the operator calls in its own namespace, whether it works there or not: the catalogue, the certificates of the
/// webhooks, and the Lease of the leader.
const AT_HOME: [Right; 5] = [
    Right {
        group: "",
        resources: &["configmaps"],
        verbs: &["get", "list", "watch"],
        names: &[crate::config::CATALOGUE],
    },
    Right {
        group: "",
        resources: &["secrets"],
        verbs: &["get", "list", "watch", "patch"],
        names: &[crate::webhook::SECRET],
    },
    right("", &["secrets"], &["create"]),
    Right {
        group: "coordination.k8s.io",
        resources: &["leases"],
        verbs: &["get", "update"],
        names: &[crate::leader::NAME],
    },
    right("coordination.k8s.io", &["leases"], &["create"]),
];

const KINDS: &[&str] = &[
    "sgbackups",
    "sgclusters",
    "sgdbops",
    "sginstanceprofiles",
    "sgobjectstorages",
    "sgpgconfigs",
    "sgpoolconfigs",
    "sgscripts",
];

/// Where it works: the operator's own rights, and those that it hands on, for nobody may give what they do not have.
pub(super) fn working() -> Vec<PolicyRule> {
    let own = CALLED.iter().map(rule);
    own.chain(howdah_plan::build::instance_rights()).collect()
}

/// Over what belongs to no namespace.
pub(super) fn of_cluster() -> Vec<PolicyRule> {
    vec![rule(&OF_CLUSTER)]
}

/// In its own namespace, where it need not work.
pub(super) fn at_home() -> Vec<PolicyRule> {
    AT_HOME.iter().map(rule).collect()
}

/// Whoever may view a namespace may view its clusters.
pub(super) fn viewers() -> ClusterRole {
    let read = right(GROUP, KINDS, &["get", "list", "watch"]);
    aggregated("howdah-view", &["view", "edit", "admin"], &read)
}

/// Whoever may edit a namespace may edit its clusters.
pub(super) fn editors() -> ClusterRole {
    let write = right(
        GROUP,
        KINDS,
        &["create", "update", "patch", "delete", "deletecollection"],
    );
    aggregated("howdah-edit", &["edit", "admin"], &write)
}

fn aggregated(name: &str, to: &[&str], right: &Right) -> ClusterRole {
    let mut metadata = metadata(None, name);
    metadata
        .labels
        .get_or_insert_default()
        .extend(to.iter().map(|role| {
            let key = format!("rbac.authorization.k8s.io/aggregate-to-{role}");
            (key, "true".to_owned())
        }));
    ClusterRole {
        metadata,
        rules: Some(vec![rule(right)]),
        ..ClusterRole::default()
    }
}

fn rule(right: &Right) -> PolicyRule {
    let texts = |list: &[&str]| list.iter().map(|text| (*text).to_owned()).collect();
    PolicyRule {
        api_groups: Some(texts(&[right.group])),
        resources: Some(texts(right.resources)),
        verbs: texts(right.verbs),
        resource_names: (!right.names.is_empty()).then(|| texts(right.names)),
        ..PolicyRule::default()
    }
}
