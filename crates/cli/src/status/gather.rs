//! Puts a cluster's status together from the SGCluster, its Pods and Services, and one instance's answer.

use std::time::Duration;

use howdah_api::ControlRecord;
use k8s_openapi::List;
use k8s_openapi::api::core::v1::{Pod, Service};
use serde::Deserialize;

use super::leadership::{Replication, leadership, record};
use super::member::{TopologyMember, address, is_ready, member, name_of};
use super::model::{ClusterStatus, Condition, Member, ServiceAddress};
use crate::error::Error;
use crate::names::{POSTGRES_PORT, REST_PORT, cluster_path, index, pods_path};
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
    replication: Replication,
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

/// What was found besides the SGCluster and its Pods.
#[derive(Debug, Default)]
struct Told {
    /// An instance, and what it says.
    topology: Option<(String, Topology)>,
    record: Option<ControlRecord>,
    services: Vec<ServiceAddress>,
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
    let told = Told {
        topology,
        record: record(server, name).await,
        services: services(server, name).await?,
    };
    Ok(Some(assemble(namespace, name, cluster, &pods.items, told)))
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
    told: Told,
) -> ClusterStatus {
    let record = told.record.as_ref();
    let leadership = record.map(|record| leadership(name, &cluster.spec.replication, record));
    let (told_by, members) = match told.topology {
        Some((by, topology)) => (Some(by), topology.members),
        None => (None, Vec::new()),
    };
    let mut members: Vec<Member> = pods
        .iter()
        .map(|pod| {
            member(
                pod,
                members.iter().find(|member| member.name == name_of(pod)),
            )
        })
        .collect();
    members.sort_by_key(|member| index(&member.name));
    let primary = members.iter().find(|member| member.is_primary());
    ClusterStatus {
        namespace: namespace.to_owned(),
        name: name.to_owned(),
        postgres_version: cluster.status.postgres_version,
        instances: cluster.spec.instances,
        primary: primary.map(|member| member.name.clone()),
        leadership,
        told_by,
        conditions: cluster.status.conditions,
        services: told.services,
        members,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use pretty_assertions::assert_eq;
    use serde_json::{Value, json};

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
            pod(
                "simple-1",
                "primary",
                json!({"state": "starting", "ha": {"phase": "rejoin", "epoch": 2}}),
            ),
            pod(
                "simple-0",
                "",
                json!({"state": "running", "pending_restart": true,
                "pending_restart_reason": {"max_connections": {"old_value": "100", "new_value": "200"}}}),
            ),
        ];
        let told = Told {
            topology: Some(("simple-1".to_owned(), topology)),
            record: ControlRecord::parse(r#"{"epoch": 3, "holder": {"member": 0}}"#),
            ..Told::default()
        };
        let status = assemble("default", "simple", cluster(), &pods, told);
        assert_eq!(status.leadership.unwrap().epoch, 3);
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
                    ..Member::default()
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
                    phase: Some("rejoin".into()),
                    epoch: Some(2),
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
        let status = assemble("default", "simple", cluster(), &pods, Told::default());
        assert_eq!(status.leadership, None);
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
