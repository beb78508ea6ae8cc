//! What an installation of the operator can choose.

/// Settings of the operator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// Namespace of the operator, where the catalogue is.
    pub namespace: String,
    /// Name of the ConfigMap with the catalogue of components.
    pub catalogue: String,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            namespace: "howdah-system".to_owned(),
            catalogue: "howdah-catalogue".to_owned(),
        }
    }
}
