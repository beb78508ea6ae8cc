//! What an installation of the operator can choose.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::PathBuf;

/// The name of the catalogue that installations bring.
pub(crate) const CATALOGUE: &str = "howdah-catalogue";

/// Settings of the operator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// Namespace of the operator, where the catalogue is.
    pub namespace: String,
    /// Namespaces whose clusters are worked on; none: those of all namespaces.
    pub namespaces: BTreeSet<String>,
    /// Name of the ConfigMap with the catalogue of components.
    pub catalogue: String,
    /// Name of this operator among those that may run at the same time, for example its Pod's
    /// name. An operator that restarts under the same name goes on without waiting.
    pub identity: String,
    /// Where probes are answered, if anywhere.
    pub health: Option<SocketAddr>,
    /// Whether every cluster gets a NetworkPolicy that limits who reaches its instances.
    pub network_policies: bool,
    /// How admission webhooks are served, if at all.
    pub webhook: Option<Webhook>,
}

/// How admission webhooks are served.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Webhook {
    /// Where they are answered.
    pub address: SocketAddr,
    /// What they are answered with.
    pub certificate: Certificate,
}

/// Where the certificate of the webhooks comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Certificate {
    /// From an authority of the operator's own, which it also makes API servers trust.
    Own,
    /// From the files `tls.crt` and `tls.key` of a folder, which somebody else renews.
    Folder(PathBuf),
}

impl Config {
    /// Whether clusters of a namespace are worked on.
    pub(crate) fn covers(&self, namespace: &str) -> bool {
        self.namespaces.is_empty() || self.namespaces.contains(namespace)
    }
}

impl Default for Config {
    fn default() -> Self {
        Self {
            namespace: "howdah-system".to_owned(),
            namespaces: BTreeSet::new(),
            catalogue: CATALOGUE.to_owned(),
            identity: "howdah-operator".to_owned(),
            health: None,
            network_policies: false,
            webhook: None,
        }
    }
}
