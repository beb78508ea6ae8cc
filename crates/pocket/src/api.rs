//! The API server: REST over the store, as kubectl and kube-rs expect it.
//!
//! One code path serves all kinds as raw JSON values; what differs between kinds stands in
//! tables ([`builtin`], [`kinds`]) or in the CRD. This module knows nothing of processes: Pods
//! are run by `node`, which is a client like any other.

pub(crate) mod admission;
mod auth;
mod body;
mod builtin;
mod crd;
mod discovery;
mod fields;
pub(crate) mod fuzzing;
mod handler;
mod kinds;
mod metrics;
mod names;
pub(crate) mod object;
mod openapi;
mod options;
mod patches;
mod protobuf;
mod request;
mod resource;
mod selector;
mod server;
mod shape;
mod status;
mod strategic;
mod table;
mod typed;

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use http::{HeaderValue, Request, Response, header};
use parking_lot::RwLock;
use serde_json::Value;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt as _;
use tower::service_fn;

pub use auth::Identity;
pub(crate) use kinds::Addresses;
pub(crate) use resource::Registry;
pub use server::TlsError;
pub(crate) use server::{acceptor, serve};

use crate::node::{PodLogs, PodSessions};
use crate::store::Store;

/// A moment in time.
pub(crate) type Time = jiff::Timestamp;

/// Settings of an API server.
#[derive(Clone)]
pub(crate) struct Config {
    /// Where Service addresses come from.
    pub(crate) addresses: Addresses,
    /// What discovery tells clients to connect to, `host:port`.
    pub(crate) server_address: String,
    /// Signs the tokens of ServiceAccounts.
    pub(crate) token_key: Vec<u8>,
}

/// The API server; clones share it.
#[derive(Clone)]
pub struct ApiServer {
    inner: Arc<Inner>,
}

struct Inner {
    store: Store,
    config: Config,
    registry: RwLock<Served>,
    /// Held while a Service address is chosen and stored.
    allocation: tokio::sync::Mutex<()>,
    /// Held while an eviction is judged and carried out.
    evictions: tokio::sync::Mutex<()>,
    /// Ends watches and other long answers.
    shutdown: CancellationToken,
    tokens: auth::Tokens,
    metrics: metrics::Metrics,
    /// Who can read the logs of Pods, once there is a node.
    logs: RwLock<Option<Arc<dyn PodLogs>>>,
    /// Who can reach into their containers, likewise.
    sessions: RwLock<Option<Arc<dyn PodSessions>>>,
}

impl ApiServer {
    /// Serves what is in the store.
    pub(crate) fn new(store: Store, config: Config, shutdown: CancellationToken) -> Self {
        let tokens = auth::Tokens::new(&config.token_key);
        Self {
            inner: Arc::new(Inner {
                tokens,
                metrics: metrics::Metrics::default(),
                store,
                config,
                registry: RwLock::new(Served::built_in()),
                allocation: tokio::sync::Mutex::new(()),
                evictions: tokio::sync::Mutex::new(()),
                shutdown,
                logs: RwLock::new(None),
                sessions: RwLock::new(None),
            }),
        }
    }

    /// The server as a service, for requests that carry an [`Identity`] extension.
    ///
    /// Requests without one are anonymous.
    pub(crate) fn router(&self) -> Router {
        let server = self.clone();
        Router::new().fallback(move |request: Request<Body>| {
            let server = server.clone();
            async move { handler::serve(&server, request).await }
        })
    }

    /// A client inside this process, with full REST semantics and neither TLS nor TCP.
    #[must_use]
    pub fn client(&self, identity: Identity) -> kube::Client {
        let router = self.router();
        let agent = identity.program();
        let service = service_fn(move |request: Request<kube::client::Body>| {
            let router = router.clone();
            let mut request = request.map(Body::new);
            request.extensions_mut().insert(identity.clone());
            if let Ok(agent) = HeaderValue::from_str(&agent) {
                request
                    .headers_mut()
                    .entry(header::USER_AGENT)
                    .or_insert(agent);
            }
            async move {
                let response: Response<Body> = router.oneshot(request).await?;
                Ok::<_, std::convert::Infallible>(response)
            }
        });
        kube::Client::new(service, "default")
    }

    /// Lets requests for logs of Pods, and those that reach into their containers, be answered by this node.
    pub fn set_node(&self, node: impl PodLogs + PodSessions + Clone + 'static) {
        *self.inner.logs.write() = Some(Arc::new(node.clone()));
        *self.inner.sessions.write() = Some(Arc::new(node));
    }

    pub(crate) fn store(&self) -> &Store {
        &self.inner.store
    }

    /// What is served now: whoever has seen a definition in the store finds its kind here.
    pub(crate) fn registry(&self) -> Arc<Registry> {
        let newest = self.inner.store.newest(crd::KEY);
        let known = self.inner.registry.read();
        if known.revision >= newest {
            return Arc::clone(&known.registry);
        }
        drop(known);
        let mut known = self.inner.registry.write();
        known.catch_up(&self.inner.store);
        Arc::clone(&known.registry)
    }
}

/// The kinds of the definitions up to a revision.
struct Served {
    registry: Arc<Registry>,
    revision: u64,
}

impl Served {
    fn built_in() -> Self {
        Self {
            registry: Arc::new(Registry::built_in()),
            revision: 0,
        }
    }

    /// Reads the definitions that have changed since.
    fn catch_up(&mut self, store: &Store) {
        let definitions = store.list(crd::KEY, None);
        let mut names: BTreeSet<&str> = BTreeSet::new();
        for (key, stored) in &definitions.items {
            names.insert(&key.name);
            if stored.revision > self.revision {
                let definition: Option<Value> = serde_json::from_slice(&stored.json).ok();
                self.take_in(&key.name, definition.as_ref());
            }
        }
        for gone in self.registry.definitions() {
            if !names.contains(&*gone) {
                self.take_in(&gone, None);
            }
        }
        self.revision = definitions.revision;
    }

    fn take_in(&mut self, name: &str, definition: Option<&Value>) {
        if let Some(next) = self.registry.with(name, definition) {
            self.registry = Arc::new(next);
        }
    }
}
