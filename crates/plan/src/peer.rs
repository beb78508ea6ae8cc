//! The Secret with which the instances of a cluster know each other.
//!
//! Only its shape: keys and names. Keys and certificates are made by the operator.

use howdah_types::ClusterName;

/// Key of the certificate of the cluster's own authority.
pub const CA_CERTIFICATE: &str = "ca.crt";
/// Key of the authority's private key, which only the operator reads.
pub const CA_KEY: &str = "ca.key";
/// Key of the certificate that every instance shows, as client and as server.
pub const CERTIFICATE: &str = "tls.crt";
/// Key of that certificate's private key.
pub const KEY: &str = "tls.key";

/// The keys that the instances see.
pub(crate) const MOUNTED: [&str; 3] = [CA_CERTIFICATE, CERTIFICATE, KEY];

/// The name that the certificate is for.
pub fn host(cluster: &ClusterName, namespace: &str) -> String {
    format!("members.{cluster}.{namespace}")
}
