//! Which other objects a cluster refers to, and what was found of them.

mod source;

use std::borrow::Cow;
use std::collections::BTreeMap;

use howdah_api::cluster::{ClusterSpec, UserCredentials};
use howdah_api::{SGInstanceProfile, SGPoolingConfig, SGPostgresConfig, SecretKeySelector};
use howdah_types::{ClusterName, PgMajor};

use crate::cert_manager::CertManager;
use crate::credentials::{
    AUTHENTICATOR_PASSWORD, AUTHENTICATOR_USERNAME, REPLICATION_PASSWORD, REPLICATION_USERNAME,
    RESTAPI_PASSWORD, SUPERUSER_PASSWORD, SUPERUSER_USERNAME,
};
use crate::names::Names;

/// A configuration object that a cluster needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    /// Name of the object, in the cluster's namespace.
    pub name: String,
    /// Whether the operator creates it when it is missing.
    pub generated: bool,
}

impl Wanted {
    /// The object that the user names, or the one that is generated.
    ///
    /// Manifests exported from a running cluster name the generated objects, so such a name is no
    /// promise that somebody creates the object.
    fn new(named: Option<&String>, default: String) -> Self {
        let name = named.cloned().unwrap_or_else(|| default.clone());
        Self {
            generated: name == default,
            name,
        }
    }
}

/// The SGInstanceProfile of a cluster.
pub fn wanted_profile(name: &ClusterName, spec: &ClusterSpec) -> Wanted {
    Wanted::new(
        spec.sg_instance_profile.as_ref(),
        Names(name).default_config(),
    )
}

/// The SGPostgresConfig of a cluster that runs a major version.
pub fn wanted_postgres_config(name: &ClusterName, spec: &ClusterSpec, major: PgMajor) -> Wanted {
    let configurations = spec.configurations.as_ref();
    Wanted::new(
        configurations.and_then(|c| c.sg_postgres_config.as_ref()),
        Names(name).default_postgres_config(major),
    )
}

/// The SGPoolingConfig of a cluster.
pub fn wanted_pooling_config(name: &ClusterName, spec: &ClusterSpec) -> Wanted {
    let configurations = spec.configurations.as_ref();
    Wanted::new(
        configurations.and_then(|c| c.sg_pooling_config.as_ref()),
        Names(name).default_config(),
    )
}

/// A key of a Secret that the user names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WantedSecretKey<'a> {
    /// The field that names it.
    pub field: &'static str,
    /// Which key of the credentials Secret it fills; none for the service binding and for certificates.
    pub credential: Option<&'static str>,
    /// Secret and key.
    pub selector: Cow<'a, SecretKeySelector>,
}

/// Every Secret key that a cluster names.
pub fn wanted_secret_keys(spec: &ClusterSpec) -> Vec<WantedSecretKey<'_>> {
    let configurations = spec.configurations.as_ref();
    let ssl = Some(&spec.postgres.ssl).filter(|ssl| ssl.enabled);
    let credentials = configurations.and_then(|c| c.credentials.as_ref());
    let users = credentials.and_then(|c| c.users.as_ref());
    let superuser = users.and_then(|u| u.superuser.as_ref());
    let replication = users.and_then(|u| u.replication.as_ref());
    let authenticator = users.and_then(|u| u.authenticator.as_ref());
    let rest = credentials.and_then(|c| c.patroni.as_ref()?.rest_api_password.as_ref());
    let binding = configurations.and_then(|c| c.binding.as_ref()?.password.as_ref());
    let certificate = ssl.and_then(|ssl| ssl.certificate_secret_key_selector.as_ref());
    let private_key = ssl.and_then(|ssl| ssl.private_key_secret_key_selector.as_ref());
    [
        (
            "spec.configurations.credentials.users.superuser.username",
            Some(SUPERUSER_USERNAME),
            username(superuser),
        ),
        (
            "spec.configurations.credentials.users.superuser.password",
            Some(SUPERUSER_PASSWORD),
            password(superuser),
        ),
        (
            "spec.configurations.credentials.users.replication.username",
            Some(REPLICATION_USERNAME),
            username(replication),
        ),
        (
            "spec.configurations.credentials.users.replication.password",
            Some(REPLICATION_PASSWORD),
            password(replication),
        ),
        (
            "spec.configurations.credentials.users.authenticator.username",
            Some(AUTHENTICATOR_USERNAME),
            username(authenticator),
        ),
        (
            "spec.configurations.credentials.users.authenticator.password",
            Some(AUTHENTICATOR_PASSWORD),
            password(authenticator),
        ),
        (
            "spec.configurations.credentials.patroni.restApiPassword",
            Some(RESTAPI_PASSWORD),
            rest,
        ),
        (BINDING_PASSWORD, None, binding),
        (
            "spec.postgres.ssl.certificateSecretKeySelector",
            None,
            certificate,
        ),
        (
            "spec.postgres.ssl.privateKeySecretKeySelector",
            None,
            private_key,
        ),
    ]
    .into_iter()
    .filter_map(|(field, credential, selector)| {
        Some(WantedSecretKey {
            field,
            credential,
            selector: Cow::Borrowed(selector?),
        })
    })
    .chain(source::wanted_secret_keys(spec))
    .collect()
}

fn username(user: Option<&UserCredentials>) -> Option<&SecretKeySelector> {
    user.and_then(|user| user.username.as_ref())
}

fn password(user: Option<&UserCredentials>) -> Option<&SecretKeySelector> {
    user.and_then(|user| user.password.as_ref())
}

/// The field that names the cluster which a standby cluster streams from.
pub(crate) const SOURCE_CLUSTER: &str = "spec.replicateFrom.instance.sgCluster";
/// The field of the service binding's password.
pub(crate) const BINDING_PASSWORD: &str = "spec.configurations.binding.password";

/// What was found of a cluster's references.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct References {
    /// The instance profile.
    pub profile: Option<SGInstanceProfile>,
    /// The Postgres configuration.
    pub postgres_config: Option<SGPostgresConfig>,
    /// The pooler configuration.
    pub pooling_config: Option<SGPoolingConfig>,
    /// Values of Secret keys, by name of the Secret and key.
    pub secret_keys: BTreeMap<(String, String), String>,
    /// cert-manager, for a cluster that asks for it.
    pub cert_manager: CertManager,
}
