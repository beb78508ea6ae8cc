//! The certificate that cert-manager is asked for.

use std::net::IpAddr;
use std::time::Duration;

use howdah_api::cert_manager::{Certificate, CertificateSpec, IssuerRef};

use crate::metadata::{Class, object_meta};
use crate::names::Names;
use crate::validated::ValidatedCluster;

/// The Certificate for names and addresses; without a `life` it is cert-manager's to decide.
pub fn certificate(
    cluster: &ValidatedCluster,
    issuer: &IssuerRef,
    life: Option<Duration>,
    hosts: &[String],
) -> Certificate {
    let name = Names(&cluster.name).issued();
    let is_address = |host: &String| host.parse::<IpAddr>().is_ok();
    let (ip_addresses, dns_names) = hosts.iter().cloned().partition(is_address);
    Certificate {
        metadata: object_meta(cluster, name.clone(), Class::Other),
        spec: CertificateSpec {
            secret_name: name,
            issuer_ref: issuer.clone(),
            dns_names,
            ip_addresses,
            duration: life.map(|life| format!("{}s", life.as_secs())),
            usages: ["digital signature", "server auth"]
                .map(str::to_owned)
                .into(),
            private_key: [("algorithm", "ECDSA"), ("rotationPolicy", "Always")]
                .map(|(key, value)| (key.to_owned(), value.to_owned()))
                .into(),
        },
    }
}
