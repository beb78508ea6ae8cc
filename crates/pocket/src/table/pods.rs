//! Pods: the status column sums up phase, conditions and containers.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::age;
use super::built_in::Definition;
use super::column::Column;
use super::read::{age as age_cell, at, count, is_deleted, list, name, or, text};

pub(super) static PODS: Definition = Definition {
    columns: &[
        Column::NAME,
        Column::text(
            "Ready",
            "The aggregate readiness state of this pod for accepting traffic.",
        ),
        Column::text(
            "Status",
            "The aggregate status of the containers in this pod.",
        ),
        Column::text(
            "Restarts",
            "The number of times the containers in this pod have been restarted and when the last container in this pod has \
             restarted.",
        ),
        Column::AGE,
        Column::wide(
            "IP",
            "podIP address allocated to the pod. Routable at least within the cluster. Empty if not yet allocated.",
        ),
        Column::wide(
            "Node",
            "NodeName indicates in which node this pod is scheduled. If empty, this pod is a candidate for scheduling by the \
             scheduler defined in schedulerName. Once this field is set, the kubelet for this node becomes responsible for the \
             lifecycle of this pod. This field should not be used to express a desire for the pod to be scheduled on a specific \
             node. https://kubernetes.io/docs/concepts/scheduling-eviction/assign-pod-node/#nodename",
        ),
        Column::wide(
            "Nominated Node",
            "nominatedNodeName is set only when this pod preempts other pods on the node, but it cannot be scheduled right away \
             as preemption victims receive their graceful termination periods. This field does not guarantee that the pod will \
             be scheduled on this node. Scheduler may decide to place the pod elsewhere if other nodes become available sooner. \
             Scheduler may also decide to give the resources on this node to a higher priority pod that is created after \
             preemption. As a result, this field may be different than PodSpec.nodeName when the pod is scheduled.",
        ),
        Column::wide(
            "Readiness Gates",
            "If specified, all readiness gates will be evaluated for pod readiness. A pod is ready when all its containers are \
             ready AND all conditions specified in the readiness gates have status equal to \"True\" More info: \
             https://git.k8s.io/enhancements/keps/sig-network/580-pod-readiness-gates",
        ),
    ],
    cells,
};

/// Rows of Pods that ended say so, for clients that leave them out.
pub(super) fn row_condition(object: &Value) -> Option<Value> {
    if text(object, "/kind") != "Pod" {
        return None;
    }
    let phase = text(object, "/status/phase");
    let message = match phase {
        "Succeeded" => "The pod has completed successfully.",
        "Failed" => "The pod failed.",
        _ => return None,
    };
    Some(json!({"type": "Completed", "status": "True", "reason": phase, "message": message}))
}

/// What the containers add up to.
struct Summary {
    reason: String,
    ready: usize,
    total: usize,
    restarts: i64,
    last_restart: Option<Timestamp>,
}

fn cells(pod: &Value, now: Timestamp) -> Vec<Value> {
    let summary = summarize(pod);
    let restarts = match summary.last_restart {
        Some(last) if summary.restarts != 0 => {
            format!(
                "{} ({} ago)",
                summary.restarts,
                age::human_duration(now.duration_since(last).as_secs())
            )
        }
        _ => summary.restarts.to_string(),
    };
    let ip = or(text(pod, "/status/podIPs/0/ip"), text(pod, "/status/podIP"));
    vec![
        name(pod),
        json!(format!("{}/{}", summary.ready, summary.total)),
        json!(summary.reason),
        json!(restarts),
        age_cell(pod, now),
        json!(or(ip, "<none>")),
        json!(or(text(pod, "/spec/nodeName"), "<none>")),
        json!(or(text(pod, "/status/nominatedNodeName"), "<none>")),
        json!(readiness_gates(pod)),
    ]
}

fn summarize(pod: &Value) -> Summary {
    let mut summary = Summary {
        reason: or(text(pod, "/status/reason"), text(pod, "/status/phase")).to_owned(),
        ready: 0,
        total: list(pod, "/spec/containers").len(),
        restarts: 0,
        last_restart: None,
    };
    if condition(pod, "PodScheduled")
        .is_some_and(|scheduled| text(scheduled, "/reason") == "SchedulingGated")
    {
        "SchedulingGated".clone_into(&mut summary.reason);
    }
    let initializing = init_containers(pod, &mut summary);
    if !initializing || is_true(condition(pod, "Initialized")) {
        containers(pod, &mut summary);
    }
    if is_deleted(pod) {
        if text(pod, "/status/reason") == "NodeLost" {
            "Unknown".clone_into(&mut summary.reason);
        } else if !matches!(text(pod, "/status/phase"), "Succeeded" | "Failed") {
            "Terminating".clone_into(&mut summary.reason);
        }
    }
    summary
}

/// Whether a sidecar: an init container that stays.
fn is_sidecar(pod: &Value, status: &Value) -> bool {
    let name = text(status, "/name");
    list(pod, "/spec/initContainers").iter().any(|container| {
        text(container, "/name") == name && text(container, "/restartPolicy") == "Always"
    })
}

/// Counts init containers; true while they are at work. Restarts of those that are done count no more, except of sidecars.
fn init_containers(pod: &Value, summary: &mut Summary) -> bool {
    let specs = list(pod, "/spec/initContainers");
    summary.total += specs
        .iter()
        .filter(|container| text(container, "/restartPolicy") == "Always")
        .count();
    let mut sidecars = Summary {
        reason: String::new(),
        ready: 0,
        total: 0,
        restarts: 0,
        last_restart: None,
    };
    let mut waits_for = None;
    for (index, status) in list(pod, "/status/initContainerStatuses")
        .iter()
        .enumerate()
    {
        let sidecar = is_sidecar(pod, status);
        summary.add_restarts(status);
        if sidecar {
            sidecars.add_restarts(status);
        }
        if at(status, "/state/terminated").is_object()
            && count(status, "/state/terminated/exitCode") == 0
        {
            continue;
        }
        if sidecar && at(status, "/started") == &Value::Bool(true) {
            summary.ready += usize::from(at(status, "/ready") == &Value::Bool(true));
            continue;
        }
        let waiting = text(status, "/state/waiting/reason");
        waits_for = Some(match terminated_reason(status) {
            Some(reason) => format!("Init:{reason}"),
            None if !waiting.is_empty() && waiting != "PodInitializing" => {
                format!("Init:{waiting}")
            }
            None => format!("Init:{index}/{}", specs.len()),
        });
        break;
    }
    match waits_for {
        Some(reason) => {
            summary.reason = reason;
            true
        }
        None => {
            summary.restarts = sidecars.restarts;
            summary.last_restart = sidecars.last_restart;
            false
        }
    }
}

/// The first container that waits or ended gives the reason.
fn containers(pod: &Value, summary: &mut Summary) {
    let mut has_running = false;
    for status in list(pod, "/status/containerStatuses").iter().rev() {
        summary.add_restarts(status);
        let waiting = text(status, "/state/waiting/reason");
        if !waiting.is_empty() {
            waiting.clone_into(&mut summary.reason);
        } else if let Some(reason) = terminated_reason(status) {
            summary.reason = reason;
        } else if at(status, "/ready") == &Value::Bool(true)
            && at(status, "/state/running").is_object()
        {
            has_running = true;
            summary.ready += 1;
        }
    }
    if summary.reason == "Completed" && has_running {
        let reason = if is_true(condition(pod, "Ready")) {
            "Running"
        } else {
            "NotReady"
        };
        reason.clone_into(&mut summary.reason);
    }
}

impl Summary {
    fn add_restarts(&mut self, status: &Value) {
        self.restarts += count(status, "/restartCount");
        let ended = text(status, "/lastState/terminated/finishedAt")
            .parse::<Timestamp>()
            .ok();
        self.last_restart = self.last_restart.max(ended);
    }
}

/// Why a container ended, where it did.
fn terminated_reason(status: &Value) -> Option<String> {
    let terminated = at(status, "/state/terminated");
    if !terminated.is_object() {
        return None;
    }
    Some(
        match (text(terminated, "/reason"), count(terminated, "/signal")) {
            ("", 0) => format!("ExitCode:{}", count(terminated, "/exitCode")),
            ("", signal) => format!("Signal:{signal}"),
            (reason, _) => reason.to_owned(),
        },
    )
}

fn condition<'a>(pod: &'a Value, kind: &str) -> Option<&'a Value> {
    list(pod, "/status/conditions")
        .iter()
        .find(|condition| text(condition, "/type") == kind)
}

fn is_true(condition: Option<&Value>) -> bool {
    condition.is_some_and(|condition| text(condition, "/status") == "True")
}

fn readiness_gates(pod: &Value) -> String {
    let gates = list(pod, "/spec/readinessGates");
    if gates.is_empty() {
        return "<none>".to_owned();
    }
    let open = gates
        .iter()
        .filter(|gate| is_true(condition(pod, text(gate, "/conditionType"))))
        .count();
    format!("{open}/{}", gates.len())
}
