//! Certificates by cert-manager, for clusters that ask for it by annotation.
//!
//! The annotations are those that cert-manager itself knows on Ingresses and Gateways
//! (<https://cert-manager.io/docs/reference/annotations/>).

use std::collections::BTreeMap;

use howdah_api::cert_manager::{Certificate, GROUP, IssuerRef};

use crate::invalid::Invalid;

/// Names an Issuer of the cluster's namespace.
pub const ISSUER: &str = "cert-manager.io/issuer";
/// Names a ClusterIssuer.
pub const CLUSTER_ISSUER: &str = "cert-manager.io/cluster-issuer";
/// Says the kind of what [`ISSUER`] names, if that is somebody else's.
pub const ISSUER_KIND: &str = "cert-manager.io/issuer-kind";
/// Says the group of that kind.
pub const ISSUER_GROUP: &str = "cert-manager.io/issuer-group";

/// What was found of cert-manager.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct CertManager {
    /// True if its kinds are known to the server.
    pub installed: bool,
    /// What it was asked for.
    pub certificate: Option<Certificate>,
    /// What it has made for the cluster so far.
    pub made: Option<Made>,
}

/// A certificate that cert-manager made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Made {
    /// With its chain.
    pub certificate: String,
    /// The private key.
    pub key: String,
    /// The certificate of the authority, which not every issuer tells.
    pub authority: Option<String>,
}

/// Who should sign the certificate that clients see; none if the cluster does not ask.
pub fn issuer(annotations: &BTreeMap<String, String>) -> Result<Option<IssuerRef>, Vec<Invalid>> {
    let of = |key: &str| annotations.get(key).filter(|value| !value.is_empty());
    let (name, kind) = match (of(ISSUER), of(CLUSTER_ISSUER)) {
        (None, None) => return Ok(None),
        (Some(_), Some(_)) => {
            let why =
                format!("names an Issuer and a ClusterIssuer: remove {ISSUER} or {CLUSTER_ISSUER}");
            return Err(vec![Invalid::config("metadata.annotations", why)]);
        }
        (Some(name), None) => (name, of(ISSUER_KIND).map_or("Issuer", String::as_str)),
        (None, Some(name)) => (name, "ClusterIssuer"),
    };
    Ok(Some(IssuerRef {
        name: name.clone(),
        kind: kind.to_owned(),
        group: of(ISSUER_GROUP).map_or(GROUP, String::as_str).to_owned(),
    }))
}

/// Whether a cluster asks for cert-manager, rightly or not.
pub fn is_asked(annotations: &BTreeMap<String, String>) -> bool {
    !matches!(issuer(annotations), Ok(None))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(pairs: &[(&str, &str)]) -> Result<Option<[String; 3]>, usize> {
        let pairs = pairs
            .iter()
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
        let found = issuer(&pairs.collect()).map_err(|problems| problems.len())?;
        Ok(found.map(|issuer| [issuer.name, issuer.kind, issuer.group]))
    }

    #[test]
    fn annotations_name_the_issuer_as_on_an_ingress() {
        let three = |a: &str, b: &str, c: &str| Ok(Some([a, b, c].map(str::to_owned)));
        assert_eq!(of(&[]), Ok(None));
        assert_eq!(of(&[(ISSUER, ""), (ISSUER_KIND, "X")]), Ok(None));
        assert_eq!(of(&[(ISSUER, "ca")]), three("ca", "Issuer", GROUP));
        assert_eq!(
            of(&[(CLUSTER_ISSUER, "ca"), (ISSUER_KIND, "X")]),
            three("ca", "ClusterIssuer", GROUP)
        );
        assert_eq!(
            of(&[
                (ISSUER, "ca"),
                (ISSUER_KIND, "X"),
                (ISSUER_GROUP, "x.example.org")
            ]),
            three("ca", "X", "x.example.org")
        );
        assert_eq!(of(&[(ISSUER, "ca"), (CLUSTER_ISSUER, "ca")]), Err(1));
    }
}
