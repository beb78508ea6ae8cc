//! The containers of an instance: ours, and the user's own.

use std::collections::BTreeMap;

use howdah_api::cluster::Probe as Numbers;
use howdah_api::labels;
use k8s_openapi::api::core::v1::{
    Capabilities, Container, ContainerPort, EnvVar, EnvVarSource, HTTPGetAction,
    ObjectFieldSelector, Probe, SecurityContext,
};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use super::service::{PEER_PORT, PG_PORT, REPLICATION_PORT, REST_PORT};
use super::volume;
use crate::names::{PATRONI, POSTGRES_UTIL, custom};
use crate::pooling;
use crate::proxy::{DIRECT_PORT, POOLED_PORT};
use crate::validated::ValidatedCluster;

const POSTGRES: i32 = 5432;
const REST: i32 = 8008;
/// Where the instances of a cluster talk to each other.
const PEER: i32 = 8009;

/// Waits to be used through `exec` and ends at once when it is asked to.
const IDLE: &str = "trap 'exit 0' TERM INT; while :; do sleep infinity & wait $!; done";

/// The container that runs Postgres. It is called after Patroni because runbooks name it so.
pub(super) fn patroni(cluster: &ValidatedCluster) -> Container {
    let mut env = platform_env();
    env.extend([
        value("HOWDAH_CLUSTER", cluster.name.as_str()),
        value("HOWDAH_POSTGRES_VERSION", &cluster.version.to_string()),
        value("HOWDAH_PGPORT", &client_port(cluster).to_string()),
        value("HOWDAH_DIRECT_PORT", &direct_port(cluster).to_string()),
        value(
            "HOWDAH_SERVER_TLS",
            if cluster.encrypts() { "true" } else { "" },
        ),
        field(
            "HOWDAH_MAY_BOOTSTRAP",
            &format!("metadata.annotations['{}']", labels::MAY_BOOTSTRAP),
        ),
    ]);
    let pods = &cluster.spec.pods;
    let container = Container {
        name: PATRONI.to_owned(),
        image: Some(cluster.images.postgres.clone()),
        command: Some(vec!["howdah".to_owned(), "instance".to_owned()]),
        ports: Some(postgres_ports(cluster)),
        readiness_probe: Some(probe(
            "/readiness",
            (None, 2, 6),
            pods.readiness_probe.as_ref(),
        )),
        liveness_probe: Some(probe(
            "/liveness",
            (Some(15), 20, 6),
            pods.liveness_probe.as_ref(),
        )),
        resources: cluster.resources.patroni.clone(),
        security_context: Some(unprivileged()),
        volume_mounts: Some(volume::postgres_mounts(cluster)),
        env: Some(env),
        ..Container::default()
    };
    with_users(cluster, container)
}

/// Where clients of the Services are sent: to Envoy, to the pooler, or to Postgres itself.
fn client_port(cluster: &ValidatedCluster) -> i32 {
    match (cluster.proxy, &cluster.pooling) {
        (Some(_), _) => POOLED_PORT,
        (None, Some(_)) => pooling::PORT,
        (None, None) => POSTGRES,
    }
}

/// Where those are sent who are not pooled.
fn direct_port(cluster: &ValidatedCluster) -> i32 {
    match cluster.proxy {
        Some(proxy) if proxy.direct => DIRECT_PORT,
        _ => POSTGRES,
    }
}

/// The Services find a port by its name, in whatever container it is.
fn postgres_ports(cluster: &ValidatedCluster) -> Vec<ContainerPort> {
    let mut ports = Vec::new();
    if client_port(cluster) == POSTGRES {
        ports.push(port(PG_PORT, POSTGRES));
    }
    if direct_port(cluster) == POSTGRES {
        ports.push(port(REPLICATION_PORT, POSTGRES));
    }
    ports.extend([port(REST_PORT, REST), port(PEER_PORT, PEER)]);
    ports
}

/// The container with psql and other tools.
pub(super) fn postgres_util(cluster: &ValidatedCluster) -> Container {
    let mut env = platform_env();
    env.extend([
        value("PGHOST", &format!("$(HOWDAH_ROOT){}", volume::SOCKET_PATH)),
        value("PGPORT", &POSTGRES.to_string()),
        // For what psql remembers; the root of the container cannot be written.
        value("HOME", "$(HOWDAH_ROOT)/tmp"),
    ]);
    let container = Container {
        name: POSTGRES_UTIL.to_owned(),
        image: Some(cluster.images.postgres_util.clone()),
        command: Some(["/bin/sh", "-c", IDLE].map(str::to_owned).to_vec()),
        resources: cluster.resources.postgres_util.clone(),
        security_context: Some(unprivileged()),
        volume_mounts: Some(volume::util_mounts()),
        env: Some(env),
        ..Container::default()
    };
    with_users(cluster, container)
}

/// A container of the user's.
pub(super) fn users_own(cluster: &ValidatedCluster, given: &Container) -> Container {
    let mut container = given.clone();
    container.name = custom(&given.name);
    for port in container.ports.iter_mut().flatten() {
        port.name = port.name.take().map(|name| custom(&name));
    }
    for mount in container.volume_mounts.iter_mut().flatten() {
        *mount = volume::user_mount(cluster, mount);
    }
    with_users(cluster, container)
}

/// Adds the mounts and variables that the user sets for this container.
pub(super) fn with_users(cluster: &ValidatedCluster, mut container: Container) -> Container {
    let pods = &cluster.spec.pods;
    let name = &container.name;
    let mounts = of(&pods.custom_volume_mounts, name);
    let mounts = mounts
        .iter()
        .map(|mount| volume::user_mount(cluster, mount))
        .collect();
    let env = of(&pods.custom_env, name).to_vec();
    let env_from = of(&pods.custom_env_from, name).to_vec();
    append(&mut container.volume_mounts, mounts);
    append(&mut container.env, env);
    append(&mut container.env_from, env_from);
    container
}

/// The user's list for a container, which may be named with or without its prefix.
fn of<'a, T>(map: &'a BTreeMap<String, Vec<T>>, name: &str) -> &'a [T] {
    map.get(name)
        .or_else(|| map.get(name.strip_prefix(&custom(""))?))
        .map_or(&[], Vec::as_slice)
}

fn append<T>(list: &mut Option<Vec<T>>, more: Vec<T>) {
    if !more.is_empty() {
        list.get_or_insert_default().extend(more);
    }
}

/// What both platforms set; first in the list, so that later values can refer to it.
pub(super) fn platform_env() -> Vec<EnvVar> {
    vec![
        value("HOWDAH_ROOT", ""),
        value("HOWDAH_BIND_ADDRESS", ""),
        field("POD_NAME", "metadata.name"),
        field("POD_NAMESPACE", "metadata.namespace"),
        field("POD_UID", "metadata.uid"),
        field("POD_IP", "status.podIP"),
    ]
}

pub(super) fn value(name: &str, value: &str) -> EnvVar {
    EnvVar {
        name: name.to_owned(),
        value: Some(value.to_owned()),
        ..EnvVar::default()
    }
}

fn field(name: &str, path: &str) -> EnvVar {
    EnvVar {
        name: name.to_owned(),
        value_from: Some(EnvVarSource {
            field_ref: Some(ObjectFieldSelector {
                field_path: path.to_owned(),
                ..ObjectFieldSelector::default()
            }),
            ..EnvVarSource::default()
        }),
        ..EnvVar::default()
    }
}

pub(super) fn port(name: &str, number: i32) -> ContainerPort {
    ContainerPort {
        name: Some(name.to_owned()),
        container_port: number,
        protocol: Some("TCP".to_owned()),
        ..ContainerPort::default()
    }
}

/// Our numbers (initial delay, period, failures) with the user's in their place.
fn probe(path: &str, ours: (Option<i32>, i32, i32), user: Option<&Numbers>) -> Probe {
    let user = user.cloned().unwrap_or_default();
    Probe {
        http_get: Some(HTTPGetAction {
            path: Some(path.to_owned()),
            port: IntOrString::Int(REST),
            ..HTTPGetAction::default()
        }),
        initial_delay_seconds: user.initial_delay_seconds.or(ours.0),
        period_seconds: user.period_seconds.or(Some(ours.1)),
        failure_threshold: user.failure_threshold.or(Some(ours.2)),
        success_threshold: user.success_threshold,
        timeout_seconds: user.timeout_seconds,
        termination_grace_period_seconds: user.termination_grace_period_seconds,
        ..Probe::default()
    }
}

pub(super) fn unprivileged() -> SecurityContext {
    SecurityContext {
        allow_privilege_escalation: Some(false),
        read_only_root_filesystem: Some(true),
        capabilities: Some(Capabilities {
            drop: Some(vec!["ALL".to_owned()]),
            ..Capabilities::default()
        }),
        ..SecurityContext::default()
    }
}
