//! Sets of values, and what becomes of them in comparison with the defaults.

use std::collections::BTreeSet;

use anyhow::{Context, Result};
use serde_json::Value;

/// One set of values.
pub(super) struct Case {
    /// In YAML.
    pub(super) values: &'static str,
    /// Objects that the defaults do not have.
    come: &'static [&'static str],
    /// Objects of the defaults that are not there.
    go: &'static [&'static str],
    /// A pointer into an object, and what stands there.
    pub(super) says: &'static [(&'static str, &'static str)],
}

impl Case {
    pub(super) fn values(&self) -> Result<Value> {
        serde_saphyr::from_str(self.values).with_context(|| format!("read {}", self.values))
    }

    /// Objects with the sign of their change.
    pub(super) fn differs(&self) -> BTreeSet<String> {
        let come = self.come.iter().map(|name| format!("+{name}"));
        let go = self.go.iter().map(|name| format!("-{name}"));
        come.chain(go).collect()
    }
}

/// The first are the defaults.
pub(super) const CASES: [Case; 10] = [
    Case {
        values: "{}",
        come: &[],
        go: &[],
        says: &[],
    },
    Case {
        values: "{webhooks: {enabled: false}}",
        come: &[],
        go: &[
            "Service howdah-system/howdah-operator",
            "MutatingWebhookConfiguration howdah-operator",
            "ValidatingWebhookConfiguration howdah-operator",
        ],
        says: &[],
    },
    Case {
        values: "{cert: {certManager: {autoConfigure: true}}}",
        come: &[
            "Issuer howdah-system/howdah-webhook",
            "Certificate howdah-system/howdah-webhook",
        ],
        go: &[],
        says: &[(
            "ValidatingWebhookConfiguration howdah-operator#/metadata/annotations/cert-manager.io~1inject-ca-from",
            "howdah-system/howdah-webhook",
        )],
    },
    Case {
        values: "{allowedNamespaces: [a, b, a]}",
        come: &[
            "Role a/howdah-operator",
            "RoleBinding a/howdah-operator",
            "Role b/howdah-operator",
            "RoleBinding b/howdah-operator",
            "Role howdah-system/howdah-operator-home",
            "RoleBinding howdah-system/howdah-operator-home",
        ],
        go: &[],
        says: &[
            (
                "ClusterRole howdah-operator#/rules/0/apiGroups/0",
                "admissionregistration.k8s.io",
            ),
            ("ClusterRole howdah-operator#/rules/1", "null"),
            (
                "MutatingWebhookConfiguration howdah-operator#/webhooks/0/namespaceSelector/matchExpressions/1/values/1",
                "b",
            ),
            (
                "Deployment howdah-system/howdah-operator#/spec/template/spec/containers/0/env/4/value",
                "a,b",
            ),
        ],
    },
    Case {
        values: "{allowedNamespaces: [a], webhooks: {enabled: false}}",
        come: &[
            "Role a/howdah-operator",
            "RoleBinding a/howdah-operator",
            "Role howdah-system/howdah-operator-home",
            "RoleBinding howdah-system/howdah-operator-home",
        ],
        go: &[
            "ClusterRole howdah-operator",
            "ClusterRoleBinding howdah-operator",
            "Service howdah-system/howdah-operator",
            "MutatingWebhookConfiguration howdah-operator",
            "ValidatingWebhookConfiguration howdah-operator",
        ],
        says: &[],
    },
    Case {
        values: "{networkPolicies: {enabled: true}}",
        come: &["NetworkPolicy howdah-system/howdah-operator"],
        go: &[],
        says: &[(
            "NetworkPolicy howdah-system/howdah-operator#/spec/ingress/0/ports/0/port",
            "webhook",
        )],
    },
    Case {
        values: "{networkPolicies: {enabled: true}, webhooks: {enabled: false}}",
        come: &["NetworkPolicy howdah-system/howdah-operator"],
        go: &[
            "Service howdah-system/howdah-operator",
            "MutatingWebhookConfiguration howdah-operator",
            "ValidatingWebhookConfiguration howdah-operator",
        ],
        says: &[(
            "NetworkPolicy howdah-system/howdah-operator#/spec/ingress/0",
            "null",
        )],
    },
    Case {
        values: "{serviceAccount: {create: false}, rbac: {create: false}, operator: {replicas: 1}}",
        come: &[],
        go: &[
            "ServiceAccount howdah-system/howdah-operator",
            "ClusterRole howdah-operator",
            "ClusterRoleBinding howdah-operator",
            "ClusterRole howdah-view",
            "ClusterRole howdah-edit",
            "PodDisruptionBudget howdah-system/howdah-operator",
        ],
        says: &[],
    },
    Case {
        values: "{containerRegistry: registry.example:5000/, imagePullSecrets: [{name: s}], \
                 operator: {image: {tag: '7'}, nodeSelector: {a: b}, tolerations: [{operator: Exists}], \
                 logFormat: json, log: debug, annotations: {c: d}}}",
        come: &[],
        go: &[],
        says: &[
            (
                "Deployment howdah-system/howdah-operator#/spec/template/spec/containers/0/image",
                "registry.example:5000/howdah/howdah:7",
            ),
            (
                "Deployment howdah-system/howdah-operator#/spec/template/spec/imagePullSecrets/0/name",
                "s",
            ),
            (
                "Deployment howdah-system/howdah-operator#/spec/template/spec/nodeSelector/a",
                "b",
            ),
            (
                "Deployment howdah-system/howdah-operator#/spec/template/spec/tolerations/0/operator",
                "Exists",
            ),
            (
                "Deployment howdah-system/howdah-operator#/spec/template/metadata/annotations/c",
                "d",
            ),
            (
                "Deployment howdah-system/howdah-operator#/spec/template/spec/containers/0/args/2",
                "json",
            ),
        ],
    },
    Case {
        values: "{catalogue: [{component: postgres, version: '17.11', image: registry.example/pg:17}]}",
        come: &[],
        go: &[],
        says: &[(
            "ConfigMap howdah-system/howdah-catalogue#/data/catalogue.yaml",
            "components:\n- component: postgres\n  image: registry.example/pg:17\n  version: \"17.11\"\n",
        )],
    },
];
