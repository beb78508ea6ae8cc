//! Puts a cluster's status together from the SGCluster, its Pods and Services, and one instance's answer.

use std::collections::BTreeMap;
use std::time::Duration;

use k8s_openapi::List;
use k8s_openapi::api::core::v1::{ContainerStatus, Pod, Service};
use serde::Deserialize;
use serde_json::Value;

use super::model::{ClusterStatus, Condition, Member, ServiceAddress};
use crate::error::Error;
use crate::names::{
    CONTAINER, MEMBER_STATUS, POSTGRES_PORT, REST_PORT, ROLE, cluster_path, index, pods_path,
};
use crate::server::Server;
use crate::text::encode;

/// An instance that does not answer must not hold up the rest.
const MEMBER_LIMIT: Duration = Duration::from_secs(5);

/// What we read of an SGCluster.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Cluster {
    spec: Spec,
    status: Status,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Spec {
    instances: u32,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Status {
    postgres_version: Option<String>,
    conditions: Vec<Condition>,
}

/// What an instance says about the whole cluster.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Topology {
    members: Vec<TopologyMember>,
}

/// Fields are loose because Patroni writes words where it has no number.
#[derive(Debug, Default, Clone, Deserialize)]
#[serde(default)]
struct TopologyMember {
    name: String,
    role: String,
    state: String,
    timeline: Value,
    lag: Value,
}

/// What an instance says about itself in an annotation of its Pod.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct MemberNote {
    state: String,
    timeline: Option<u64>,
    pending_restart: bool,
    pending_restart_reason: BTreeMap<String, Value>,
}

/// The status of a cluster, or `None` when there is no such cluster.
pub(crate) async fn gather(server: &Server, name: &str) -> Result<Option<ClusterStatus>, Error> {
    let namespace = server.namespace();
    let Some(cluster) = server
        .find::<Cluster>(&cluster_path(namespace, name))
        .await?
    else {
        return Ok(None);
    };
    let pods: List<Pod> = server.read(&pods_path(namespace, name)).await?;
    let topology = ask(server, &pods.items).await;
    let services = services(server, name).await?;
    Ok(Some(assemble(
        namespace,
        name,
        cluster,
        &pods.items,
        topology,
        services,
    )))
}

/// Asks the instances in turn, ready ones first, until one answers.
async fn ask(server: &Server, pods: &[Pod]) -> Option<(String, Topology)> {
    let mut running: Vec<&Pod> = pods.iter().filter(|pod| address(pod).is_some()).collect();
    running.sort_by_key(|pod| (!is_ready(pod), index(name_of(pod))));
    for pod in running {
        let path = format!(
            "/api/v1/namespaces/{}/pods/{}:{REST_PORT}/proxy/cluster",
            encode(server.namespace()),
            encode(name_of(pod))
        );
        let answer = tokio::time::timeout(MEMBER_LIMIT, server.read::<Topology>(&path)).await;
        if let Ok(Ok(topology)) = answer {
            return Some((name_of(pod).to_owned(), topology));
        }
    }
    None
}

async fn services(server: &Server, cluster: &str) -> Result<Vec<ServiceAddress>, Error> {
    let wanted = [
        (cluster.to_owned(), "read-write"),
        (format!("{cluster}-replicas"), "read-only"),
    ];
    let mut found = Vec::new();
    for (name, serves) in wanted {
        let path = format!(
            "/api/v1/namespaces/{}/services/{}",
            encode(server.namespace()),
            encode(&name)
        );
        let Some(service) = server.find::<Service>(&path).await? else {
            continue;
        };
        if let Some(address) = service_address(&service) {
            found.push(ServiceAddress {
                name,
                serves,
                address,
            });
        }
    }
    Ok(found)
}

fn service_address(service: &Service) -> Option<String> {
    let spec = service.spec.as_ref()?;
    let ip = spec.cluster_ip.as_deref().filter(|ip| *ip != "None")?;
    let ports = spec.ports.as_deref().unwrap_or_default();
    let port = ports
        .iter()
        .find(|port| port.name.as_deref() == Some("pgport"))
        .map_or(i32::from(POSTGRES_PORT), |port| port.port);
    Some(format!("{ip}:{port}"))
}

fn assemble(
    namespace: &str,
    name: &str,
    cluster: Cluster,
    pods: &[Pod],
    topology: Option<(String, Topology)>,
    services: Vec<ServiceAddress>,
) -> ClusterStatus {
    let (told_by, told) = match topology {
        Some((by, topology)) => (Some(by), topology.members),
        None => (None, Vec::new()),
    };
    let mut members: Vec<Member> = pods
        .iter()
        .map(|pod| member(pod, told.iter().find(|member| member.name == name_of(pod))))
        .collect();
    members.sort_by_key(|member| index(&member.name));
    let primary = members.iter().find(|member| member.is_primary());
    ClusterStatus {
        namespace: namespace.to_owned(),
        name: name.to_owned(),
        postgres_version: cluster.status.postgres_version,
        instances: cluster.spec.instances,
        primary: primary.map(|member| member.name.clone()),
        told_by,
        conditions: cluster.status.conditions,
        services,
        members,
    }
}

/// One instance: what the topology says wins over what the Pod says.
fn member(pod: &Pod, told: Option<&TopologyMember>) -> Member {
    let note = note(pod);
    let container = container(pod);
    let role = told
        .map(|told| told.role.as_str())
        .or_else(|| label(pod, ROLE))
        .filter(|role| !role.is_empty())
        .map(role_word);
    let state = told
        .map(|told| told.state.clone())
        .filter(|state| !state.is_empty())
        .unwrap_or_else(|| pod_state(pod, container, &note));
    let pending_restart = note.pending_restart;
    Member {
        name: name_of(pod).to_owned(),
        role,
        state,
        timeline: told
            .and_then(|told| number(&told.timeline))
            .or(note.timeline),
        lag_bytes: told.and_then(|told| number(&told.lag)),
        address: address(pod).map(|ip| format!("{ip}:{POSTGRES_PORT}")),
        ready: is_ready(pod),
        restarts: container.map_or(0, |status| {
            u32::try_from(status.restart_count).unwrap_or_default()
        }),
        pending_restart,
        pending_parameters: note.pending_restart_reason.into_keys().collect(),
    }
}

/// Patroni says `leader` and once said `master`; we say primary.
fn role_word(role: &str) -> String {
    match role {
        "leader" | "master" | "primary" => "primary",
        other => other,
    }
    .to_owned()
}

fn number(value: &Value) -> Option<u64> {
    value.as_u64()
}

fn note(pod: &Pod) -> MemberNote {
    let annotations = pod.metadata.annotations.as_ref();
    annotations
        .and_then(|annotations| annotations.get(MEMBER_STATUS))
        .and_then(|text| serde_json::from_str(text).ok())
        .unwrap_or_default()
}

/// The state as far as the API knows it.
fn pod_state(pod: &Pod, container: Option<&ContainerStatus>, note: &MemberNote) -> String {
    if pod.metadata.deletion_timestamp.is_some() {
        return "stopping".to_owned();
    }
    let state = container.and_then(|container| container.state.as_ref());
    if let Some(waiting) = state.and_then(|state| state.waiting.as_ref()) {
        return waiting.reason.clone().unwrap_or("waiting".to_owned());
    }
    if let Some(ended) = state.and_then(|state| state.terminated.as_ref()) {
        return format!("ended with exit code {}", ended.exit_code);
    }
    if !note.state.is_empty() {
        return note.state.clone();
    }
    let status = pod.status.as_ref();
    let phase = status.and_then(|status| status.phase.as_deref());
    phase.unwrap_or("unknown").to_lowercase()
}

fn container(pod: &Pod) -> Option<&ContainerStatus> {
    let statuses = pod.status.as_ref()?.container_statuses.as_deref()?;
    statuses.iter().find(|status| status.name == CONTAINER)
}

fn label<'a>(pod: &'a Pod, key: &str) -> Option<&'a str> {
    let labels = pod.metadata.labels.as_ref()?;
    labels.get(key).map(String::as_str)
}

fn name_of(pod: &Pod) -> &str {
    pod.metadata.name.as_deref().unwrap_or_default()
}

fn address(pod: &Pod) -> Option<&str> {
    pod.status.as_ref()?.pod_ip.as_deref()
}

/// Whether the Pod passes its readiness probe.
pub(crate) fn is_ready(pod: &Pod) -> bool {
    let status = pod.status.as_ref();
    let conditions = status.and_then(|status| status.conditions.as_deref());
    conditions
        .unwrap_or_default()
        .iter()
        .any(|condition| condition.type_ == "Ready" && condition.status == "True")
}

#[cfg(test)]
mod tests {
    use super::*;
    use pretty_assertions::assert_eq;
    use serde_json::json;

    fn pod(name: &str, role: &str, note: Value) -> Pod {
        serde_json::from_value(json!({
            "metadata": {"name": name, "labels": {"role": role}, "annotations": {"status": note.to_string()}},
            "status": {"phase": "Running", "podIP": "127.70.1.0",
                "conditions": [{"type": "Ready", "status": "True"}],
                "containerStatuses": [{"name": "patroni", "restartCount": 2, "ready": true, "image": "", "imageID": "",
                    "state": {"running": {}}}]}
        }))
        .unwrap()
    }

    fn cluster() -> Cluster {
        serde_json::from_value(json!({
            "spec": {"instances": 2, "postgres": {"version": "latest"}},
            "status": {"postgresVersion": "18.6", "conditions": [
                {"type": "Bootstrapped", "status": "True", "reason": "ClusterBootstrapped"}]}
        }))
        .unwrap()
    }

    #[test]
    fn an_instances_answer_wins_over_the_labels() {
        let topology: Topology = serde_json::from_value(json!({"scope": "simple", "members": [
            {"name": "simple-0", "role": "leader", "state": "running", "timeline": 1, "host": "127.70.1.0"},
            {"name": "simple-1", "role": "replica", "state": "streaming", "timeline": 1, "lag": 0}]}))
        .unwrap();
        let pods = [
            pod("simple-1", "primary", json!({"state": "starting"})),
            pod(
                "simple-0",
                "",
                json!({"state": "running", "pending_restart": true,
                "pending_restart_reason": {"max_connections": {"old_value": "100", "new_value": "200"}}}),
            ),
        ];
        let told = Some(("simple-1".to_owned(), topology));
        let status = assemble("default", "simple", cluster(), &pods, told, Vec::new());
        assert_eq!(status.primary.as_deref(), Some("simple-0"));
        assert_eq!(status.postgres_version.as_deref(), Some("18.6"));
        assert_eq!(
            status.members,
            [
                Member {
                    name: "simple-0".into(),
                    role: Some("primary".into()),
                    state: "running".into(),
                    timeline: Some(1),
                    lag_bytes: None,
                    address: Some("127.70.1.0:5432".into()),
                    ready: true,
                    restarts: 2,
                    pending_restart: true,
                    pending_parameters: vec!["max_connections".into()],
                },
                Member {
                    name: "simple-1".into(),
                    role: Some("replica".into()),
                    state: "streaming".into(),
                    timeline: Some(1),
                    lag_bytes: Some(0),
                    address: Some("127.70.1.0:5432".into()),
                    ready: true,
                    restarts: 2,
                    ..Member::default()
                }
            ]
        );
    }

    #[test]
    fn without_an_answer_the_pods_tell_what_they_know() {
        let mut crashed = pod("simple-1", "", json!({"state": "running"}));
        let status = crashed.status.as_mut().unwrap();
        status.container_statuses.as_mut().unwrap()[0].state =
            serde_json::from_value(json!({"waiting": {"reason": "CrashLoopBackOff"}})).unwrap();
        let pods = [
            pod(
                "simple-0",
                "primary",
                json!({"state": "running", "timeline": 3}),
            ),
            crashed,
        ];
        let status = assemble("default", "simple", cluster(), &pods, None, Vec::new());
        let seen: Vec<_> = status
            .members
            .iter()
            .map(|m| (m.role.as_deref(), m.state.as_str(), m.timeline))
            .collect();
        assert_eq!(
            seen,
            [
                (Some("primary"), "running", Some(3)),
                (None, "CrashLoopBackOff", None)
            ]
        );
    }

    #[test]
    fn words_of_patroni_in_place_of_numbers_are_no_numbers() {
        assert_eq!(number(&json!("unknown")), None);
        assert_eq!(number(&json!(16_777_216)), Some(16_777_216));
    }

    #[test]
    fn the_service_port_is_the_one_called_pgport() {
        let service = |ip: &str| -> Service {
            serde_json::from_value(json!({"spec": {"clusterIP": ip, "ports": [
                {"name": "pgreplication", "port": 5433}, {"name": "pgport", "port": 6000}]}}))
            .unwrap()
        };
        assert_eq!(
            service_address(&service("10.0.0.1")).as_deref(),
            Some("10.0.0.1:6000")
        );
        assert_eq!(service_address(&service("None")), None);
    }
}
