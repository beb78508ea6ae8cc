//! Certificate, a kind of cert-manager, as far as Howdah writes it
//! (<https://cert-manager.io/docs/reference/api-docs/#cert-manager.io/v1.Certificate>).

use std::collections::BTreeMap;

use kube::CustomResource;
use serde::{Deserialize, Serialize};

/// The group of its kinds.
pub const GROUP: &str = "cert-manager.io";

/// A certificate that cert-manager gets, keeps in a Secret and renews.
#[derive(CustomResource, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[kube(
    group = "cert-manager.io",
    version = "v1",
    kind = "Certificate",
    namespaced,
    schema = "disabled",
    derive = "PartialEq"
)]
#[serde(rename_all = "camelCase")]
pub struct CertificateSpec {
    /// The Secret that cert-manager writes, with keys `tls.crt`, `tls.key` and, for some issuers, `ca.crt`.
    pub secret_name: String,
    /// Who signs it.
    pub issuer_ref: IssuerRef,
    /// The names that it is for.
    #[serde(default)]
    pub dns_names: Vec<String>,
    /// The addresses that it is for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ip_addresses: Vec<String>,
    /// How long it is valid, as Go writes durations; cert-manager's default is 90 days.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duration: Option<String>,
    /// What it may be used for.
    #[serde(default)]
    pub usages: Vec<String>,
    /// How its key is made.
    #[serde(default)]
    pub private_key: BTreeMap<String, String>,
}

/// An Issuer, a ClusterIssuer, or a kind of somebody else's that acts as one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct IssuerRef {
    /// Name of the object.
    pub name: String,
    /// Its kind.
    pub kind: String,
    /// The group of that kind.
    pub group: String,
}
