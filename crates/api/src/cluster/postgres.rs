//! `spec.postgres`: version, flavor, extensions and TLS.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::schema::{ISO_DURATION, rules, yes};
use crate::selectors::SecretKeySelector;

const FLAVOR_FIXED: (&str, &str) = (
    "(has(self.flavor) ? self.flavor : 'vanilla') == (has(oldSelf.flavor) ? oldSelf.flavor : 'vanilla')",
    "flavor cannot be changed after creation; create a new cluster with the other flavor",
);

/// Version and variant of Postgres.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-validations" = rules(&[FLAVOR_FIXED])))]
pub struct Postgres {
    /// Version of Postgres: `latest`, a major version such as `"18"` (its newest minor version)
    /// or a full version such as `"18.6"`. The version in use is in `status.postgresVersion` and
    /// stays until it is changed on purpose.
    #[schemars(
        length(min = 1, max = 32),
        extend("x-kubernetes-validations" = rules(&[(
            "self.matches('^(latest|[1-9][0-9]*([.][0-9]+)?)$')",
            "must be latest, a major version such as \"18\", or a full version such as \"18.6\"",
        )]))
    )]
    pub version: String,
    /// Variant of Postgres: `vanilla` (the default) or `babelfish`, which speaks the protocol of
    /// SQL Server as well. It cannot be changed after creation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub flavor: Option<Flavor>,
    /// Extensions to make available. `CREATE EXTENSION` is still needed in each database that
    /// uses one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub extensions: Vec<PostgresExtension>,
    /// Encryption of client connections. On unless it is switched off.
    #[serde(default)]
    pub ssl: PostgresSsl,
}

/// Variant of Postgres.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "camelCase")]
pub enum Flavor {
    /// PostgreSQL as its developers release it.
    #[default]
    Vanilla,
    /// PostgreSQL with the protocol of SQL Server.
    Babelfish,
}

/// One extension to make available.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PostgresExtension {
    /// Name as in `CREATE EXTENSION`, for example `vector`.
    pub name: String,
    /// Version or channel. Default: the newest stable version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// Who publishes the extension.
    #[serde(default = "default_publisher")]
    pub publisher: String,
    /// Where it is downloaded from. Filled by the operator; leave it out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repository: Option<String>,
}

/// Encryption of client connections.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-validations" = rules(&[(
    "has(self.certificateSecretKeySelector) == has(self.privateKeySecretKeySelector)",
    "certificateSecretKeySelector and privateKeySecretKeySelector belong together; set both or neither",
)])))]
pub struct PostgresSsl {
    /// Whether clients can connect over TLS. Without a certificate of your own one is generated.
    #[serde(default = "yes")]
    pub enabled: bool,
    /// How long a generated certificate is valid, as an ISO 8601 duration, for example `P90D`.
    /// Default: 365 days. It is renewed before it ends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64), extend("x-kubernetes-validations" = rules(&[ISO_DURATION])))]
    pub duration: Option<String>,
    /// Secret key that holds your own certificate, PEM encoded, with its chain.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub certificate_secret_key_selector: Option<SecretKeySelector>,
    /// Secret key that holds the certificate's private key, PEM encoded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub private_key_secret_key_selector: Option<SecretKeySelector>,
}

impl Default for PostgresSsl {
    fn default() -> Self {
        Self {
            enabled: true,
            duration: None,
            certificate_secret_key_selector: None,
            private_key_secret_key_selector: None,
        }
    }
}

/// Publisher of extensions that name none.
pub(crate) fn default_publisher() -> String {
    "com.ongres".to_owned()
}
