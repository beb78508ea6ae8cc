//! `spec.postgresServices`: the Services through which clients connect.

use k8s_openapi::api::core::v1::SessionAffinityConfig;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::schema::core;

/// The Services through which clients connect.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PostgresServices {
    /// Service `<cluster>`: always the primary.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub primary: Option<PostgresService>,
    /// Service `<cluster>-replicas`: the replicas that serve read-only clients.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replicas: Option<PostgresService>,
}

/// One Service. What is not described here is as in a Kubernetes Service.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PostgresService {
    /// Whether the Service exists. Default: true.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub enabled: Option<bool>,
    /// `ClusterIP` (the default), `LoadBalancer`, `NodePort`, or `None` for a headless Service.
    #[serde(rename = "type", default, skip_serializing_if = "Option::is_none")]
    pub type_: Option<ServiceType>,
    /// Further ports, for custom containers.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub custom_ports: Vec<CustomPort>,
    /// Fixed node ports, for types NodePort and LoadBalancer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node_ports: Option<NodePorts>,
    /// Further IP addresses at which nodes accept traffic for the Service.
    #[serde(rename = "externalIPs", default, skip_serializing_if = "Vec::is_empty")]
    pub external_ips: Vec<String>,
    /// Address wanted from the load balancer.
    #[serde(
        rename = "loadBalancerIP",
        default,
        skip_serializing_if = "Option::is_none"
    )]
    pub load_balancer_ip: Option<String>,
    /// Client networks that the load balancer lets through, for example `10.0.0.0/8`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub load_balancer_source_ranges: Vec<String>,
    /// Which load balancer implementation to use.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub load_balancer_class: Option<String>,
    /// Whether node ports are allocated for a LoadBalancer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub allocate_load_balancer_node_ports: Option<bool>,
    /// `Cluster`, or `Local` to keep the clients' addresses.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub external_traffic_policy: Option<String>,
    /// `Cluster`, or `Local` to stay on the client's node.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub internal_traffic_policy: Option<String>,
    /// Port at which a load balancer checks nodes when `externalTrafficPolicy` is Local.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub health_check_node_port: Option<i32>,
    /// IP families, `IPv4` or `IPv6`, in order of preference.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ip_families: Vec<String>,
    /// `SingleStack`, `PreferDualStack` or `RequireDualStack`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ip_family_policy: Option<String>,
    /// Whether instances that are not ready are listed as well.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub publish_not_ready_addresses: Option<bool>,
    /// `None`, or `ClientIP` to keep a client at one instance.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session_affinity: Option<String>,
    /// Settings of `sessionAffinity`; as core/v1 SessionAffinityConfig.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "core::<SessionAffinityConfig>")]
    pub session_affinity_config: Option<SessionAffinityConfig>,
}

/// Kind of Service.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
pub enum ServiceType {
    /// Reachable inside the Kubernetes cluster.
    #[default]
    ClusterIP,
    /// Reachable through a load balancer.
    LoadBalancer,
    /// Reachable at a port of every node.
    NodePort,
    /// Headless: the name resolves to the instances' addresses.
    None,
}

/// A further port of a Service.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CustomPort {
    /// Name of the port; the prefix `custom-` is added.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Port of the Service.
    pub port: i32,
    /// Port of the container, by number or by name; the prefix `custom-` is added to a name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "core::<IntOrString>")]
    pub target_port: Option<IntOrString>,
    /// Fixed node port.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node_port: Option<i32>,
    /// `TCP` (the default), `UDP` or `SCTP`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub protocol: Option<String>,
    /// Protocol spoken on the port, as a hint for meshes and load balancers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub app_protocol: Option<String>,
}

/// Fixed node ports.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct NodePorts {
    /// Node port of `pgport`, where clients connect.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pgport: Option<i32>,
    /// Node port of `pgreplication`, straight to Postgres.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replicationport: Option<i32>,
    /// Node port of the SQL Server protocol.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub babelfish: Option<i32>,
}
