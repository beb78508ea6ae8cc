//! Services and their endpoints.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::built_in::Definition;
use super::column::Column;
use super::read::{age, at, count, joined, labels, list, name, or, text};

pub(super) static SERVICES: Definition = Definition {
    columns: &[
        Column::NAME,
        Column::text(
            "Type",
            "type determines how the Service is exposed: ClusterIP, ExternalName, NodePort or LoadBalancer.",
        ),
        Column::text(
            "Cluster-IP",
            "clusterIP is the IP address of the service, or None for a headless one.",
        ),
        Column::text(
            "External-IP",
            "The addresses outside of the cluster at which the service is reached.",
        ),
        Column::text(
            "Port(s)",
            "The list of ports that are exposed by this service.",
        ),
        Column::AGE,
        Column::wide(
            "Selector",
            "Route service traffic to pods with label keys and values matching this selector.",
        ),
    ],
    cells: service,
};

pub(super) static ENDPOINTS: Definition = Definition {
    columns: &[
        Column::NAME,
        Column::text(
            "Endpoints",
            "The set of all endpoints is the union of all subsets.",
        ),
        Column::AGE,
    ],
    cells: |object, now| vec![name(object), json!(endpoints(object)), age(object, now)],
};

pub(super) static ENDPOINT_SLICES: Definition = Definition {
    columns: &[
        Column::NAME,
        Column::text(
            "AddressType",
            "addressType specifies the type of address carried by this EndpointSlice.",
        ),
        Column::text(
            "Ports",
            "ports specifies the list of network ports exposed by each endpoint in this slice.",
        ),
        Column::text(
            "Endpoints",
            "endpoints is a list of unique endpoints in this slice.",
        ),
        Column::AGE,
    ],
    cells: slice,
};

pub(super) static POLICIES: Definition = Definition {
    columns: &[
        Column::NAME,
        Column::text(
            "Pod-Selector",
            "The labels of the pods that this policy is for.",
        ),
        Column::AGE,
    ],
    cells: |object, now| {
        vec![
            name(object),
            json!(labels(object, "/spec/podSelector/matchLabels")),
            age(object, now),
        ]
    },
};

/// Addresses shown before the rest is only counted.
const SHOWN: usize = 3;

fn service(object: &Value, now: Timestamp) -> Vec<Value> {
    let kind = or(text(object, "/spec/type"), "ClusterIP");
    let cluster_ip = or(
        text(object, "/spec/clusterIPs/0"),
        text(object, "/spec/clusterIP"),
    );
    let ports = list(object, "/spec/ports").iter().map(|port| {
        let (number, protocol) = (count(port, "/port"), or(text(port, "/protocol"), "TCP"));
        match count(port, "/nodePort") {
            0 => format!("{number}/{protocol}"),
            node => format!("{number}:{node}/{protocol}"),
        }
    });
    vec![
        name(object),
        json!(kind),
        json!(or(cluster_ip, "<none>")),
        json!(external_ip(object, kind)),
        json!(joined(ports, "<none>")),
        age(object, now),
        json!(labels(object, "/spec/selector")),
    ]
}

fn external_ip(object: &Value, kind: &str) -> String {
    let external = list(object, "/spec/externalIPs")
        .iter()
        .filter_map(Value::as_str);
    match kind {
        "ExternalName" => text(object, "/spec/externalName").to_owned(),
        "LoadBalancer" => {
            let ingress = list(object, "/status/loadBalancer/ingress");
            let given = ingress
                .iter()
                .map(|entry| or(text(entry, "/ip"), text(entry, "/hostname")));
            joined(given.chain(external), "<pending>")
        }
        _ => joined(external, "<none>"),
    }
}

fn endpoints(object: &Value) -> String {
    let mut shown = Vec::new();
    for subset in list(object, "/subsets") {
        let ports = list(subset, "/ports");
        for address in list(subset, "/addresses") {
            let ip = text(address, "/ip");
            if ports.is_empty() {
                shown.push(ip.to_owned());
            }
            for port in ports {
                shown.push(host_port(ip, count(port, "/port")));
            }
        }
    }
    match shown.len().checked_sub(SHOWN) {
        Some(more) if more > 0 => format!("{} + {more} more...", shown[..SHOWN].join(",")),
        _ => joined(shown, "<none>"),
    }
}

fn host_port(ip: &str, port: i64) -> String {
    if ip.contains(':') {
        format!("[{ip}]:{port}")
    } else {
        format!("{ip}:{port}")
    }
}

fn slice(object: &Value, now: Timestamp) -> Vec<Value> {
    let ports = list(object, "/ports")
        .iter()
        .map(|port| match at(port, "/port").as_i64() {
            Some(number) => number.to_string(),
            None => "*".to_owned(),
        });
    let addresses: Vec<&str> = list(object, "/endpoints")
        .iter()
        .flat_map(|endpoint| list(endpoint, "/addresses"))
        .filter_map(Value::as_str)
        .collect();
    let shown = match addresses.len().checked_sub(SHOWN) {
        Some(more) if more > 0 => format!("{} + {more} more...", addresses[..SHOWN].join(",")),
        _ => joined(addresses, "<unset>"),
    };
    vec![
        name(object),
        json!(text(object, "/addressType")),
        json!(joined(ports, "<unset>")),
        json!(shown),
        age(object, now),
    ]
}
