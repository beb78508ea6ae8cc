//! The network: every Service port is a TCP forwarder on the Service's own loopback address, as kube-proxy makes it a
//! rule of the kernel.
//!
//! It speaks to the API only through a [`kube::Client`]. Which endpoints are ready is written in EndpointSlices by
//! others; names, UDP and the choice of addresses are not its business.

use std::net::Ipv4Addr;
use std::pin::pin;
use std::sync::Arc;

use futures::{FutureExt, StreamExt};
use k8s_openapi::api::core::v1::Service;
use k8s_openapi::api::discovery::v1::EndpointSlice;
use kube::runtime::WatchStreamExt;
use kube::runtime::watcher::{self, Event, watcher};
use kube::{Api, Client, Resource};
use tokio_util::sync::CancellationToken;
use tracing::debug;

use self::forwarder::Forwarders;
use self::table::Table;
use crate::node::events::EventSink;

mod forwarder;
mod limits;
mod table;

pub(crate) use self::limits::raise as raise_limits;

/// The most changes of a kind that are gathered before addresses follow.
const TOGETHER: usize = 256;

/// What the network needs to know about its machine.
#[derive(Clone, Debug)]
pub struct Config {
    /// The node's own address: node ports listen on it, and forwarded connections come from it.
    pub node_address: Ipv4Addr,
    /// Name of the node, for events.
    pub node_name: String,
}

/// Forwards until it is told to stop; all connections end with it.
pub async fn run(client: Client, config: Config, shutdown: CancellationToken) {
    let events = EventSink::start(client.clone(), "kube-proxy", config.node_name);
    let mut forwarders = Forwarders::new(config.node_address, events);
    let services: Api<Service> = Api::all(client.clone());
    let slices: Api<EndpointSlice> = Api::all(client);
    let mut services = pin!(watcher(services, watcher::Config::default()).default_backoff());
    let mut slices = pin!(watcher(slices, watcher::Config::default()).default_backoff());
    let mut table = Table::new(config.node_address);
    loop {
        tokio::select! {
            () = shutdown.cancelled() => return,
            Some(change) = services.next() => hear(change, |event| table.hear_service(event)),
            Some(change) = slices.next() => hear(change, |event| table.hear_slice(event)),
        }
        // What came together is acted on together.
        for _ in 0..TOGETHER {
            let service = services.next().now_or_never().flatten();
            let slice = slices.next().now_or_never().flatten();
            if service.is_none() && slice.is_none() {
                break;
            }
            if let Some(change) = service {
                hear(change, |event| table.hear_service(event));
            }
            if let Some(change) = slice {
                hear(change, |event| table.hear_slice(event));
            }
        }
        // Before both lists are complete a Service could look as if it had no endpoint.
        if table.is_complete() {
            forwarders.apply(table.routes());
        }
    }
}

fn hear<K: Resource>(change: Result<Event<K>, watcher::Error>, apply: impl FnOnce(Event<Arc<K>>)) {
    match change {
        Ok(event) => apply(match event {
            Event::Apply(object) => Event::Apply(lean(object)),
            Event::Delete(object) => Event::Delete(lean(object)),
            Event::Init => Event::Init,
            Event::InitApply(object) => Event::InitApply(lean(object)),
            Event::InitDone => Event::InitDone,
        }),
        Err(error) => debug!(%error, "watch interrupted"),
    }
}

/// The object without what no address depends on, and what most of it is.
fn lean<K: Resource>(mut object: K) -> Arc<K> {
    let metadata = object.meta_mut();
    metadata.managed_fields = None;
    metadata.annotations = None;
    Arc::new(object)
}
