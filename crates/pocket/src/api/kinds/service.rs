//! Services: defaults and cluster addresses.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;
use std::ops::RangeInclusive;

use serde_json::{Map, Value, json};

use super::words::{PORTS, between, duplicate, label, one_of, port_name};
use crate::api::object::{self, default_to};
use crate::api::status::Cause;

/// Fills in what a Service spec may leave out.
pub(super) fn default(service: &mut Value) {
    let spec = object::members_mut(service, "spec");
    default_to(spec, "type", "ClusterIP");
    default_to(spec, "sessionAffinity", "None");
    if spec["sessionAffinity"] == "ClientIP" {
        default_to(
            spec,
            "sessionAffinityConfig",
            json!({"clientIP": {"timeoutSeconds": 10_800}}),
        );
    }
    let external = spec["type"] == "ExternalName";
    if !external {
        default_to(spec, "internalTrafficPolicy", "Cluster");
    }
    if ["NodePort", "LoadBalancer"]
        .iter()
        .any(|kind| spec["type"] == *kind)
    {
        default_to(spec, "externalTrafficPolicy", "Cluster");
    }
    for port in spec
        .get_mut("ports")
        .and_then(Value::as_array_mut)
        .into_iter()
        .flatten()
    {
        let port = object::members(port);
        default_to(port, "protocol", "TCP");
        if let Some(number) = port.get("port").cloned() {
            default_to(port, "targetPort", number);
        }
    }
}

/// The block that cluster addresses come from.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Addresses {
    /// The first address.
    pub(crate) first: Ipv4Addr,
    /// How many there are.
    pub(crate) count: u32,
}

impl Addresses {
    /// A free address; Services hold theirs as long as they exist.
    pub(crate) fn pick(&self, taken: &BTreeSet<Ipv4Addr>, start: u32) -> Option<Ipv4Addr> {
        let base = u32::from(self.first);
        (0..self.count)
            .map(|step| Ipv4Addr::from(base + (start.wrapping_add(step)) % self.count))
            .find(|address| !taken.contains(address) && !matches!(address.octets()[3], 0 | 255))
    }
}

/// Whether a Service is to get an address and has none.
pub(crate) fn needs_address(service: &Value) -> bool {
    let spec = &service["spec"];
    spec["type"] != "ExternalName" && object::text(spec, &["clusterIP"]).is_empty()
}

/// The range that node ports come from.
const NODE_PORTS: RangeInclusive<u64> = 30_000..=32_767;

fn has_node_ports(service: &Value) -> bool {
    let kind = &service["spec"]["type"];
    *kind == "NodePort" || *kind == "LoadBalancer"
}

/// Whether a Service is to get node ports that it has not got.
pub(crate) fn needs_ports(service: &Value) -> bool {
    let mut ports = object::list(service, &["spec", "ports"]).iter();
    has_node_ports(service) && ports.any(|port| port["nodePort"].as_u64().unwrap_or(0) == 0)
}

/// Keeps the node ports of ports that an update does not mention them for.
pub(crate) fn keep_ports(service: &mut Value, old: &Value) {
    if !has_node_ports(service) {
        return;
    }
    let before = object::list(old, &["spec", "ports"]);
    for port in service["spec"]["ports"]
        .as_array_mut()
        .into_iter()
        .flatten()
    {
        let same =
            |one: &&Value| one["port"] == port["port"] && one["protocol"] == port["protocol"];
        if port["nodePort"].as_u64().unwrap_or(0) == 0
            && let Some(number) = before
                .iter()
                .find(same)
                .and_then(|one| one["nodePort"].as_u64())
        {
            object::members(port).insert("nodePort".into(), number.into());
        }
    }
}

/// Gives every port of a Service a node port that no other one has; `None` when none is left.
pub(crate) fn set_ports(service: &mut Value, others: &[Value]) -> Option<()> {
    let all = others.iter().chain(std::iter::once(&*service));
    let ports = all.flat_map(|one| object::list(one, &["spec", "ports"]));
    let mut taken: BTreeSet<u64> = ports.filter_map(|port| port["nodePort"].as_u64()).collect();
    for port in service["spec"]["ports"]
        .as_array_mut()
        .into_iter()
        .flatten()
    {
        if port["nodePort"].as_u64().unwrap_or(0) == 0 {
            let free = NODE_PORTS
                .into_iter()
                .find(|number| !taken.contains(number))?;
            taken.insert(free);
            object::members(port).insert("nodePort".into(), free.into());
        }
    }
    Some(())
}

/// Completes the address fields of a Service: a free one, the one asked for, or none.
pub(crate) fn set_address(service: &mut Value, free: Option<Ipv4Addr>) {
    let spec = object::members_mut(service, "spec");
    if spec.get("type").is_some_and(|kind| kind == "ExternalName") {
        for name in ["clusterIP", "clusterIPs", "ipFamilies", "ipFamilyPolicy"] {
            spec.remove(name);
        }
        return;
    }
    if let Some(address) = free {
        spec.insert("clusterIP".into(), address.to_string().into());
    }
    fill_families(spec);
}

fn fill_families(spec: &mut Map<String, Value>) {
    let address = spec.get("clusterIP").cloned().unwrap_or_default();
    spec.insert("clusterIPs".into(), json!([address]));
    default_to(spec, "ipFamilies", json!(["IPv4"]));
    default_to(spec, "ipFamilyPolicy", "SingleStack");
}

fn port(one: &Value, earlier: &[Value], named: bool, at: usize, causes: &mut Vec<Cause>) {
    let field = format!("spec.ports[{at}]");
    if !object::text(one, &["name"]).is_empty() {
        label(one, &format!("{field}.name"), causes);
        if earlier.iter().any(|other| other["name"] == one["name"]) {
            causes.push(duplicate(format!("{field}.name"), &one["name"]));
        }
    } else if named {
        causes.push(Cause::required(format!("{field}.name"), ""));
    }
    let number = one["port"].as_i64().unwrap_or_default();
    between(number, PORTS, &format!("{field}.port"), causes);
    let protocol = format!("{field}.protocol");
    one_of(one, "protocol", &protocol, &["SCTP", "TCP", "UDP"], causes);
    let target = format!("{field}.targetPort");
    match &one["targetPort"] {
        Value::Number(target_port) => {
            let number = target_port.as_i64().unwrap_or_default();
            between(number, PORTS, &target, causes);
        }
        Value::String(name) => port_name(name, &target, causes),
        _ => {}
    }
    let same = |other: &Value| other["port"] == one["port"] && other["protocol"] == one["protocol"];
    if earlier.iter().any(same) {
        let shown = json!({"port": one["port"], "protocol": one["protocol"]});
        causes.push(duplicate(field, &shown));
    }
}

/// What is wrong with a Service, or with changing one into it.
pub(super) fn validate(service: &Value, old: Option<&Value>, causes: &mut Vec<Cause>) {
    let spec = &service["spec"];
    let kinds = ["ClusterIP", "ExternalName", "LoadBalancer", "NodePort"];
    if !kinds.iter().any(|kind| spec["type"] == *kind) {
        let allowed: Vec<String> = kinds.iter().map(|kind| format!("\"{kind}\"")).collect();
        causes.push(Cause::unsupported("spec.type", &spec["type"], &allowed));
    }
    let ports = object::list(spec, &["ports"]);
    let headless = spec["clusterIP"] == "None";
    let external = spec["type"] == "ExternalName";
    if ports.is_empty() && !headless && !external {
        causes.push(Cause::required("spec.ports", ""));
    }
    if external && object::text(spec, &["externalName"]).is_empty() {
        causes.push(Cause::required("spec.externalName", ""));
    }
    for (at, one) in ports.iter().enumerate() {
        port(one, &ports[..at], ports.len() > 1, at, causes);
    }
    if let Some(old) = old {
        let before = object::text(old, &["spec", "clusterIP"]);
        let after = object::text(spec, &["clusterIP"]);
        if !before.is_empty() && !external && before != after {
            let value = &spec["clusterIPs"];
            causes.push(Cause::invalid(
                "spec.clusterIPs[0]",
                &value[0],
                "may not change once set",
            ));
        }
    }
}
