//! Which built-in kind has which columns.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::column::{CREATED_DESCRIPTION, Column};
use super::{cluster, events, network, pods, rbac, read, storage};

/// The columns of a kind and how its objects fill them.
pub(super) struct Definition {
    pub(super) columns: &'static [Column],
    pub(super) cells: fn(&Value, Timestamp) -> Vec<Value>,
}

/// The columns of a kind; those of any object for kinds without columns of their own.
pub(super) fn definition(group: &str, kind: &str) -> &'static Definition {
    match (group, kind) {
        ("", "Pod") => &pods::PODS,
        ("", "Service") => &network::SERVICES,
        ("", "Endpoints") => &network::ENDPOINTS,
        ("discovery.k8s.io", "EndpointSlice") => &network::ENDPOINT_SLICES,
        ("", "ConfigMap") => &cluster::CONFIG_MAPS,
        ("", "Secret") => &cluster::SECRETS,
        ("", "Namespace") => &cluster::NAMESPACES,
        ("", "Node") => &cluster::NODES,
        ("", "ServiceAccount") => &cluster::SERVICE_ACCOUNTS,
        ("coordination.k8s.io", "Lease") => &cluster::LEASES,
        ("networking.k8s.io", "NetworkPolicy") => &network::POLICIES,
        ("policy", "PodDisruptionBudget") => &cluster::DISRUPTION_BUDGETS,
        ("", "PersistentVolume") => &storage::VOLUMES,
        ("", "PersistentVolumeClaim") => &storage::CLAIMS,
        ("storage.k8s.io", "StorageClass") => &storage::CLASSES,
        ("" | "events.k8s.io", "Event") => &events::EVENTS,
        ("rbac.authorization.k8s.io", "RoleBinding" | "ClusterRoleBinding") => &rbac::BINDINGS,
        (
            "admissionregistration.k8s.io",
            "MutatingWebhookConfiguration" | "ValidatingWebhookConfiguration",
        ) => &cluster::WEBHOOKS,
        _ => &ANY,
    }
}

/// Roles, definitions and everything else.
static ANY: Definition = Definition {
    columns: &[
        Column::NAME,
        Column::new("Created At", "date", CREATED_DESCRIPTION),
    ],
    cells: |object, _| {
        vec![
            read::name(object),
            json!(read::text(object, "/metadata/creationTimestamp")),
        ]
    },
};
