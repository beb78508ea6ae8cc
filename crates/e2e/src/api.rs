//! The Kubernetes API as JSON, read the way any client would.

use anyhow::{Context, Result, bail};
use kube::Client;
use serde_json::Value;

/// A kind of object that the suite looks at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Kind {
    api: &'static str,
    plural: &'static str,
}

impl Kind {
    /// Pods.
    pub const PODS: Self = Self::core("pods");
    /// Services.
    pub const SERVICES: Self = Self::core("services");
    /// Secrets.
    pub const SECRETS: Self = Self::core("secrets");
    /// Config maps.
    pub const CONFIG_MAPS: Self = Self::core("configmaps");
    /// Persistent volume claims.
    pub const CLAIMS: Self = Self::core("persistentvolumeclaims");
    /// Service accounts.
    pub const SERVICE_ACCOUNTS: Self = Self::core("serviceaccounts");
    /// Events.
    pub const EVENTS: Self = Self::core("events");
    /// Leases.
    pub const LEASES: Self = Self::of("/apis/coordination.k8s.io/v1", "leases");
    /// Endpoint slices.
    pub const ENDPOINT_SLICES: Self = Self::of("/apis/discovery.k8s.io/v1", "endpointslices");
    /// Clusters.
    pub const CLUSTERS: Self = Self::stackgres("sgclusters");
    /// Instance profiles.
    pub const PROFILES: Self = Self::stackgres("sginstanceprofiles");
    /// Postgres configurations.
    pub const POSTGRES_CONFIGS: Self = Self::stackgres("sgpgconfigs");
    /// Pooling configurations.
    pub const POOLING_CONFIGS: Self = Self::stackgres("sgpoolconfigs");

    const fn of(api: &'static str, plural: &'static str) -> Self {
        Self { api, plural }
    }

    const fn core(plural: &'static str) -> Self {
        Self::of("/api/v1", plural)
    }

    const fn stackgres(plural: &'static str) -> Self {
        Self::of("/apis/stackgres.io/v1", plural)
    }

    /// What the API calls objects of this kind.
    #[must_use]
    pub const fn plural(self) -> &'static str {
        self.plural
    }
}

/// One namespace of one API server.
#[derive(Clone)]
pub struct Api {
    client: Client,
    namespace: String,
}

impl Api {
    pub(crate) const fn new(client: Client, namespace: String) -> Self {
        Self { client, namespace }
    }

    /// An object; `None` when there is none of this name.
    ///
    /// # Errors
    /// When the server refuses or does not answer.
    pub async fn find(&self, kind: Kind, name: &str) -> Result<Option<Value>> {
        let path = format!("{}/{name}", self.path(kind));
        match self.request(&path).await {
            Ok(object) => Ok(Some(object)),
            Err(kube::Error::Api(status)) if status.is_not_found() => Ok(None),
            Err(error) => Err(error).with_context(|| format!("GET {path}")),
        }
    }

    /// An object that has to be there.
    ///
    /// # Errors
    /// When it is not, or as [`Api::find`].
    pub async fn get(&self, kind: Kind, name: &str) -> Result<Value> {
        let found = self.find(kind, name).await?;
        found.with_context(|| format!("there is no {} {name}", kind.plural))
    }

    /// The objects with these labels, by name.
    ///
    /// # Errors
    /// When the server refuses or does not answer.
    pub async fn list(&self, kind: Kind, labels: &str) -> Result<Vec<Value>> {
        let path = format!("{}?labelSelector={}", self.path(kind), encode(labels));
        let mut list = self
            .request(&path)
            .await
            .with_context(|| format!("GET {path}"))?;
        let Value::Array(mut items) = list["items"].take() else {
            bail!("GET {path} gave no list");
        };
        items.sort_by_key(|item| text(item, "/metadata/name").to_owned());
        Ok(items)
    }

    /// The names of the objects with these labels.
    ///
    /// # Errors
    /// As [`Api::list`].
    pub async fn names(&self, kind: Kind, labels: &str) -> Result<Vec<String>> {
        let items = self.list(kind, labels).await?;
        let name = |item: &Value| text(item, "/metadata/name").to_owned();
        Ok(items.iter().map(name).collect())
    }

    async fn request(&self, path: &str) -> Result<Value, kube::Error> {
        let request = http::Request::get(path).body(Vec::new());
        self.client
            .request(request.map_err(kube::Error::HttpError)?)
            .await
    }

    fn path(&self, kind: Kind) -> String {
        format!("{}/namespaces/{}/{}", kind.api, self.namespace, kind.plural)
    }
}

/// The characters of label selectors that mean something else in a query.
fn encode(selector: &str) -> String {
    selector.replace('=', "%3D").replace(',', "%2C")
}

/// The string at a JSON pointer, empty when there is none.
#[must_use]
pub fn text<'v>(value: &'v Value, pointer: &str) -> &'v str {
    value
        .pointer(pointer)
        .and_then(Value::as_str)
        .unwrap_or_default()
}
