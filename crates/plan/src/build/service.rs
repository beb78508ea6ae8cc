//! The Services: the primary, its old alias, the replicas and the REST interface.

use howdah_api::cluster::{CustomPort, NodePorts, PostgresService, ServiceType};
use howdah_api::labels;
use k8s_openapi::api::core::v1::{Service, ServicePort, ServiceSpec};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use crate::metadata::{Class, Map, object_meta, pod_identity};
use crate::names::{Names, custom};
use crate::validated::ValidatedCluster;

/// Names of the container ports, which the Services refer to.
pub(super) const PG_PORT: &str = "pgport";
pub(super) const REPLICATION_PORT: &str = "pgreplication";
pub(super) const REST_PORT: &str = "patroniport";
pub(super) const PEER_PORT: &str = "peer";

pub(super) fn services(cluster: &ValidatedCluster) -> Vec<Service> {
    let mut services = Vec::new();
    let given = cluster.spec.postgres_services.clone().unwrap_or_default();
    let primary = given.primary.unwrap_or_default();
    let replicas = given.replicas.unwrap_or_default();
    if primary.enabled.unwrap_or(true) {
        services.push(primary_service(cluster, primary));
        services.push(primary_alias(cluster));
    }
    if replicas.enabled.unwrap_or(true) {
        services.push(replicas_service(cluster, replicas));
    }
    services.push(rest_service(cluster));
    services
}

/// No selector: the instance that holds the control record writes the EndpointSlice, so clients
/// follow the authority in one step.
fn primary_service(cluster: &ValidatedCluster, given: PostgresService) -> Service {
    let name = Names(&cluster.name).cluster();
    Service {
        metadata: object_meta(cluster, name, Class::PrimaryService),
        spec: Some(postgres_spec(given, None)),
        ..Service::default()
    }
}

fn primary_alias(cluster: &ValidatedCluster) -> Service {
    Service {
        metadata: object_meta(
            cluster,
            Names(&cluster.name).primary_alias(),
            Class::PrimaryService,
        ),
        spec: Some(ServiceSpec {
            type_: Some("ExternalName".to_owned()),
            external_name: Some(format!("{}.{}", cluster.name, cluster.namespace)),
            ..ServiceSpec::default()
        }),
        ..Service::default()
    }
}

fn replicas_service(cluster: &ValidatedCluster, given: PostgresService) -> Service {
    let mut selector = pod_identity(cluster.name.as_str(), &cluster.uid);
    selector.insert(labels::ROLE.to_owned(), labels::ROLE_REPLICA.to_owned());
    selector.insert(labels::NO_LOAD_BALANCE.to_owned(), "false".to_owned());
    Service {
        metadata: object_meta(
            cluster,
            Names(&cluster.name).replicas(),
            Class::ReplicasService,
        ),
        spec: Some(postgres_spec(given, Some(selector))),
        ..Service::default()
    }
}

fn rest_service(cluster: &ValidatedCluster) -> Service {
    let selector = pod_identity(cluster.name.as_str(), &cluster.uid);
    Service {
        metadata: object_meta(cluster, Names(&cluster.name).rest(), Class::Service),
        spec: Some(ServiceSpec {
            type_: Some("ClusterIP".to_owned()),
            selector: Some(selector),
            ports: Some(vec![port(REST_PORT, 8008, None)]),
            // Instances ask each other before they are ready.
            publish_not_ready_addresses: Some(true),
            ..ServiceSpec::default()
        }),
        ..Service::default()
    }
}

/// What the user sets, around our own ports and selector.
fn postgres_spec(given: PostgresService, selector: Option<Map>) -> ServiceSpec {
    let kind = given.type_.unwrap_or_default();
    ServiceSpec {
        type_: Some(type_name(kind).to_owned()),
        cluster_ip: (kind == ServiceType::None).then(|| "None".to_owned()),
        selector,
        ports: Some(ports(
            given.custom_ports,
            given.node_ports.unwrap_or_default(),
        )),
        external_ips: listed(given.external_ips),
        load_balancer_ip: given.load_balancer_ip,
        load_balancer_source_ranges: listed(given.load_balancer_source_ranges),
        load_balancer_class: given.load_balancer_class,
        allocate_load_balancer_node_ports: given.allocate_load_balancer_node_ports,
        external_traffic_policy: given.external_traffic_policy,
        internal_traffic_policy: given.internal_traffic_policy,
        health_check_node_port: given.health_check_node_port,
        ip_families: listed(given.ip_families),
        ip_family_policy: given.ip_family_policy,
        publish_not_ready_addresses: given.publish_not_ready_addresses,
        session_affinity: given.session_affinity,
        session_affinity_config: given.session_affinity_config,
        ..ServiceSpec::default()
    }
}

/// A headless Service is a ClusterIP Service without an address.
fn type_name(kind: ServiceType) -> &'static str {
    match kind {
        ServiceType::ClusterIP | ServiceType::None => "ClusterIP",
        ServiceType::LoadBalancer => "LoadBalancer",
        ServiceType::NodePort => "NodePort",
    }
}

fn ports(more: Vec<CustomPort>, node_ports: NodePorts) -> Vec<ServicePort> {
    let mut ports = vec![
        port(PG_PORT, 5432, node_ports.pgport),
        port(REPLICATION_PORT, 5433, node_ports.replicationport),
    ];
    ports.extend(more.into_iter().map(custom_port));
    ports
}

fn port(name: &str, number: i32, node_port: Option<i32>) -> ServicePort {
    ServicePort {
        name: Some(name.to_owned()),
        port: number,
        protocol: Some("TCP".to_owned()),
        target_port: Some(IntOrString::String(name.to_owned())),
        node_port,
        ..ServicePort::default()
    }
}

/// Container ports of custom containers get the prefix too, so that ours cannot be shadowed.
fn custom_port(given: CustomPort) -> ServicePort {
    let target_port = given.target_port.map(|target| match target {
        IntOrString::String(name) => IntOrString::String(custom(&name)),
        number @ IntOrString::Int(_) => number,
    });
    ServicePort {
        name: given.name.map(|name| custom(&name)),
        port: given.port,
        target_port,
        node_port: given.node_port,
        protocol: Some(given.protocol.unwrap_or_else(|| "TCP".to_owned())),
        app_protocol: given.app_protocol,
    }
}

fn listed(list: Vec<String>) -> Option<Vec<String>> {
    (!list.is_empty()).then_some(list)
}
