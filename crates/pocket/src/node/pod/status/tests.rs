//! Tests of the status as people see it.

use std::time::Duration;

use pretty_assertions::assert_eq;

use super::*;
use crate::node::pod::machine::{HasProbes, RestartPolicy, Role};

fn pod() -> Pod {
    serde_json::from_value(serde_json::json!({
        "metadata": {"name": "p", "namespace": "n", "uid": "u", "generation": 2},
        "spec": {"containers": [{"name": "c", "image": "i"}]},
    }))
    .unwrap()
}

fn machine(policy: RestartPolicy) -> Machine {
    let slot = Slot::new("c", Role::Main, None, "ContainerCreating");
    Machine::new(policy, vec![slot], Duration::from_secs(30))
}

fn of(pod: &Pod, machine: &Machine, second: i64, before: Option<&PodStatus>) -> PodStatus {
    let inputs = Inputs {
        pod,
        machine,
        pod_ip: Some(Ipv4Addr::new(127, 64, 1, 1)),
        host_ip: Ipv4Addr::new(127, 64, 0, 1),
        start_time: Timestamp::UNIX_EPOCH,
        is_leaving: false,
        is_prepared: true,
        image_id: &|image| format!("{image}@1"),
        now: Timestamp::from_second(second).unwrap(),
    };
    status(&inputs, before)
}

fn ready(status: &PodStatus) -> (&str, i64) {
    let conditions = status.conditions.as_ref().unwrap();
    let found = conditions.iter().find(|one| one.type_ == "Ready").unwrap();
    let time = found.last_transition_time.as_ref().unwrap();
    (&found.status, time.0.as_second())
}

fn exit(code: i32) -> Exit {
    Exit {
        exit_code: code,
        signal: None,
        reason: None,
        message: None,
        started_at: None,
        finished_at: Timestamp::UNIX_EPOCH,
    }
}

#[test]
fn transition_times_move_only_with_the_condition() {
    let pod = pod();
    let mut machine = machine(RestartPolicy::Always);
    let first = of(&pod, &machine, 1, None);
    assert_eq!(
        (first.phase.as_deref(), ready(&first)),
        (Some("Pending"), ("False", 1))
    );
    let second = of(&pod, &machine, 2, Some(&first));
    assert_eq!(ready(&second), ("False", 1));
    machine.launched(0, 0);
    machine.running(0, Timestamp::UNIX_EPOCH, HasProbes::default());
    let third = of(&pod, &machine, 3, Some(&second));
    assert_eq!(
        (third.phase.as_deref(), ready(&third)),
        (Some("Running"), ("True", 3))
    );
    assert_eq!(of(&pod, &machine, 3, Some(&third)), third);
}

#[test]
fn conditions_of_others_are_kept_and_gates_are_asked() {
    let mut pod = pod();
    let mut machine = machine(RestartPolicy::Always);
    machine.running(0, Timestamp::UNIX_EPOCH, HasProbes::default());
    pod.spec.as_mut().unwrap().readiness_gates =
        Some(vec![k8s_openapi::api::core::v1::PodReadinessGate {
            condition_type: "example.com/gate".to_owned(),
        }]);
    let closed = of(&pod, &machine, 1, None);
    assert_eq!(ready(&closed).0, "False");
    let mut opened = closed;
    opened.conditions.as_mut().unwrap().push(PodCondition {
        type_: "example.com/gate".to_owned(),
        status: "True".to_owned(),
        ..PodCondition::default()
    });
    let after = of(&pod, &machine, 2, Some(&opened));
    assert_eq!(ready(&after), ("True", 2));
    assert_eq!(after.conditions.unwrap().len(), 6);
}

#[test]
fn phases_follow_the_policy_and_the_end() {
    for (policy, code, expected) in [
        (RestartPolicy::Always, 0, "Running"),
        (RestartPolicy::OnFailure, 0, "Succeeded"),
        (RestartPolicy::OnFailure, 1, "Running"),
        (RestartPolicy::Never, 0, "Succeeded"),
        (RestartPolicy::Never, 1, "Failed"),
    ] {
        let mut machine = machine(policy);
        machine.launched(0, 0);
        machine.ended(0, exit(code), tokio::time::Instant::now());
        assert_eq!(phase(&machine, false), expected, "{policy:?} {code}");
    }
}

#[test]
fn a_restarted_container_shows_how_it_ended_before() {
    let pod = pod();
    let mut machine = machine(RestartPolicy::Always);
    let now = tokio::time::Instant::now();
    machine.step(now);
    machine.launched(0, 0);
    machine.ended(0, exit(7), now);
    machine.step(now);
    machine.launched(0, 1);
    machine.running(0, Timestamp::UNIX_EPOCH, HasProbes::default());
    let status = of(&pod, &machine, 1, None);
    let container = &status.container_statuses.unwrap()[0];
    assert_eq!(container.restart_count, 1);
    assert_eq!(container.container_id.as_deref(), Some("pocket://u-c-1"));
    let last = container.last_state.clone().unwrap().terminated.unwrap();
    assert_eq!(last.exit_code, 7);
    assert_eq!(last.container_id.as_deref(), Some("pocket://u-c-0"));
    assert_eq!(last.reason.as_deref(), Some("Error"));
}
