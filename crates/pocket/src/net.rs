//! The network: every Service port is a TCP forwarder on the Service's own loopback address, as kube-proxy makes it a
//! rule of the kernel.
//!
//! It speaks to the API only through a [`kube::Client`]. Which endpoints are ready is written in EndpointSlices by
//! others; names, UDP and the choice of addresses are not its business.

use std::net::Ipv4Addr;
use std::pin::pin;
use std::sync::Arc;

use futures::StreamExt;
use futures::stream::select;
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

/// The most changes that came together and that addresses follow at once.
const TOGETHER: usize = 256;

/// What the network needs to know about its machine.
#[derive(Clone, Debug)]
pub struct Config {
    /// The node's own address: node ports listen on it, and forwarded connections come from it.
    pub node_address: Ipv4Addr,
    /// Name of the node, for events.
    pub node_name: String,
}

/// What one of the two watches showed.
enum Change {
    Service(watcher::Result<Event<Arc<Service>>>),
    Slice(watcher::Result<Event<Arc<EndpointSlice>>>),
}

/// Forwards until it is told to stop; all connections end with it.
pub async fn run(client: Client, config: Config, shutdown: CancellationToken) {
    let events = EventSink::start(client.clone(), "kube-proxy", config.node_name);
    let mut forwarders = Forwarders::new(config.node_address, events);
    let services: Api<Service> = Api::all(client.clone());
    let slices: Api<EndpointSlice> = Api::all(client);
    let services = watcher(services, watcher::Config::default()).default_backoff();
    let slices = watcher(slices, watcher::Config::default()).default_backoff();
    let services = services.map(|change| Change::Service(change.map(lean)));
    let slices = slices.map(|change| Change::Slice(change.map(lean)));
    let mut changes = pin!(select(services, slices).ready_chunks(TOGETHER));
    let mut table = Table::new(config.node_address);
    loop {
        let together = tokio::select! {
            () = shutdown.cancelled() => return,
            Some(together) = changes.next() => together,
        };
        for change in together {
            match change {
                Change::Service(Ok(event)) => table.hear_service(event),
                Change::Slice(Ok(event)) => table.hear_slice(event),
                Change::Service(Err(error)) | Change::Slice(Err(error)) => {
                    debug!(%error, "watch interrupted");
                }
            }
        }
        // Before both lists are complete a Service could look as if it had no endpoint.
        if table.is_complete() {
            forwarders.apply(table.routes());
        }
    }
}

/// The event without what no address depends on, and what most of an object is.
fn lean<K: Resource>(event: Event<K>) -> Event<Arc<K>> {
    let lean = |mut object: K| {
        let metadata = object.meta_mut();
        metadata.managed_fields = None;
        metadata.annotations = None;
        Arc::new(object)
    };
    match event {
        Event::Apply(object) => Event::Apply(lean(object)),
        Event::Delete(object) => Event::Delete(lean(object)),
        Event::Init => Event::Init,
        Event::InitApply(object) => Event::InitApply(lean(object)),
        Event::InitDone => Event::InitDone,
    }
}
