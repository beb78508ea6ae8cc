//! What API servers ask the operator about, and where they find it.
//!
//! Whom they trust there is not written here: the operator fills it in, and owns that field alone.

use howdah_plan::admission::Kind;
use k8s_openapi::DeepMerge as _;
use k8s_openapi::api::admissionregistration::v1::{
    MutatingWebhookConfiguration, ValidatingWebhookConfiguration,
};
use k8s_openapi::api::core::v1::Service;
use serde_json::{Value, json};

use super::deployment::{WEBHOOK, read, selector};
use super::{Options, metadata, namespaced};
use crate::Config;
use crate::webhook::{MUTATE, NAME, VALIDATE};

/// Kinds of which something is filled in with every change, and not only at first.
const FILLED_AGAIN: [Kind; 3] = [Kind::PoolingConfig, Kind::PostgresConfig, Kind::Script];

/// Kinds that clusters name; whoever deletes one is told who uses it.
const NAMED: [Kind; 3] = [
    Kind::InstanceProfile,
    Kind::PoolingConfig,
    Kind::PostgresConfig,
];

/// Status and metadata are nobody's business here.
const CHANGES: &str = "request.operation != 'UPDATE' || !has(object.spec) || !has(oldObject.spec) || \
                       object.spec != oldObject.spec";

pub(super) fn service() -> Service {
    let mut service = Service {
        metadata: namespaced(NAME),
        ..Service::default()
    };
    service.merge_from(read(json!({
        "spec": {
            "selector": selector(),
            "ports": [{"name": WEBHOOK, "port": 443, "targetPort": WEBHOOK, "protocol": "TCP"}],
        },
    })));
    service
}

pub(super) fn mutating(options: &Options) -> MutatingWebhookConfiguration {
    let mut configuration = MutatingWebhookConfiguration {
        metadata: metadata(None, NAME),
        ..MutatingWebhookConfiguration::default()
    };
    configuration.merge_from(read(
        json!({"webhooks": [of_the_manifest(fill(), options)]}),
    ));
    configuration
}

pub(super) fn validating(options: &Options) -> ValidatingWebhookConfiguration {
    let mut configuration = ValidatingWebhookConfiguration {
        metadata: metadata(None, NAME),
        ..ValidatingWebhookConfiguration::default()
    };
    configuration.merge_from(read(
        json!({"webhooks": [of_the_manifest(check(), options)]}),
    ));
    configuration
}

pub(super) fn both() -> Value {
    json!({"mutating": [fill()], "validating": [check()]})
}

fn of_the_manifest(mut webhook: Value, options: &Options) -> Value {
    webhook["clientConfig"]["service"]["namespace"] = Config::default().namespace.into();
    if let Some(rules) = webhook["namespaceSelector"]["matchExpressions"].as_array_mut()
        && !options.namespaces.is_empty()
    {
        let names = &options.namespaces;
        rules
            .push(json!({"key": "kubernetes.io/metadata.name", "operator": "In", "values": names}));
    }
    webhook
}

fn fill() -> Value {
    let mut webhook = webhook("fill", MUTATE);
    webhook["rules"] = json!([
        rule(&["CREATE"], &Kind::ALL),
        rule(&["UPDATE"], &FILLED_AGAIN),
    ]);
    webhook["reinvocationPolicy"] = "Never".into();
    webhook
}

fn check() -> Value {
    let mut webhook = webhook("check", VALIDATE);
    webhook["rules"] = json!([
        rule(&["CREATE", "UPDATE"], &Kind::ALL),
        rule(&["DELETE"], &NAMED),
    ]);
    webhook
}

fn webhook(what: &str, path: &str) -> Value {
    json!({
        "name": format!("{what}.admission.howdah.io"),
        "clientConfig": {"service": {"name": NAME, "port": 443, "path": path}},
        "admissionReviewVersions": ["v1"],
        // Every pass applies the same rules, so nothing is lost where nobody answers.
        "failurePolicy": "Ignore",
        "matchPolicy": "Equivalent",
        "sideEffects": "None",
        "timeoutSeconds": 5,
        "namespaceSelector": {"matchExpressions": [
            {"key": "howdah.io/admission", "operator": "NotIn", "values": ["disabled"]},
        ]},
        "objectSelector": {},
        "matchConditions": [{"name": "changes", "expression": CHANGES}],
    })
}

fn rule(operations: &[&str], kinds: &[Kind]) -> Value {
    let resources: Vec<_> = kinds.iter().map(|kind| kind.plural()).collect();
    json!({
        "apiGroups": [howdah_api::GROUP],
        "apiVersions": ["*"],
        "operations": operations,
        "resources": resources,
        "scope": "Namespaced",
    })
}
