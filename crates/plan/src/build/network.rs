//! Who reaches the instances over the network, where the installation limits it.
//!
//! Only what comes in is limited: what Postgres needs outside (backups, DNS, LDAP, sources of standbys) nobody but the
//! user knows. Ports are named as in the Pods, so the policy holds for whatever serves them there.

use howdah_api::cluster::CustomPort;
use k8s_openapi::api::networking::v1::{
    NetworkPolicy, NetworkPolicyIngressRule, NetworkPolicyPeer, NetworkPolicyPort,
    NetworkPolicySpec,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use super::envoy::METRICS;
use super::service::{PG_PORT, REPLICATION_PORT, REST_PORT};
use crate::metadata::{Class, object_meta, pod_identity};
use crate::names::{Names, custom};
use crate::validated::ValidatedCluster;

const TCP: &str = "TCP";

/// What may come in: clients by the ports of the Services, other instances by any, people of the namespace by the REST
/// interface, and whoever collects metrics.
pub(super) fn policy(cluster: &ValidatedCluster) -> Option<NetworkPolicy> {
    let members = LabelSelector {
        match_labels: Some(pod_identity(cluster.name.as_str(), &cluster.uid)),
        ..LabelSelector::default()
    };
    cluster.network_policies.then(|| NetworkPolicy {
        metadata: object_meta(cluster, Names(&cluster.name).cluster(), Class::Other),
        spec: Some(NetworkPolicySpec {
            pod_selector: Some(members.clone()),
            policy_types: Some(vec!["Ingress".to_owned()]),
            ingress: Some(vec![
                rule(None, client_ports(cluster)),
                rule(Some(of_this_namespace(members)), Vec::new()),
                rule(
                    Some(of_this_namespace(LabelSelector::default())),
                    vec![named(REST_PORT)],
                ),
                rule(Some(any_pod()), vec![named(METRICS)]),
            ]),
            egress: None,
        }),
    })
}

/// What the Services lead to, the user's own ports included.
fn client_ports(cluster: &ValidatedCluster) -> Vec<NetworkPolicyPort> {
    let services = cluster.spec.postgres_services.iter();
    let given = services.flat_map(|services| [&services.primary, &services.replicas]);
    let custom_ports = given.flatten().flat_map(|service| &service.custom_ports);
    let mut ports = vec![named(PG_PORT), named(REPLICATION_PORT)];
    for port in custom_ports.map(custom_port) {
        if !ports.contains(&port) {
            ports.push(port);
        }
    }
    ports
}

/// As the Service leads there: to the same number where nothing else is said.
fn custom_port(given: &CustomPort) -> NetworkPolicyPort {
    let target = match &given.target_port {
        Some(IntOrString::String(name)) => IntOrString::String(custom(name)),
        Some(number @ IntOrString::Int(_)) => number.clone(),
        None => IntOrString::Int(given.port),
    };
    NetworkPolicyPort {
        port: Some(target),
        protocol: Some(given.protocol.clone().unwrap_or_else(|| TCP.to_owned())),
        end_port: None,
    }
}

fn named(port: &str) -> NetworkPolicyPort {
    NetworkPolicyPort {
        port: Some(IntOrString::String(port.to_owned())),
        protocol: Some(TCP.to_owned()),
        end_port: None,
    }
}

/// None: from anywhere; no ports: all of them.
fn rule(
    from: Option<NetworkPolicyPeer>,
    ports: Vec<NetworkPolicyPort>,
) -> NetworkPolicyIngressRule {
    NetworkPolicyIngressRule {
        from: from.map(|peer| vec![peer]),
        ports: (!ports.is_empty()).then_some(ports),
    }
}

fn of_this_namespace(pods: LabelSelector) -> NetworkPolicyPeer {
    NetworkPolicyPeer {
        pod_selector: Some(pods),
        ..NetworkPolicyPeer::default()
    }
}

fn any_pod() -> NetworkPolicyPeer {
    NetworkPolicyPeer {
        namespace_selector: Some(LabelSelector::default()),
        ..NetworkPolicyPeer::default()
    }
}
