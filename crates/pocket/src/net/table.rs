//! Which address forwards where, computed from Services and EndpointSlices. Pure.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::sync::Arc;

use k8s_openapi::api::core::v1::Service;
use k8s_openapi::api::discovery::v1::EndpointSlice;
use kube::runtime::watcher::Event;
use kube::{Resource, ResourceExt};

use crate::node::events::About;

/// The label by which a slice names its Service.
const SERVICE_NAME: &str = "kubernetes.io/service-name";

/// Where a listening address leads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Route {
    /// The Service, to complain about.
    pub(super) about: About,
    /// The ready endpoints, in a fixed order.
    pub(super) targets: Vec<SocketAddrV4>,
}

/// All Services and EndpointSlices.
#[derive(Debug)]
pub(super) struct Table {
    node_address: Ipv4Addr,
    services: Objects<Service>,
    slices: Objects<EndpointSlice>,
}

impl Table {
    pub(super) fn new(node_address: Ipv4Addr) -> Self {
        Self {
            node_address,
            services: Objects::default(),
            slices: Objects::default(),
        }
    }

    pub(super) fn hear_service(&mut self, event: Event<Arc<Service>>) {
        self.services.hear(event);
    }

    pub(super) fn hear_slice(&mut self, event: Event<Arc<EndpointSlice>>) {
        self.slices.hear(event);
    }

    /// Whether both kinds have been listed.
    pub(super) fn is_complete(&self) -> bool {
        self.services.is_listed && self.slices.is_listed
    }

    /// Every address that must listen: those with at least one target.
    pub(super) fn routes(&self) -> BTreeMap<SocketAddrV4, Route> {
        let mut routes = BTreeMap::new();
        let slices = self.slices_by_service();
        for (key, service) in &self.services.known {
            if let Some(slices) = slices.get(&(key.0.as_str(), key.1.as_str())) {
                self.add_routes(service, slices, &mut routes);
            }
        }
        routes
    }

    /// The slices of each Service, by its namespace and name.
    fn slices_by_service(&self) -> BTreeMap<(&str, &str), Vec<&EndpointSlice>> {
        let mut slices: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for ((namespace, _), slice) in &self.slices.known {
            if let Some(service) = slice.labels().get(SERVICE_NAME) {
                let of = (namespace.as_str(), service.as_str());
                slices.entry(of).or_default().push(&**slice);
            }
        }
        slices
    }

    fn add_routes(
        &self,
        service: &Service,
        slices: &[&EndpointSlice],
        routes: &mut BTreeMap<SocketAddrV4, Route>,
    ) {
        let Some(spec) = &service.spec else { return };
        if spec.type_.as_deref() == Some("ExternalName") {
            return;
        }
        let cluster_ips = spec
            .cluster_ip
            .iter()
            .chain(spec.cluster_ips.iter().flatten());
        let addresses: Vec<Ipv4Addr> = cluster_ips
            .filter_map(|ip| ip.parse::<Ipv4Addr>().ok())
            .filter(Ipv4Addr::is_loopback)
            .collect();
        if addresses.is_empty() {
            return;
        }
        for port in spec.ports.iter().flatten() {
            if port
                .protocol
                .as_deref()
                .is_some_and(|protocol| protocol != "TCP")
            {
                continue;
            }
            let targets = targets(slices, port.name.as_deref().unwrap_or_default());
            if targets.is_empty() {
                continue;
            }
            let route = Route {
                about: about(service),
                targets,
            };
            let number = u16::try_from(port.port).ok();
            let node_port = port.node_port.and_then(|number| u16::try_from(number).ok());
            let own = addresses.iter().zip(number.into_iter().cycle());
            let own = own.map(|(address, number)| SocketAddrV4::new(*address, number));
            let of_node = node_port.map(|number| SocketAddrV4::new(self.node_address, number));
            for address in own.chain(of_node).filter(|address| address.port() != 0) {
                routes.insert(address, route.clone());
            }
        }
    }
}

fn targets(slices: &[&EndpointSlice], port_name: &str) -> Vec<SocketAddrV4> {
    let mut targets: Vec<_> = slices
        .iter()
        .flat_map(|slice| slice_targets(slice, port_name))
        .collect();
    targets.sort_unstable();
    targets.dedup();
    targets
}

fn slice_targets(slice: &EndpointSlice, port_name: &str) -> Vec<SocketAddrV4> {
    let port = slice
        .ports
        .iter()
        .flatten()
        .find(|port| port.name.as_deref().unwrap_or_default() == port_name)
        .and_then(|port| port.port)
        .and_then(|number| u16::try_from(number).ok());
    let Some(port) = port else { return Vec::new() };
    let ready = slice.endpoints.iter().flatten().filter(|endpoint| {
        let conditions = endpoint.conditions.as_ref();
        // "Not said" means ready (EndpointConditions in the API reference).
        conditions.and_then(|conditions| conditions.ready) != Some(false)
    });
    ready
        .filter_map(|endpoint| endpoint.addresses.first()?.parse().ok())
        .map(|address| SocketAddrV4::new(address, port))
        .collect()
}

fn about(service: &Service) -> About {
    About {
        kind: "Service",
        namespace: service.namespace().unwrap_or_default(),
        name: service.name_any(),
        uid: service.uid().unwrap_or_default(),
        field: None,
    }
}

/// The objects of one kind, kept by the events of a watch.
#[derive(Debug)]
struct Objects<K> {
    known: BTreeMap<Key, Arc<K>>,
    listing: BTreeMap<Key, Arc<K>>,
    is_listed: bool,
}

type Key = (String, String);

impl<K> Default for Objects<K> {
    fn default() -> Self {
        Self {
            known: BTreeMap::new(),
            listing: BTreeMap::new(),
            is_listed: false,
        }
    }
}

impl<K: Resource> Objects<K> {
    fn hear(&mut self, event: Event<Arc<K>>) {
        match event {
            Event::Apply(object) => {
                self.known.insert(key(&object), object);
            }
            Event::Delete(object) => {
                self.known.remove(&key(&object));
            }
            Event::Init => self.listing.clear(),
            Event::InitApply(object) => {
                self.listing.insert(key(&object), object);
            }
            Event::InitDone => {
                self.known = std::mem::take(&mut self.listing);
                self.is_listed = true;
            }
        }
    }
}

fn key<K: Resource>(object: &Arc<K>) -> Key {
    let metadata = object.meta();
    (
        metadata.namespace.clone().unwrap_or_default(),
        metadata.name.clone().unwrap_or_default(),
    )
}

#[cfg(test)]
mod tests {
    use pretty_assertions::assert_eq;
    use serde_json::{Value, json};

    use super::*;

    fn service(spec: Value) -> Event<Arc<Service>> {
        let service =
            json!({"metadata": {"name": "s", "namespace": "n", "uid": "u"}, "spec": spec});
        Event::Apply(Arc::new(serde_json::from_value(service).unwrap()))
    }

    fn slice(name: &str, ports: Value, endpoints: Value) -> Event<Arc<EndpointSlice>> {
        let slice = json!({
            "metadata": {"name": name, "namespace": "n", "labels": {SERVICE_NAME: "s"}},
            "addressType": "IPv4", "ports": ports, "endpoints": endpoints,
        });
        Event::Apply(Arc::new(serde_json::from_value(slice).unwrap()))
    }

    fn table() -> Table {
        Table::new(Ipv4Addr::new(127, 64, 0, 1))
    }

    fn shown(table: &Table) -> Vec<String> {
        let routes = table.routes();
        let show = |(address, route): (&SocketAddrV4, &Route)| {
            let targets: Vec<_> = route.targets.iter().map(ToString::to_string).collect();
            format!("{address} -> {}", targets.join(" "))
        };
        routes.iter().map(show).collect()
    }

    #[test]
    fn ports_are_matched_by_name_and_only_ready_endpoints_count() {
        let mut table = table();
        table.hear_service(service(json!({"clusterIP": "127.64.128.5", "ports": [
            {"name": "pgport", "port": 5432}, {"name": "pgreplication", "port": 5433},
            {"name": "none", "port": 1}, {"name": "udp", "port": 53, "protocol": "UDP"},
        ]})));
        table.hear_slice(slice(
            "a",
            json!([{"name": "pgport", "port": 15432}, {"name": "pgreplication", "port": 25432}, {"name": "udp", "port": 1}]),
            json!([
                {"addresses": ["127.64.1.2"], "conditions": {"ready": true}},
                {"addresses": ["127.64.1.1"]},
                {"addresses": ["127.64.1.3"], "conditions": {"ready": false}},
            ]),
        ));
        assert_eq!(
            shown(&table),
            [
                "127.64.128.5:5432 -> 127.64.1.1:15432 127.64.1.2:15432",
                "127.64.128.5:5433 -> 127.64.1.1:25432 127.64.1.2:25432",
            ]
        );
    }

    #[test]
    fn all_slices_of_a_service_are_joined_and_node_ports_listen_on_the_node() {
        let mut table = table();
        table.hear_service(service(
            json!({"clusterIP": "127.64.128.5", "type": "NodePort",
            "ports": [{"port": 80, "nodePort": 30080}]}),
        ));
        let endpoint = |ip: &str| json!([{"addresses": [ip]}]);
        table.hear_slice(slice("a", json!([{"port": 8080}]), endpoint("127.64.1.1")));
        table.hear_slice(slice(
            "b",
            json!([{"name": "", "port": 8081}]),
            endpoint("127.64.1.2"),
        ));
        assert_eq!(
            shown(&table),
            [
                "127.64.0.1:30080 -> 127.64.1.1:8080 127.64.1.2:8081",
                "127.64.128.5:80 -> 127.64.1.1:8080 127.64.1.2:8081",
            ]
        );
    }

    #[test]
    fn external_headless_and_foreign_services_are_left_alone() {
        for spec in [
            json!({"type": "ExternalName", "externalName": "x", "ports": [{"port": 80}]}),
            json!({"clusterIP": "None", "ports": [{"port": 80}]}),
            json!({"clusterIP": "10.0.0.1", "ports": [{"port": 80}]}),
        ] {
            let mut table = table();
            table.hear_service(service(spec));
            table.hear_slice(slice(
                "a",
                json!([{"port": 1}]),
                json!([{"addresses": ["127.64.1.1"]}]),
            ));
            assert_eq!(table.routes(), BTreeMap::new());
        }
    }

    #[test]
    fn a_new_list_replaces_the_old_one() {
        let mut table = table();
        table.hear_service(service(
            json!({"clusterIP": "127.64.128.5", "ports": [{"port": 80}]}),
        ));
        table.hear_slice(slice(
            "a",
            json!([{"port": 1}]),
            json!([{"addresses": ["127.64.1.1"]}]),
        ));
        assert!(!table.is_complete());
        table.hear_service(Event::Init);
        assert_eq!(
            table.routes().len(),
            1,
            "the old list counts until the new one is complete"
        );
        table.hear_service(Event::InitDone);
        table.hear_slice(Event::Init);
        table.hear_slice(Event::InitDone);
        assert!(table.is_complete());
        assert_eq!(table.routes(), BTreeMap::new());
    }
}
