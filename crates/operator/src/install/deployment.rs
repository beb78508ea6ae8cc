//! Two Pods of the operator, one of which works while the other waits for its Lease.

use k8s_openapi::DeepMerge as _;
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::networking::v1::NetworkPolicy;
use k8s_openapi::api::policy::v1::PodDisruptionBudget;
use serde_json::{Value, json};

use super::{NAME, Options, namespaced};
use crate::context::OPERATOR_VERSION;

const HEALTH: &str = "health";
const HEALTH_PORT: i32 = 8080;

/// The port of the webhooks, by the name that their Service uses.
pub(super) const WEBHOOK: &str = "webhook";
const WEBHOOK_PORT: i32 = 8443;

pub(super) fn deployment(options: &Options) -> Deployment {
    let mut deployment = Deployment {
        metadata: namespaced(NAME),
        ..Deployment::default()
    };
    deployment.merge_from(read(json!({
        "spec": {
            "replicas": 2,
            "selector": {"matchLabels": selector()},
            "template": {
                "metadata": {"labels": selector()},
                "spec": {
                    "serviceAccountName": NAME,
                    "enableServiceLinks": false,
                    "terminationGracePeriodSeconds": 30,
                    "securityContext": {
                        "runAsNonRoot": true,
                        "runAsUser": 999,
                        "runAsGroup": 999,
                        "seccompProfile": {"type": "RuntimeDefault"},
                    },
                    "topologySpreadConstraints": [{
                        "maxSkew": 1,
                        "topologyKey": "kubernetes.io/hostname",
                        "whenUnsatisfiable": "ScheduleAnyway",
                        "labelSelector": {"matchLabels": selector()},
                    }],
                    "containers": [container(options)],
                },
            },
        },
    })));
    deployment
}

fn container(options: &Options) -> Value {
    let probe = |path: &str, period: u32, failures: u32| {
        json!({
            "httpGet": {"path": path, "port": HEALTH},
            "periodSeconds": period,
            "failureThreshold": failures,
        })
    };
    let mut environment = vec![
        field("POD_NAMESPACE", "metadata.namespace"),
        field("POD_NAME", "metadata.name"),
        variable("HOWDAH_HEALTH_ADDRESS", &format!("[::]:{HEALTH_PORT}")),
        variable("HOWDAH_WEBHOOK_ADDRESS", &format!("[::]:{WEBHOOK_PORT}")),
    ];
    if !options.namespaces.is_empty() {
        let names: Vec<_> = options.namespaces.iter().map(String::as_str).collect();
        environment.push(variable("HOWDAH_ALLOWED_NAMESPACES", &names.join(",")));
    }
    if options.network_policies {
        environment.push(variable("HOWDAH_NETWORK_POLICIES", "true"));
    }
    json!({
        "name": "operator",
        "image": format!("howdah/howdah:{OPERATOR_VERSION}"),
        "args": ["operator"],
        "env": environment,
        "ports": [
            {"name": HEALTH, "containerPort": HEALTH_PORT, "protocol": "TCP"},
            {"name": WEBHOOK, "containerPort": WEBHOOK_PORT, "protocol": "TCP"},
        ],
        "livenessProbe": probe("/livez", 20, 3),
        "readinessProbe": probe("/readyz", 5, 3),
        "resources": {
            "requests": {"cpu": "100m", "memory": "64Mi"},
            "limits": {"memory": "512Mi"},
        },
        "securityContext": {
            "allowPrivilegeEscalation": false,
            "capabilities": {"drop": ["ALL"]},
            "readOnlyRootFilesystem": true,
        },
    })
}

/// One of the two is always there.
pub(super) fn budget() -> PodDisruptionBudget {
    let mut budget = PodDisruptionBudget {
        metadata: namespaced(NAME),
        ..PodDisruptionBudget::default()
    };
    budget.merge_from(read(json!({
        "spec": {
            "minAvailable": 1,
            "selector": {"matchLabels": selector()},
            "unhealthyPodEvictionPolicy": "AlwaysAllow",
        },
    })));
    budget
}

/// API servers ask the webhooks, from addresses that are no Pods'; probes come from the node, which no policy keeps out.
pub(super) fn policy() -> NetworkPolicy {
    let mut policy = NetworkPolicy {
        metadata: namespaced(NAME),
        ..NetworkPolicy::default()
    };
    policy.merge_from(read(json!({
        "spec": {
            "podSelector": {"matchLabels": selector()},
            "policyTypes": ["Ingress"],
            "ingress": [{"ports": [{"port": WEBHOOK, "protocol": "TCP"}]}],
        },
    })));
    policy
}

pub(super) fn selector() -> Value {
    json!({"app.kubernetes.io/name": "howdah", "app.kubernetes.io/component": "operator"})
}

fn variable(name: &str, value: &str) -> Value {
    json!({"name": name, "value": value})
}

fn field(name: &str, path: &str) -> Value {
    json!({"name": name, "valueFrom": {"fieldRef": {"fieldPath": path}}})
}

/// Literals above; a test compares what is read from them with what they say.
pub(super) fn read<K: serde::de::DeserializeOwned + Default>(literal: Value) -> K {
    serde_json::from_value(literal).unwrap_or_default()
}

#[cfg(test)]
pub(super) fn literal(options: &Options) -> Value {
    container(options)
}
