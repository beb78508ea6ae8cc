//! What an installation on Kubernetes consists of, besides the definitions of the kinds.
//!
//! `deploy/howdah.yaml`, and what the Helm chart shares with it, is written from these objects, and the rights among them are those that the tests of this
//! crate run the operator with.
//!
//! | module | owns |
//! |---|---|
//! | `rights` | what the operator may do, and what people may do with clusters |
//! | `deployment` | the operator's Pods |
//! | `webhooks` | what API servers ask the operator about |

mod deployment;
mod rights;
mod webhooks;

use k8s_openapi::api::core::v1::{ConfigMap, Namespace, ServiceAccount};
use k8s_openapi::api::rbac::v1::{ClusterRole, ClusterRoleBinding, RoleRef, Subject};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use serde::Serialize;
use serde_json::Value;

use crate::Config;
use crate::context::OPERATOR_VERSION;

/// Name of the Deployment, the ServiceAccount and all that belongs to them.
const NAME: &str = "howdah-operator";

/// Versions of the components whose images are released together with this version: component, version.
const RELEASED: [(&str, &str); 5] = [
    ("postgres", "18.6"),
    ("postgres", "17.11"),
    ("postgres", "15.18"),
    ("postgres-util", "18.6"),
    ("pgbouncer", "1.26.1"),
];

/// The objects in the order in which they are applied.
#[must_use]
pub fn objects() -> Vec<Value> {
    vec![
        document(&namespace()),
        document(&service_account()),
        document(&cluster_role()),
        document(&binding()),
        document(&rights::viewers()),
        document(&rights::editors()),
        document(&catalogue()),
        document(&deployment::deployment()),
        document(&deployment::budget()),
        document(&webhooks::service()),
        document(&webhooks::mutating()),
        document(&webhooks::validating()),
    ]
}

/// The webhooks of either sort, but for their namespace.
#[must_use]
pub fn webhooks() -> Value {
    webhooks::both()
}

/// What the operator may do: what its own code calls, and what it hands on to the instances.
#[must_use]
pub fn cluster_role() -> ClusterRole {
    ClusterRole {
        metadata: metadata(None, NAME),
        rules: Some(rights::operator()),
        ..ClusterRole::default()
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

fn service_account() -> ServiceAccount {
    ServiceAccount {
        metadata: namespaced(NAME),
        ..ServiceAccount::default()
    }
}

fn binding() -> ClusterRoleBinding {
    ClusterRoleBinding {
        metadata: metadata(None, NAME),
        role_ref: RoleRef {
            api_group: Some("rbac.authorization.k8s.io".to_owned()),
            kind: "ClusterRole".to_owned(),
            name: NAME.to_owned(),
        },
        subjects: Some(vec![Subject {
            kind: "ServiceAccount".to_owned(),
            name: NAME.to_owned(),
            namespace: Some(Config::default().namespace),
            ..Subject::default()
        }]),
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
