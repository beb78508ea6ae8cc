//! From a Service to somebody who answers for it.

use std::net::{IpAddr, SocketAddr};

use serde_json::Value;

use crate::api::object;
use crate::store::{Key, Store};

/// Where to connect to.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Place {
    Address(SocketAddr),
    Host(String, u16),
}

/// A ready endpoint of a Service.
pub(super) fn resolve(
    store: &Store,
    namespace: &str,
    name: &str,
    port: u16,
) -> Result<Place, String> {
    let stored = store.get(&Key::new(&"services".into(), namespace, name));
    let service = stored.and_then(|stored| serde_json::from_slice::<Value>(&stored.json).ok());
    let service = service.ok_or_else(|| format!("service {name:?} not found"))?;
    if service["spec"]["type"] == "ExternalName" {
        let host = object::text(&service, &["spec", "externalName"]).to_owned();
        return Ok(Place::Host(host, port));
    }
    let ports = object::list(&service, &["spec", "ports"]);
    let wanted = ports.iter().find(|one| one["port"] == port);
    let wanted =
        wanted.ok_or_else(|| format!("no service port {port} found for service {name:?}"))?;
    let slices = store.list("endpointslices.discovery.k8s.io", Some(namespace));
    let slices = slices
        .items
        .iter()
        .filter_map(|(_, stored)| serde_json::from_slice::<Value>(&stored.json).ok());
    let addresses: Vec<SocketAddr> = slices
        .filter(|slice| slice["metadata"]["labels"]["kubernetes.io/service-name"] == name)
        .flat_map(|slice| ready(&slice, object::text(wanted, &["name"])))
        .collect();
    if addresses.is_empty() {
        return Err(format!("no endpoints available for service {name:?}"));
    }
    let chosen = rand::random_range(0..addresses.len());
    Ok(Place::Address(addresses[chosen]))
}

fn ready(slice: &Value, port: &str) -> Vec<SocketAddr> {
    let ports = object::list(slice, &["ports"]).iter();
    let mut ports = ports.filter(|one| object::text(one, &["name"]) == port);
    let number = ports
        .next()
        .and_then(|one| u16::try_from(one["port"].as_u64()?).ok());
    let Some(number) = number else {
        return Vec::new();
    };
    let endpoints = object::list(slice, &["endpoints"]).iter();
    endpoints
        .filter(|one| one["conditions"]["ready"] != false)
        .flat_map(|one| object::list(one, &["addresses"]))
        .filter_map(|address| address.as_str()?.parse::<IpAddr>().ok())
        .map(|address| SocketAddr::new(address, number))
        .collect()
}
