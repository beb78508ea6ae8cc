//! Where clusters are looked for: everywhere, or in the namespaces that the installation names.
//!
//! An operator that is bound to namespaces asks for nothing outside of them, so that it needs no right there.

use k8s_openapi::NamespaceResourceScope;
use kube::api::Api;
use kube::{Client, Resource};

use crate::Config;

/// What one set of watches covers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Scope {
    /// All namespaces, those too that are made later.
    Everywhere,
    /// One of those that are named.
    Namespace(String),
}

impl Scope {
    /// All that a configuration asks for; never nothing.
    pub(crate) fn all(config: &Config) -> Vec<Self> {
        if config.namespaces.is_empty() {
            return vec![Self::Everywhere];
        }
        let namespaces = config.namespaces.iter().cloned();
        namespaces.map(Self::Namespace).collect()
    }

    /// The objects of a kind within it.
    pub(crate) fn api<K>(&self, client: &Client) -> Api<K>
    where
        K: Resource<Scope = NamespaceResourceScope, DynamicType = ()>,
    {
        match self {
            Self::Everywhere => Api::all(client.clone()),
            Self::Namespace(name) => Api::namespaced(client.clone(), name),
        }
    }
}

impl std::fmt::Display for Scope {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Everywhere => f.write_str("all namespaces"),
            Self::Namespace(name) => write!(f, "namespace {name}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_names_are_all_namespaces_and_a_name_counts_once() {
        assert_eq!(Scope::all(&Config::default()), [Scope::Everywhere]);
        let config = Config {
            namespaces: ["b", "a", "b"].map(str::to_owned).into(),
            ..Config::default()
        };
        let named = |name: &str| Scope::Namespace(name.to_owned());
        assert_eq!(Scope::all(&config), [named("a"), named("b")]);
    }
}
