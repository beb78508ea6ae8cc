//! What every pass has at hand.

use k8s_openapi::NamespaceResourceScope;
use kube::Client;
use kube::api::Api;

use crate::Config;
use crate::cluster::Retries;
use crate::events::Recorder;

/// Version noted on what this operator makes.
pub(crate) const OPERATOR_VERSION: &str = env!("CARGO_PKG_VERSION");

/// Shared by all passes.
pub(crate) struct Context {
    pub(crate) client: Client,
    pub(crate) config: Config,
    pub(crate) recorder: Recorder,
    pub(crate) retries: Retries,
}

impl Context {
    pub(crate) fn new(client: Client, config: Config) -> Self {
        Self {
            recorder: Recorder::new(client.clone()),
            retries: Retries::default(),
            client,
            config,
        }
    }

    pub(crate) fn api<K>(&self, namespace: &str) -> Api<K>
    where
        K: kube::Resource<Scope = NamespaceResourceScope, DynamicType = ()>,
    {
        Api::namespaced(self.client.clone(), namespace)
    }
}
