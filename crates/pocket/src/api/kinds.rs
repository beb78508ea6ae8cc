//! Rules of the built-in kinds that are more than data: defaults, admission, validation.
//!
//! `default` is what decoding fills in, and the writer owns it. `admit` and `prepare` are what
//! the server decides itself; nobody owns that.

mod more;
mod pod;
mod quantity;
mod service;
mod small;
mod webhooks;
mod words;

use serde_json::{Value, json};

use super::names;
use super::object;
use super::resource::Resource;
use super::status::{Cause, Failure};
use super::{crd, strategic};

/// Fills in defaults, as decoding does.
pub(crate) fn default(resource: &Resource, value: &mut Value) -> Result<(), Failure> {
    match resource.kind_key() {
        "Pod" => return pod::default(value),
        "Service" => service::default(value),
        "Secret" => return small::default_secret(value),
        "Endpoints" => small::default_endpoints(value),
        "EndpointSlice" => small::default_endpoint_slice(value),
        "PersistentVolumeClaim" => return small::default_claim(value),
        "PersistentVolume" => return small::default_volume(value),
        "CustomResourceDefinition" => crd::default(value),
        "NetworkPolicy" => small::default_network_policy(value),
        "Event" => small::default_event(value),
        "StorageClass" => small::default_storage_class(value),
        "Namespace" => small::default_namespace(value),
        "RoleBinding" | "ClusterRoleBinding" => small::default_binding(value),
        "MutatingWebhookConfiguration" => webhooks::default(value, true),
        "ValidatingWebhookConfiguration" => webhooks::default(value, false),
        _ => {}
    }
    Ok(())
}

/// Decides what the server decides about a new object, after the writer's fields are recorded.
pub(crate) fn prepare_create(resource: &Resource, value: &mut Value) {
    match resource.kind_key() {
        "Pod" => pod::prepare(value),
        "Namespace" => {
            value["spec"] = json!({"finalizers": ["kubernetes"]});
            value["status"] = json!({"phase": "Active"});
        }
        "Service" => value["status"] = json!({"loadBalancer": {}}),
        "PersistentVolumeClaim" => {
            object::add_finalizer(value, small::CLAIM_FINALIZER);
            value["status"] = json!({"phase": "Pending"});
        }
        "PersistentVolume" => value["status"] = json!({"phase": "Pending"}),
        "PodDisruptionBudget" => {
            value["status"] = json!({"currentHealthy": 0, "desiredHealthy": 0,
                "disruptionsAllowed": 0, "expectedPods": 0});
        }
        "CustomResourceDefinition" => crd::initial_status(value),
        _ => {}
    }
}

/// What is wrong with an object; `old` is what it replaces.
pub(crate) fn validate(resource: &Resource, value: &Value, old: Option<&Value>) -> Vec<Cause> {
    let mut causes = Vec::new();
    match resource.kind_key() {
        "Pod" => pod::validate(value, old, &mut causes),
        "Service" => service::validate(value, old, &mut causes),
        "ConfigMap" => small::validate_data(value, old, &mut causes),
        "Secret" => {
            small::validate_data(value, old, &mut causes);
            more::secret(value, &mut causes);
        }
        "PersistentVolumeClaim" => {
            small::validate_claim(value, old, &mut causes);
            more::claim(value, old, &mut causes);
        }
        "Role" | "ClusterRole" => more::role(value, resource.namespaced, &mut causes),
        "Lease" => more::lease(value, &mut causes),
        "PodDisruptionBudget" => more::budget(value, &mut causes),
        "Event" => more::event(value, &mut causes),
        "CustomResourceDefinition" => causes.extend(crd::validate(value, old)),
        "RoleBinding" | "ClusterRoleBinding" => {
            more::binding(value, resource.namespaced, &mut causes);
            small::validate_binding(value, old, &mut causes);
        }
        "MutatingWebhookConfiguration" | "ValidatingWebhookConfiguration" => {
            webhooks::validate(value, &mut causes);
        }
        _ => {}
    }
    causes
}

/// Which rule the names of a kind follow.
pub(crate) fn name_rule(resource: &Resource) -> names::Rule {
    match resource.kind_key() {
        "Namespace" | "Service" => names::Rule::Label,
        "Role" | "RoleBinding" | "ClusterRole" | "ClusterRoleBinding" => names::Rule::PathSegment,
        _ => names::Rule::Subdomain,
    }
}

/// Allocates Service addresses; the only admission that needs to know other objects.
pub(crate) use service::{
    Addresses, keep_ports, needs_address, needs_ports, set_address, set_ports,
};

/// Strategic merge is for built-in kinds only.
pub(crate) fn strategic_merge(
    resource: &Resource,
    live: &Value,
    patch: &Value,
) -> Result<Value, Failure> {
    strategic::patch(&resource.shape(), live, patch)
}

impl Resource {
    /// The kind for built-in rules; custom kinds have none, whatever their name.
    fn kind_key(&self) -> &str {
        if self.builtin().is_some() {
            &self.kind
        } else {
            ""
        }
    }
}
