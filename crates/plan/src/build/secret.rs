//! Secrets: the cluster's credentials, its instances' own, and one connection for applications.

use std::collections::BTreeMap;

use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;

use crate::credentials::{Credentials, SUPERUSER_PASSWORD, SUPERUSER_USERNAME};
use crate::metadata::{Class, object_meta};
use crate::names::Names;
use crate::validated::ValidatedCluster;

/// Type of a service binding, see <https://servicebinding.io/spec/core/1.1.0/>.
const BINDING_TYPE: &str = "servicebinding.io/postgresql";

/// The Secret with the cluster's credentials; created and completed, never overwritten.
pub fn credentials_secret(cluster: &ValidatedCluster, credentials: &Credentials) -> Secret {
    opaque(cluster, Names(&cluster.name).cluster(), credentials)
}

/// The Secret with which the instances know each other; made and renewed by the operator.
pub fn peer_secret(cluster: &ValidatedCluster, content: &Credentials) -> Secret {
    opaque(cluster, Names(&cluster.name).peer(), content)
}

/// The Secret with the certificate that clients see; made and renewed by the operator.
pub fn ssl_secret(cluster: &ValidatedCluster, content: &Credentials) -> Secret {
    opaque(cluster, Names(&cluster.name).ssl(), content)
}

fn opaque(cluster: &ValidatedCluster, name: String, content: &Credentials) -> Secret {
    Secret {
        metadata: object_meta(cluster, name, Class::Other),
        type_: Some("Opaque".to_owned()),
        data: Some(bytes(content)),
        ..Secret::default()
    }
}

pub(super) fn binding_secret(cluster: &ValidatedCluster, credentials: &Credentials) -> Secret {
    let binding = &cluster.binding;
    let stored = |key: &str| credentials.get(key).cloned().unwrap_or_default();
    let (username, password) = match &binding.login {
        Some((username, password)) => (username.clone(), password.clone()),
        None => (stored(SUPERUSER_USERNAME), stored(SUPERUSER_PASSWORD)),
    };
    let host = format!("{}.{}", cluster.name, cluster.namespace);
    let uri = format!(
        "postgresql://{}:{}@{host}:5432/{}",
        escape(&username),
        escape(&password),
        escape(&binding.database),
    );
    let data = [
        ("type", "postgresql".to_owned()),
        ("provider", binding.provider.clone()),
        ("host", host),
        ("port", "5432".to_owned()),
        ("database", binding.database.clone()),
        ("username", username),
        ("password", password),
        ("uri", uri),
    ];
    let data = data
        .into_iter()
        .map(|(key, value)| (key.to_owned(), value))
        .collect();
    Secret {
        metadata: object_meta(cluster, Names(&cluster.name).binding(), Class::Other),
        type_: Some(BINDING_TYPE.to_owned()),
        data: Some(bytes(&data)),
        ..Secret::default()
    }
}

fn bytes(data: &Credentials) -> BTreeMap<String, ByteString> {
    data.iter()
        .map(|(key, value)| (key.clone(), ByteString(value.clone().into_bytes())))
        .collect()
}

/// Percent-encodes what is not unreserved in RFC 3986.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            escaped.push(char::from(byte));
        } else {
            escaped.push_str(&format!("%{byte:02X}"));
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_uri_survives_any_password() {
        assert_eq!(escape("a-b._~9"), "a-b._~9");
        assert_eq!(escape("p@ss:w/ö%"), "p%40ss%3Aw%2F%C3%B6%25");
    }
}
