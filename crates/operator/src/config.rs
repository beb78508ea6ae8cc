//! What an installation of the operator can choose.

use std::net::SocketAddr;

/// Settings of the operator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// Namespace of the operator, where the catalogue is.
    pub namespace: String,
    /// Name of the ConfigMap with the catalogue of components.
    pub catalogue: String,
    /// Name of this operator among those that may run at the same time, for example its Pod's
    /// name. An operator that restarts under the same name goes on without waiting.
    pub identity: String,
    /// Where probes are answered, if anywhere.
    pub health: Option<SocketAddr>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            namespace: "howdah-system".to_owned(),
            catalogue: "howdah-catalogue".to_owned(),
            identity: "howdah-operator".to_owned(),
            health: None,
        }
    }
}
