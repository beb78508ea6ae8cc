//! A Pod's status, computed afresh from what is known each time. Pure.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{
    Container, ContainerState, ContainerStateRunning, ContainerStateTerminated,
    ContainerStateWaiting, ContainerStatus, HostIP, Pod, PodCondition, PodIP, PodStatus,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use super::machine::{Machine, Slot, State};
use crate::node::plan::spec;
use crate::node::shim::spec::Exit;

#[cfg(test)]
mod tests;

/// What a status is made from.
pub(super) struct Inputs<'a> {
    pub(super) pod: &'a Pod,
    pub(super) machine: &'a Machine,
    pub(super) pod_ip: Option<Ipv4Addr>,
    pub(super) host_ip: Ipv4Addr,
    /// Since when the Pod is here.
    pub(super) start_time: Timestamp,
    /// Whether the Pod is being deleted.
    pub(super) is_leaving: bool,
    /// Whether its volumes are there.
    pub(super) is_prepared: bool,
    /// The identity of an image.
    pub(super) image_id: &'a dyn Fn(&str) -> String,
    pub(super) now: Timestamp,
}

/// The conditions that the node owns, in the order in which they come true.
const OWN_CONDITIONS: [&str; 5] = [
    "PodReadyToStartContainers",
    "Initialized",
    "Ready",
    "ContainersReady",
    "PodScheduled",
];

/// The status, given the one written before: times of conditions that have not changed are kept from it.
pub(super) fn status(inputs: &Inputs<'_>, before: Option<&PodStatus>) -> PodStatus {
    let pod_ip = inputs.pod_ip.map(|ip| ip.to_string());
    let host_ip = inputs.host_ip.to_string();
    let statuses = |is_init: bool| -> Vec<ContainerStatus> {
        containers(inputs.pod, is_init)
            .filter_map(|container| {
                let slot = slot(inputs.machine, &container.name, is_init)?;
                Some(container_status(inputs, container, slot))
            })
            .collect()
    };
    let init = statuses(true);
    let written = before.and_then(|status| status.phase.as_deref());
    let phase = match written {
        // Stopping with the node is no end of the Pod: it goes on with the next node.
        Some(written) if inputs.machine.is_stopping() && !inputs.is_leaving => written,
        _ => phase(inputs.machine, inputs.is_leaving),
    };
    PodStatus {
        observed_generation: inputs.pod.metadata.generation,
        phase: Some(phase.to_owned()),
        conditions: Some(conditions(inputs, phase, before)),
        host_ip: Some(host_ip.clone()),
        host_ips: Some(vec![HostIP { ip: host_ip }]),
        pod_ips: pod_ip.clone().map(|ip| vec![PodIP { ip }]),
        pod_ip,
        start_time: Some(Time(inputs.start_time)),
        init_container_statuses: (!init.is_empty()).then_some(init),
        container_statuses: Some(statuses(false)),
        qos_class: before
            .and_then(|status| status.qos_class.clone())
            .or_else(|| Some(qos_class(inputs.pod).to_owned())),
        ..PodStatus::default()
    }
}

/// The status written last, with the conditions of others as the API shows them now.
pub(super) fn merged(written: Option<&PodStatus>, seen: Option<&PodStatus>) -> Option<PodStatus> {
    let Some(written) = written else {
        return seen.cloned();
    };
    let mut merged = written.clone();
    let is_own = |condition: &PodCondition| OWN_CONDITIONS.contains(&condition.type_.as_str());
    let mut conditions = merged.conditions.take().unwrap_or_default();
    conditions.retain(is_own);
    let seen = seen.and_then(|status| status.conditions.as_ref());
    conditions.extend(
        seen.into_iter()
            .flatten()
            .filter(|one| !is_own(one))
            .cloned(),
    );
    merged.conditions = Some(conditions);
    Some(merged)
}

fn containers(pod: &Pod, is_init: bool) -> impl Iterator<Item = &Container> {
    let spec = spec(pod);
    let (init, main) = if is_init {
        (spec.init_containers.as_deref(), None)
    } else {
        (None, Some(spec.containers.as_slice()))
    };
    init.into_iter().chain(main).flatten()
}

fn slot<'a>(machine: &'a Machine, name: &str, is_init: bool) -> Option<&'a Slot> {
    let mut slots = machine.slots.iter();
    slots.find(|slot| slot.name == name && slot.is_init() == is_init)
}

/// The rules of <https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/#pod-phase>.
fn phase(machine: &Machine, is_leaving: bool) -> &'static str {
    let main: Vec<_> = machine
        .slots
        .iter()
        .filter(|slot| !slot.is_init())
        .collect();
    if is_leaving && machine.is_dead() {
        return if main.iter().all(|slot| slot.is_done_well()) {
            "Succeeded"
        } else {
            "Failed"
        };
    }
    if !machine.is_initialised() {
        return if machine.is_finished() && machine.is_dead() {
            "Failed"
        } else {
            "Pending"
        };
    }
    let never_ran = |slot: &&&Slot| {
        matches!(slot.state, State::Waiting(_) | State::Starting) && slot.last_end.is_none()
    };
    if main.iter().any(|slot| never_ran(&slot)) {
        return "Pending";
    }
    // A Pod is over when its sidecars are, too.
    if !machine.is_finished() || !machine.is_dead() {
        return "Running";
    }
    if main.iter().all(|slot| slot.is_done_well()) {
        "Succeeded"
    } else {
        "Failed"
    }
}

fn container_status(inputs: &Inputs<'_>, container: &Container, slot: &Slot) -> ContainerStatus {
    let image = container.image.clone().unwrap_or_default();
    let is_running = matches!(slot.state, State::Running(_));
    let uid = inputs.pod.metadata.uid.as_deref().unwrap_or_default();
    let id = |attempt| format!("pocket://{uid}-{}-{attempt}", slot.name);
    let last_id = slot.attempt.and_then(|attempt| match slot.state {
        // A container that waits for its next attempt still shows the one before.
        State::Waiting(_) | State::Ended(_) => Some(attempt),
        State::Starting | State::Running(_) => attempt.checked_sub(1),
    });
    ContainerStatus {
        name: slot.name.clone(),
        image_id: (inputs.image_id)(&image),
        image,
        ready: if slot.counts_for_readiness() {
            slot.ready
        } else {
            slot.is_done_well()
        },
        started: Some(is_running && slot.started),
        restart_count: slot
            .attempt
            .map_or(0, |attempt| i32::try_from(attempt).unwrap_or(i32::MAX)),
        state: Some(container_state(inputs, slot, slot.attempt.map(id))),
        last_state: Some(ContainerState {
            terminated: slot
                .last_end
                .as_ref()
                .map(|end| terminated(end, last_id.map(id))),
            ..ContainerState::default()
        }),
        container_id: slot.attempt.map(id),
        allocated_resources: container
            .resources
            .as_ref()
            .and_then(|all| all.requests.clone()),
        resources: container.resources.clone(),
        ..ContainerStatus::default()
    }
}

fn container_state(inputs: &Inputs<'_>, slot: &Slot, id: Option<String>) -> ContainerState {
    let waiting = |reason: &str, message: &str| ContainerState {
        waiting: Some(ContainerStateWaiting {
            reason: Some(reason.to_owned()),
            message: (!message.is_empty()).then(|| message.to_owned()),
        }),
        ..ContainerState::default()
    };
    match &slot.state {
        State::Waiting(why) if !slot.is_init() && !inputs.machine.is_initialised() => {
            let reason = if why.message.is_empty() {
                "PodInitializing"
            } else {
                why.reason
            };
            waiting(reason, &why.message)
        }
        State::Waiting(why) => waiting(why.reason, &why.message),
        State::Starting => waiting("ContainerCreating", ""),
        State::Running(since) => ContainerState {
            running: Some(ContainerStateRunning {
                started_at: Some(Time(*since)),
            }),
            ..ContainerState::default()
        },
        State::Ended(exit) => ContainerState {
            terminated: Some(terminated(exit, id)),
            ..ContainerState::default()
        },
    }
}

fn terminated(exit: &Exit, id: Option<String>) -> ContainerStateTerminated {
    ContainerStateTerminated {
        container_id: id,
        exit_code: exit.exit_code,
        // Runtimes that Kubernetes knows report a signal by the exit code alone.
        signal: None,
        reason: Some(exit.reason().to_owned()),
        message: exit.message.clone(),
        started_at: exit.started_at.map(Time),
        finished_at: Some(Time(exit.finished_at)),
    }
}

fn conditions(inputs: &Inputs<'_>, phase: &str, before: Option<&PodStatus>) -> Vec<PodCondition> {
    let old: BTreeMap<&str, &PodCondition> = before
        .and_then(|status| status.conditions.as_ref())
        .into_iter()
        .flatten()
        .map(|condition| (condition.type_.as_str(), condition))
        .collect();
    let foreign = old
        .iter()
        .filter(|(name, _)| !OWN_CONDITIONS.contains(name))
        .map(|(_, condition)| (*condition).clone());
    let mut all: Vec<_> = OWN_CONDITIONS
        .iter()
        .map(|name| {
            let mut condition = condition(inputs, name, phase, &old);
            let last = old.get(name).filter(|old| old.status == condition.status);
            condition.last_transition_time = last
                .and_then(|old| old.last_transition_time.clone())
                .or(Some(Time(inputs.now)));
            condition.observed_generation = inputs.pod.metadata.generation;
            condition
        })
        .collect();
    all.extend(foreign);
    all
}

/// Why a condition is false.
#[derive(Debug, Default)]
struct Why {
    reason: Option<&'static str>,
    message: Option<String>,
}

fn condition(
    inputs: &Inputs<'_>,
    name: &str,
    phase: &str,
    old: &BTreeMap<&str, &PodCondition>,
) -> PodCondition {
    let machine = inputs.machine;
    let verdict = match name {
        "PodReadyToStartContainers" if !inputs.is_prepared => Err(Why::default()),
        "Initialized" => initialised(machine),
        "ContainersReady" => containers_ready(machine, phase),
        "Ready" => containers_ready(machine, phase).and_then(|()| gates(inputs.pod, old)),
        _ => Ok(()),
    };
    let is_true = verdict.is_ok();
    let why = verdict.err().unwrap_or_default();
    PodCondition {
        type_: name.to_owned(),
        status: if is_true { "True" } else { "False" }.to_owned(),
        reason: why.reason.map(str::to_owned),
        message: why.message,
        ..PodCondition::default()
    }
}

fn initialised(machine: &Machine) -> Result<(), Why> {
    if machine.is_initialised() {
        return Ok(());
    }
    let slots = machine
        .slots
        .iter()
        .filter(|slot| !slot.lets_others_begin());
    Err(Why {
        reason: Some("ContainersNotInitialized"),
        message: Some(format!(
            "containers with incomplete status: [{}]",
            names(slots)
        )),
    })
}

fn containers_ready(machine: &Machine, phase: &str) -> Result<(), Why> {
    if phase == "Succeeded" {
        return Err(Why {
            reason: Some("PodCompleted"),
            message: None,
        });
    }
    let unready = || {
        machine
            .slots
            .iter()
            .filter(|slot| slot.counts_for_readiness() && !slot.ready)
    };
    if unready().next().is_none() {
        return Ok(());
    }
    Err(Why {
        reason: Some("ContainersNotReady"),
        message: Some(format!(
            "containers with unready status: [{}]",
            names(unready())
        )),
    })
}

fn gates(pod: &Pod, conditions: &BTreeMap<&str, &PodCondition>) -> Result<(), Why> {
    let is_true = |name: &str| {
        conditions
            .get(name)
            .is_some_and(|found| found.status == "True")
    };
    for gate in spec(pod).readiness_gates.iter().flatten() {
        if !is_true(&gate.condition_type) {
            return Err(Why {
                reason: Some("ReadinessGatesNotReady"),
                message: Some(format!(
                    "corresponding condition of pod readiness gate {:?} is not true",
                    gate.condition_type
                )),
            });
        }
    }
    Ok(())
}

fn names<'a>(slots: impl Iterator<Item = &'a Slot>) -> String {
    let names: Vec<_> = slots.map(|slot| slot.name.as_str()).collect();
    names.join(" ")
}

/// The rules of <https://kubernetes.io/docs/concepts/workloads/pods/pod-qos/>.
fn qos_class(pod: &Pod) -> &'static str {
    let spec = spec(pod);
    let mut any = false;
    let mut guaranteed = true;
    for container in spec
        .containers
        .iter()
        .chain(spec.init_containers.iter().flatten())
    {
        let resources = container.resources.clone().unwrap_or_default();
        let limits = resources.limits.unwrap_or_default();
        let requests = resources.requests.unwrap_or_default();
        for name in ["cpu", "memory"] {
            let limit = limits.get(name);
            any |= limit.is_some() || requests.contains_key(name);
            guaranteed &=
                limit.is_some() && requests.get(name).is_none_or(|one| Some(one) == limit);
        }
    }
    match (any, guaranteed) {
        (false, _) => "BestEffort",
        (true, true) => "Guaranteed",
        (true, false) => "Burstable",
    }
}
