//! Kinds with a column or two of their own.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::built_in::Definition;
use super::column::Column;
use super::read::{age, at, count, entries, joined, list, name, or, text};

pub(super) static CONFIG_MAPS: Definition = Definition {
    columns: &[
        Column::NAME,
        Column::text(
            "Data",
            "Data contains the configuration data. Each key must consist of alphanumeric characters, '-', '_' or '.'. Values \
             with non-UTF-8 byte sequences must use the BinaryData field. The keys stored in Data must not overlap with the \
             keys in the BinaryData field, this is enforced during validation process.",
        ),
        Column::AGE,
    ],
    cells: |object, now| {
        let keys = entries(object, "/data") + entries(object, "/binaryData");
        vec![name(object), json!(keys), age(object, now)]
    },
};

pub(super) static SECRETS: Definition = Definition {
    columns: &[
        Column::NAME,
        Column::text(
            "Type",
            "Used to facilitate programmatic handling of secret data.",
        ),
        Column::text("Data", "Data contains the secret data, keyed by name."),
        Column::AGE,
    ],
    cells: |object, now| {
        vec![
            name(object),
            json!(text(object, "/type")),
            json!(entries(object, "/data")),
            age(object, now),
        ]
    },
};

pub(super) static WEBHOOKS: Definition = Definition {
    columns: &[
        Column::NAME,
        Column::new(
            "Webhooks",
            "integer",
            "Webhooks indicates the number of webhooks registered in this configuration.",
        ),
        Column::AGE,
    ],
    cells: |object, now| {
        vec![
            name(object),
            json!(list(object, "/webhooks").len()),
            age(object, now),
        ]
    },
};

pub(super) static NAMESPACES: Definition = Definition {
    columns: &[
        Column::NAME,
        Column::text("Status", "The status of the namespace"),
        Column::AGE,
    ],
    cells: |object, now| {
        vec![
            name(object),
            json!(text(object, "/status/phase")),
            age(object, now),
        ]
    },
};

pub(super) static SERVICE_ACCOUNTS: Definition = Definition {
    columns: &[Column::NAME, Column::AGE],
    cells: |object, now| vec![name(object), age(object, now)],
};

pub(super) static LEASES: Definition = Definition {
    columns: &[
        Column::NAME,
        Column::text(
            "Holder",
            "holderIdentity contains the identity of the holder of a current lease.",
        ),
        Column::AGE,
    ],
    cells: |object, now| {
        vec![
            name(object),
            json!(text(object, "/spec/holderIdentity")),
            age(object, now),
        ]
    },
};

pub(super) static DISRUPTION_BUDGETS: Definition = Definition {
    columns: &[
        Column::NAME,
        Column::text(
            "Min Available",
            "The minimum number of pods that must be available.",
        ),
        Column::text(
            "Max Unavailable",
            "The maximum number of pods that may be unavailable.",
        ),
        Column::new(
            "Allowed Disruptions",
            "integer",
            "Calculated number of pods that may be disrupted at this time.",
        ),
        Column::AGE,
    ],
    cells: |object, now| {
        vec![
            name(object),
            json!(int_or_text(at(object, "/spec/minAvailable"))),
            json!(int_or_text(at(object, "/spec/maxUnavailable"))),
            json!(count(object, "/status/disruptionsAllowed")),
            age(object, now),
        ]
    },
};

fn int_or_text(value: &Value) -> String {
    match value {
        Value::Null => "N/A".to_owned(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

pub(super) static NODES: Definition = Definition {
    columns: &[
        Column::NAME,
        Column::text("Status", "The status of the node"),
        Column::text("Roles", "The roles of the node"),
        Column::AGE,
        Column::text("Version", "Kubelet Version reported by the node."),
        Column::wide("Internal-IP", "List of addresses reachable to the node."),
        Column::wide("External-IP", "List of addresses reachable to the node."),
        Column::wide(
            "OS-Image",
            "OS Image reported by the node from /etc/os-release.",
        ),
        Column::wide(
            "Kernel-Version",
            "Kernel Version reported by the node from 'uname -r'.",
        ),
        Column::wide(
            "Container-Runtime",
            "ContainerRuntime Version reported by the node through runtime remote API.",
        ),
    ],
    cells: node,
};

fn node(object: &Value, now: Timestamp) -> Vec<Value> {
    let info = |field: &str| {
        json!(or(
            text(object, &format!("/status/nodeInfo/{field}")),
            "<unknown>"
        ))
    };
    let address = |kind: &str| {
        let entry = list(object, "/status/addresses")
            .iter()
            .find(|entry| text(entry, "/type") == kind);
        json!(entry.map_or("<none>", |entry| text(entry, "/address")))
    };
    vec![
        name(object),
        json!(node_status(object)),
        json!(node_roles(object)),
        age(object, now),
        json!(text(object, "/status/nodeInfo/kubeletVersion")),
        address("InternalIP"),
        address("ExternalIP"),
        info("osImage"),
        info("kernelVersion"),
        info("containerRuntimeVersion"),
    ]
}

fn node_status(object: &Value) -> String {
    let ready = list(object, "/status/conditions")
        .iter()
        .find(|condition| text(condition, "/type") == "Ready");
    let mut words = vec![match ready.map(|condition| text(condition, "/status")) {
        Some("True") => "Ready",
        Some(_) => "NotReady",
        None => "Unknown",
    }];
    if at(object, "/spec/unschedulable") == &Value::Bool(true) {
        words.push("SchedulingDisabled");
    }
    words.join(",")
}

fn node_roles(object: &Value) -> String {
    let labels = at(object, "/metadata/labels").as_object();
    let mut roles: Vec<&str> = labels
        .into_iter()
        .flatten()
        .filter_map(
            |(key, value)| match key.strip_prefix("node-role.kubernetes.io/") {
                Some(role) => Some(role),
                None if key == "kubernetes.io/role" => value.as_str(),
                None => None,
            },
        )
        .filter(|role| !role.is_empty())
        .collect();
    roles.sort_unstable();
    roles.dedup();
    joined(roles, "<none>")
}
