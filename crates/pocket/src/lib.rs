//! pocket: a Kubernetes API, node and network for one machine.
//!
//! [`start`] makes a cluster of a folder: an API server that `kubectl` and `kube` cannot tell from
//! a real one for the kinds it serves, the controllers such a cluster needs, and a node whose Pods
//! are processes. It knows nothing of stackgres.io.
//!
//! | module | owns | speaks to |
//! |---|---|---|
//! | `store` | objects, revisions, compare-and-set, watches; one SQLite file | nothing |
//! | `api` | REST: discovery, validation, patches, field ownership, roles, tokens | `store` |
//! | `spdy` | SPDY/3.1 as `kubectl` speaks it: a codec without a socket, and its driver | nothing |
//! | `openapi`, `table` | what `api` answers about its kinds and prints of its objects | nothing |
//! | [`controllers`] | garbage collection, namespaces, accounts, EndpointSlices, volumes, Events | the API |
//! | [`node`] | Pods as processes, with their logs and probes | the API |
//! | [`net`] | Services as forwarders | the API |
//! | `pki` | the cluster's certificates | nothing |
//! | `up` | the state folder; starting and stopping all of the above in order | all |
//!
//! "The API" means a [`kube::Client`], inside the process from [`ApiServer::client`]: no module but
//! `api` touches the store, so everything that changes an object passes the same checks.
//!
//! How an answer comes about: `api::handler` parses the URL into a route, finds the kind's
//! descriptor in the registry (`api::resource`; built-in kinds come from a table, custom ones from
//! their CRD), asks `api::auth` whether the user may, and runs the verb on raw JSON. Objects are
//! stored without `apiVersion` and `kind`; those are put back in front of the bytes, so reads,
//! lists and watches parse nothing.
//!
//! The node is a client of the API like any other, with one exception: for logs, `exec` and `attach` the API asks it
//! through [`node::PodLogs`] and [`node::PodSessions`], as a real API server asks a kubelet. Programs that are run in a
//! container are children of its shim. `exec` and `attach` speak `v5.channel.k8s.io` and `v4.channel.k8s.io` over
//! WebSockets and `v4.channel.k8s.io` over SPDY; `port-forward` speaks `SPDY/3.1+portforward.k8s.io` and
//! `v4.channel.k8s.io` over WebSockets and `portforward.k8s.io` over SPDY. The older and the Base64 protocols are
//! refused.
//!
//! `tests/golden.rs` replays a recording of a real API server; what differs stands in one table
//! there, with the reason.

mod api;
pub mod controllers;
pub mod net;
pub mod node;
mod openapi;
mod pki;
mod spdy;
mod store;
mod table;
mod up;

pub use api::{ApiServer, Identity, TlsError};
pub use pki::Error as PkiError;
pub use store::Error as StoreError;
pub use up::{Block, Config, DEFAULT_PORT, Error, Running, start};
