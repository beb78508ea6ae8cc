//! What an installation on Kubernetes consists of, besides the definitions of the kinds.
//!
//! `deploy/howdah.yaml`, and what the Helm chart shares with it, is written from these objects, and the rights among them are those that the tests of this
//! crate run the operator with.
//!
//! | module | owns |
//! |---|---|
//! | `rights` | what the operator may do, and what people may do with clusters |
//! | `accounts` | who the operator is, and where it has which rights |
//! | `deployment` | the operator's Pods, and who reaches them |
//! | `webhooks` | what API servers ask the operator about |

mod accounts;
mod deployment;
mod rights;
mod webhooks;

use std::collections::BTreeSet;

use k8s_openapi::api::core::v1::{ConfigMap, Namespace};
use k8s_openapi::api::rbac::v1::PolicyRule;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use serde::Serialize;
use serde_json::Value;

use crate::Config;
use crate::context::OPERATOR_VERSION;

/// Name of the Deployment, the ServiceAccount and all that belongs to them.
const NAME: &str = "howdah-operator";

/// Versions of the components whose images are released together with this version: component, version.
const RELEASED: [(&str, &str); 6] = [
    ("postgres", "18.6"),
    ("postgres", "17.11"),
    ("postgres", "15.18"),
    ("postgres-util", "18.6"),
    ("pgbouncer", "1.26.1"),
    ("envoy", "1.40.0"),
];

/// What an installation can be asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Options {
    /// Namespaces whose clusters are worked on, and outside of which the operator has no rights; none: all of them.
    pub namespaces: BTreeSet<String>,
    /// Whether clusters, and the operator itself, are given NetworkPolicies.
    pub network_policies: bool,
}

/// The objects in the order in which they are applied.
#[must_use]
pub fn objects(options: &Options) -> Vec<Value> {
    let mut objects = vec![document(&namespace()), document(&accounts::account())];
    objects.extend(accounts::bindings(options));
    objects.extend([
        document(&rights::viewers()),
        document(&rights::editors()),
        document(&catalogue()),
        document(&deployment::deployment(options)),
        document(&deployment::budget()),
    ]);
    if options.network_policies {
        objects.push(document(&deployment::policy()));
    }
    objects.extend([
        document(&webhooks::service()),
        document(&webhooks::mutating(options)),
        document(&webhooks::validating(options)),
    ]);
    objects
}

/// Everything in one text: the definitions of the kinds, and what works on them.
///
/// # Errors
/// When it cannot be written as YAML, which would be a defect here.
pub fn manifest(options: &Options) -> Result<String, serde_saphyr::SerializeError> {
    let mut documents = Vec::new();
    for definition in howdah_api::crds() {
        documents.push(serde_saphyr::to_string(&definition)?);
    }
    for object in objects(options) {
        documents.push(serde_saphyr::to_string(&object)?);
    }
    Ok(format!("---\n{}", documents.join("---\n")))
}

/// The webhooks of either sort, but for their namespace.
#[must_use]
pub fn webhooks() -> Value {
    webhooks::both()
}

/// What the operator may do, by where: see the fields.
#[derive(Debug, Clone, PartialEq)]
pub struct Rights {
    /// Where clusters are: what its own code calls, and what it hands on to the instances.
    pub working: Vec<PolicyRule>,
    /// Over what belongs to no namespace.
    pub of_cluster: Vec<PolicyRule>,
    /// In its own namespace, where it need not work.
    pub at_home: Vec<PolicyRule>,
}

/// What the operator may do.
#[must_use]
pub fn rights() -> Rights {
    Rights {
        working: rights::working(),
        of_cluster: rights::of_cluster(),
        at_home: rights::at_home(),
    }
}

fn namespace() -> Namespace {
    let mut metadata = metadata(None, &Config::default().namespace);
    metadata.labels.get_or_insert_default().insert(
        "pod-security.kubernetes.io/enforce".to_owned(),
        "restricted".to_owned(),
    );
    Namespace {
        metadata,
        ..Namespace::default()
    }
}

/// The images that belong to this version, as the operator reads them.
#[must_use]
pub fn catalogue_text() -> String {
    let entry = |(component, version): (&str, &str)| {
        format!(
            "- component: {component}\n  version: \"{version}\"\n  image: {}\n",
            image(component, version)
        )
    };
    let entries: String = RELEASED.into_iter().map(entry).collect();
    format!("components:\n{entries}")
}

fn catalogue() -> ConfigMap {
    ConfigMap {
        metadata: namespaced(&Config::default().catalogue),
        data: Some([("catalogue.yaml".to_owned(), catalogue_text())].into()),
        ..ConfigMap::default()
    }
}

/// The image of a component as `cargo xtask images` names it.
fn image(component: &str, version: &str) -> String {
    format!("howdah/{component}:{version}-{OPERATOR_VERSION}")
}

fn namespaced(name: &str) -> ObjectMeta {
    metadata(Some(Config::default().namespace), name)
}

fn metadata(namespace: Option<String>, name: &str) -> ObjectMeta {
    let labels = [
        ("app.kubernetes.io/name", "howdah"),
        ("app.kubernetes.io/version", OPERATOR_VERSION),
    ];
    ObjectMeta {
        name: Some(name.to_owned()),
        namespace,
        labels: Some(
            labels
                .map(|(key, value)| (key.to_owned(), value.to_owned()))
                .into(),
        ),
        ..ObjectMeta::default()
    }
}

/// An object as it is written, with its kind first.
fn document<K: Serialize>(object: &K) -> Value {
    serde_json::to_value(object).unwrap_or(Value::Null)
}

#[cfg(test)]
mod tests;
