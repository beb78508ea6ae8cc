//! pocket: a Kubernetes API, node and network for one machine.
//!
//! [`start`] makes a cluster of a folder: an API server that `kubectl` and `kube` cannot tell from
//! a real one for the kinds it serves, the controllers such a cluster needs, and a node whose Pods
//! are processes. It knows nothing of stackgres.io.
//!
//! | module | owns | speaks to |
//! |---|---|---|
//! | `store` | objects, revisions, compare-and-set, watches; one SQLite file | nothing |
//! | `api` | REST: discovery, validation, patches, field ownership, roles, tokens; `/metrics` counts requests | `store` |
//! | `api::admission` | asking the webhooks of mutating and validating configurations | `store`, the webhooks |
//! | `spdy` | SPDY/3.1 as `kubectl` speaks it: a codec without a socket, and its driver | nothing |
//! | `openapi`, `table` | what `api` answers about its kinds and prints of its objects | nothing |
//! | `schema` | what a CRD's schema means: pruning, defaults, validation, rules, merging | nothing |
//! | [`controllers`] | garbage collection, namespaces, accounts, aggregated roles, EndpointSlices, volumes, Events | the API |
//! | [`node`] | Pods as processes, with their logs and probes | the API |
//! | [`net`] | Services as forwarders | the API |
//! | `pki` | the cluster's certificates | nothing |
//! | `up` | the state folder; starting and stopping all of the above in order | all |
//!
//! [`fuzzing`] has the entry points of the fuzz targets in `fuzz/`.
//!
//! "The API" means a [`kube::Client`], inside the process from [`ApiServer::client`]: no module but
//! `api` touches the store, so everything that changes an object passes the same checks.
//!
//! How an answer comes about: `api::handler` parses the URL into a route, finds the kind's
//! descriptor in the registry (`api::resource`; built-in kinds come from a table, custom ones from
//! their CRD), asks `api::auth` whether the user may, and runs the verb on raw JSON: complete,
//! record ownership, let mutating webhooks change it, validate, ask validating webhooks, store.
//! Nobody can hand out rights that he does not have (`api::auth::escalation`). Objects are
//! stored without `apiVersion` and `kind`; those are put back in front of the bytes, so reads,
//! lists and watches parse nothing.
//!
//! What comes from outside is bounded: heads (64 KiB), bodies (3 MiB), nesting, connections (1024;
//! idle ones make place for new ones), and the time for handshakes, heads, bodies, webhooks, and
//! for a client to take its answer. `api::server` has the numbers and a test at each.
//!
//! How objects are kept: one SQLite file in WAL mode, synced before a write is answered. `src/store.rs` has the rules: what is
//! on disk when, how much is kept, what happens on a full disk, and to watchers who are slow. `tests/crash.rs` kills the server
//! under load and looks for every answered write; `tests/property.rs` and `src/store/tests/property.rs` drive random
//! operations against a model; `HOWDAH_CRASH_ROUNDS` and `HOWDAH_PROPERTY_SECONDS` make them longer, `HOWDAH_PROPERTY_SEED`
//! repeats one.
//!
//! The node is a client of the API like any other, with one exception: for logs, `exec` and `attach` the API asks it
//! through [`node::PodLogs`] and [`node::PodSessions`], as a real API server asks a kubelet. Programs that are run in a
//! container are children of its shim. `exec` and `attach` speak `v5.channel.k8s.io` and `v4.channel.k8s.io` over
//! WebSockets and `v4.channel.k8s.io` over SPDY; `port-forward` speaks `SPDY/3.1+portforward.k8s.io` and
//! `v4.channel.k8s.io` over WebSockets and `portforward.k8s.io` over SPDY. The older and the Base64 protocols are
//! refused.
//!
//! `tests/golden.rs` replays a recording of a real API server, version 1.36. These are all the
//! steps in which the answers differ:
//!
//! | step | reason |
//! |---|---|
//! | `discovery /apis/apps/v1` | pocket has no kinds of this group |
//! | `discovery /apis/batch/v1` | pocket has no kinds of this group |
//! | `pod immutable field` | the original appends a diff of its internal structures, which pocket does not have |
//! | `watch pods` | nothing plays the kubelet in this replay; the node has its own tests |
//! | `pod get running` | nothing plays the kubelet in this replay; the node has its own tests |
//! | `pod list table` | nothing plays the kubelet in this replay; the node has its own tests |
//! | `pod status patch` | nothing plays the kubelet in this replay; the node has its own tests |
//! | `pod delete grace 1` | nothing plays the kubelet in this replay; the node has its own tests |
//!
//! Of groups and kinds that pocket does not have, discovery tells nothing.

mod api;
pub mod controllers;
pub mod fuzzing;
pub mod net;
pub mod node;
mod openapi;
mod pki;
mod schema;
mod spdy;
mod store;
mod table;
mod up;

pub use api::{ApiServer, Identity, TlsError};
pub use pki::Error as PkiError;
pub use store::{Error as StoreError, History};
pub use up::{Block, Config, DEFAULT_PORT, Error, Running, start};
