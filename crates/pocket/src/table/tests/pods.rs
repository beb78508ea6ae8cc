//! Pods in their many states.

use pretty_assertions::assert_eq;
use serde_json::{Value, json};

use super::{ago, cells, options};
use crate::table::{IncludeObject, Printer};

fn pod(status: Value) -> Value {
    json!({"kind": "Pod", "metadata": {}, "spec": {"containers": [{"name": "c"}, {"name": "d"}], "nodeName": "vm"}, "status": status})
}

/// Ready, status and restarts of a Pod.
fn pod_cells(pod: Value) -> Vec<String> {
    let cells = cells("", "Pod", pod);
    (1..4)
        .map(|index| cells[index].as_str().unwrap().to_owned())
        .collect()
}

#[test]
fn a_running_pod_shows_as_recorded() {
    let running = pod(
        json!({"phase": "Running", "podIP": "10.244.0.9", "podIPs": [{"ip": "10.244.0.9"}], "containerStatuses": [
        {"name": "c", "ready": true, "restartCount": 0, "state": {"running": {}}},
        {"name": "d", "ready": true, "restartCount": 0, "state": {"running": {}}}]}),
    );
    assert_eq!(
        cells("", "Pod", running),
        json!([
            "n",
            "2/2",
            "Running",
            "0",
            "5m3s",
            "10.244.0.9",
            "vm",
            "<none>",
            "<none>"
        ])
    );
    let fresh = json!({"kind": "Pod", "metadata": {}, "spec": {"containers": [{"name": "c"}]}, "status": {"phase": "Pending"}});
    assert_eq!(
        cells("", "Pod", fresh),
        json!([
            "n", "0/1", "Pending", "0", "5m3s", "<none>", "<none>", "<none>", "<none>"
        ])
    );
}

#[test]
fn a_pod_tells_what_its_containers_do() {
    let waiting = pod(json!({"phase": "Running", "containerStatuses": [
        {"name": "c", "restartCount": 3, "state": {"waiting": {"reason": "CrashLoopBackOff"}},
         "lastState": {"terminated": {"finishedAt": ago(120)}}},
        {"name": "d", "ready": true, "restartCount": 1, "state": {"running": {}}}]}));
    assert_eq!(
        pod_cells(waiting),
        ["1/2", "CrashLoopBackOff", "4 (2m ago)"]
    );
    let ended = |state: Value| {
        pod(
            json!({"phase": "Failed", "containerStatuses": [{"name": "c", "restartCount": 0, "state": {"terminated": state}}]}),
        )
    };
    assert_eq!(
        pod_cells(ended(json!({"exitCode": 0, "reason": "Completed"}))),
        ["0/2", "Completed", "0"]
    );
    assert_eq!(
        pod_cells(ended(json!({"exitCode": 3}))),
        ["0/2", "ExitCode:3", "0"]
    );
    assert_eq!(
        pod_cells(ended(json!({"exitCode": 137, "signal": 9}))),
        ["0/2", "Signal:9", "0"]
    );
    let one_left = pod(
        json!({"phase": "Running", "conditions": [{"type": "Ready", "status": "False"}], "containerStatuses": [
        {"name": "c", "state": {"terminated": {"exitCode": 0, "reason": "Completed"}}},
        {"name": "d", "ready": true, "state": {"running": {}}}]}),
    );
    assert_eq!(pod_cells(one_left), ["1/2", "NotReady", "0"]);
}

#[test]
fn a_pod_tells_how_far_its_init_containers_are() {
    let with = |statuses: Value, containers: Value| {
        let mut pod = pod(
            json!({"phase": "Pending", "initContainerStatuses": statuses, "containerStatuses": containers}),
        );
        pod["spec"]["initContainers"] =
            json!([{"name": "i"}, {"name": "s", "restartPolicy": "Always"}]);
        pod
    };
    let first = with(
        json!([{"name": "i", "restartCount": 2, "state": {"running": {}}}]),
        json!([]),
    );
    assert_eq!(pod_cells(first), ["0/3", "Init:0/2", "2"]);
    let failed = with(
        json!([{"name": "i", "restartCount": 0, "state": {"terminated": {"exitCode": 1, "reason": "Error"}}}]),
        json!([]),
    );
    assert_eq!(pod_cells(failed), ["0/3", "Init:Error", "0"]);
    let backoff = with(
        json!([{"name": "i", "state": {"waiting": {"reason": "CrashLoopBackOff"}}}]),
        json!([]),
    );
    assert_eq!(pod_cells(backoff), ["0/3", "Init:CrashLoopBackOff", "0"]);
    let done = with(
        json!([{"name": "i", "restartCount": 5, "state": {"terminated": {"exitCode": 0}}},
               {"name": "s", "restartCount": 1, "started": true, "ready": true, "state": {"running": {}}}]),
        json!([{"name": "c", "state": {"waiting": {"reason": "PodInitializing"}}}]),
    );
    assert_eq!(pod_cells(done), ["1/3", "PodInitializing", "1"]);
}

#[test]
fn a_pod_tells_that_it_ends() {
    let mut deleted = pod(json!({"phase": "Running"}));
    deleted["metadata"]["deletionTimestamp"] = json!(ago(1));
    assert_eq!(pod_cells(deleted.clone())[1], "Terminating");
    deleted["status"]["reason"] = json!("NodeLost");
    assert_eq!(pod_cells(deleted)[1], "Unknown");
    let table = Printer::built_in("", "Pod").table(
        [&pod(json!({"phase": "Succeeded"}))],
        &options(IncludeObject::None),
    );
    assert_eq!(
        table["rows"][0]["conditions"],
        json!([{"type": "Completed", "status": "True", "reason": "Succeeded", "message": "The pod has completed successfully."}])
    );
}
