//! The Node object: what other programs see of this machine.

use std::collections::BTreeMap;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{
    Node, NodeAddress, NodeCondition, NodeSpec, NodeStatus, NodeSystemInfo,
};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, Time};
use kube::api::{Patch, PatchParams, PostParams};
use kube::{Api, Client};

use super::plan::NodeFacts;
use super::procfs;

/// More Pods than one machine will run as processes.
const PODS: &str = "250";

/// Creates the Node, or brings an existing one up to date, and reports it ready.
pub(super) async fn register(client: Client, facts: &NodeFacts) -> Result<(), kube::Error> {
    let api: Api<Node> = Api::all(client);
    let node = node(facts);
    match api.create(&PostParams::default(), &node).await {
        Ok(_) => {}
        Err(kube::Error::Api(status)) if status.code == 409 => {
            let labels = serde_json::json!({"metadata": {"labels": node.metadata.labels}});
            let patch = Patch::Merge(labels);
            api.patch(&facts.name, &PatchParams::default(), &patch)
                .await?;
        }
        Err(error) => return Err(error),
    }
    let status = serde_json::json!({"status": status(facts)});
    api.patch_status(&facts.name, &PatchParams::default(), &Patch::Merge(status))
        .await
        .map(drop)
}

fn node(facts: &NodeFacts) -> Node {
    let labels = [
        ("kubernetes.io/hostname", facts.name.as_str()),
        ("kubernetes.io/os", "linux"),
        ("kubernetes.io/arch", architecture()),
        ("node-role.kubernetes.io/control-plane", ""),
    ];
    let labels = labels.map(|(key, value)| (key.to_owned(), value.to_owned()));
    Node {
        metadata: ObjectMeta {
            name: Some(facts.name.clone()),
            labels: Some(BTreeMap::from(labels)),
            ..ObjectMeta::default()
        },
        spec: Some(NodeSpec::default()),
        status: None,
    }
}

fn status(facts: &NodeFacts) -> NodeStatus {
    let capacity = BTreeMap::from([
        (
            "cpu".to_owned(),
            Quantity(format!("{}m", facts.cpu_thousandths)),
        ),
        (
            "memory".to_owned(),
            Quantity(format!("{}Ki", facts.memory_bytes / 1024)),
        ),
        ("pods".to_owned(), Quantity(PODS.to_owned())),
    ]);
    let address = |kind: &str, address: String| NodeAddress {
        type_: kind.to_owned(),
        address,
    };
    let now = Time(Timestamp::now());
    NodeStatus {
        addresses: Some(vec![
            address("InternalIP", facts.address.to_string()),
            address("Hostname", facts.name.clone()),
        ]),
        allocatable: Some(capacity.clone()),
        capacity: Some(capacity),
        conditions: Some(vec![NodeCondition {
            type_: "Ready".to_owned(),
            status: "True".to_owned(),
            reason: Some("KubeletReady".to_owned()),
            message: Some("the node runs Pods as processes of this machine".to_owned()),
            last_heartbeat_time: Some(now.clone()),
            last_transition_time: Some(now),
        }]),
        node_info: Some(NodeSystemInfo {
            architecture: architecture().to_owned(),
            boot_id: procfs::boot_id(),
            container_runtime_version: format!("pocket://{}", env!("CARGO_PKG_VERSION")),
            kernel_version: read("/proc/sys/kernel/osrelease"),
            kubelet_version: format!("v{}", env!("CARGO_PKG_VERSION")),
            machine_id: read("/etc/machine-id"),
            operating_system: "linux".to_owned(),
            os_image: os_name(),
            ..NodeSystemInfo::default()
        }),
        ..NodeStatus::default()
    }
}

/// Go's names, which Kubernetes uses.
fn architecture() -> &'static str {
    match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    }
}

fn os_name() -> String {
    let text = read("/etc/os-release");
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix("PRETTY_NAME="));
    line.map(|name| name.trim_matches('"').to_owned())
        .unwrap_or_else(|| "Linux".to_owned())
}

fn read(path: &str) -> String {
    std::fs::read_to_string(path)
        .map(|text| text.trim().to_owned())
        .unwrap_or_default()
}
