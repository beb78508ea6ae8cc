//! Rows as the recorded server and `kubectl` show them.

use jiff::Timestamp;
use pretty_assertions::assert_eq;
use serde_json::{Value, json};

use super::*;

fn now() -> Timestamp {
    "2026-11-22T10:00:00Z".parse().unwrap()
}

/// `now` less this many seconds.
fn ago(seconds: i64) -> String {
    (now() - jiff::SignedDuration::from_secs(seconds)).to_string()
}

fn options(include: IncludeObject) -> TableOptions {
    TableOptions {
        metadata: json!({"resourceVersion": "7"}),
        include,
        with_columns: true,
        now: now(),
    }
}

/// The cells of an object that is 5 minutes and 3 seconds old.
fn cells(group: &str, kind: &str, mut object: Value) -> Value {
    object["metadata"]["name"] = json!("n");
    object["metadata"]["creationTimestamp"] = json!(ago(303));
    let printer = Printer::built_in(group, kind);
    let cells = printer.cells(&object, now());
    assert_eq!(cells.len(), printer.columns.len(), "{kind}");
    Value::from(cells)
}

#[test]
fn a_table_has_the_recorded_shape() {
    let object = json!({
        "apiVersion": "v1", "kind": "ConfigMap", "data": {"k": "v"},
        "metadata": {"name": "a", "namespace": "golden", "creationTimestamp": ago(0)}
    });
    let table =
        Printer::built_in("", "ConfigMap").table([&object], &options(IncludeObject::Metadata));
    assert_eq!(
        table["rows"],
        json!([{"cells": ["a", 1, "0s"], "object": {
            "kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": object["metadata"]}}])
    );
    assert_eq!(table["kind"], "Table");
    assert_eq!(table["apiVersion"], "meta.k8s.io/v1");
    assert_eq!(table["metadata"], json!({"resourceVersion": "7"}));
    let columns = table["columnDefinitions"].as_array().unwrap();
    assert_eq!(columns.len(), 3);
    let keys: Vec<&String> = columns[0].as_object().unwrap().keys().collect();
    assert_eq!(keys.len(), 5);
    assert_eq!(
        (
            &columns[0]["format"],
            &columns[0]["type"],
            &columns[2]["format"]
        ),
        (&json!("name"), &json!("string"), &json!(""))
    );
    let none = Printer::built_in("", "ConfigMap").table([&object], &options(IncludeObject::None));
    assert_eq!(none["rows"][0]["object"], Value::Null);
    let whole =
        Printer::built_in("", "ConfigMap").table([&object], &options(IncludeObject::Object));
    assert_eq!(whole["rows"][0]["object"], object);
    let later = TableOptions {
        with_columns: false,
        ..options(IncludeObject::Metadata)
    };
    assert_eq!(
        Printer::built_in("", "ConfigMap").table([&object], &later)["columnDefinitions"],
        Value::Null
    );
}

#[test]
fn include_object_is_read_from_the_query() {
    assert_eq!(IncludeObject::from_query(""), Ok(IncludeObject::Metadata));
    assert_eq!(
        IncludeObject::from_query("Object"),
        Ok(IncludeObject::Object)
    );
    assert_eq!(
        IncludeObject::from_query("All"),
        Err("unrecognized includeObject value: \"All\"".to_owned())
    );
}

#[test]
fn metadata_lists_have_the_recorded_shape() {
    let object = json!({"kind": "ConfigMap", "metadata": {"name": "a"}, "data": {}});
    assert_eq!(
        partial_metadata_list([&object], &json!({"resourceVersion": "257"})),
        json!({"kind": "PartialObjectMetadataList", "apiVersion": "meta.k8s.io/v1", "metadata": {"resourceVersion": "257"},
            "items": [{"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": {"name": "a"}}]})
    );
}

#[test]
fn custom_columns_show_what_the_definition_asks_for() {
    let described = [
        json!({"name": "size", "type": "integer", "jsonPath": ".spec.size"}),
        json!({"name": "phase", "type": "string", "jsonPath": ".status.phase", "description": "the phase", "priority": 1}),
        json!({"name": "ready", "type": "string", "jsonPath": ".status.conditions[?(@.type==\"Ready\")].status"}),
        json!({"name": "since", "type": "date", "jsonPath": ".status.since"}),
        json!({"name": "on", "type": "boolean", "jsonPath": ".spec.on"}),
        json!({"name": "load", "type": "number", "jsonPath": ".spec.load"}),
        json!({"name": "map", "type": "string", "jsonPath": ".spec.map"}),
    ];
    let printer = Printer::custom(&described);
    let object = json!({
        "metadata": {"name": "w"}, "spec": {"size": 4, "on": true, "load": 2, "map": {"a": 1}},
        "status": {"phase": "Ready", "conditions": [{"type": "Ready", "status": "True"}], "since": ago(3 * 3600)}
    });
    assert_eq!(
        Value::from(printer.cells(&object, now())),
        json!(["w", 4, "Ready", "True", "3h", true, 2.0, "{\"a\":1}"])
    );
    let bare = json!({"metadata": {"name": "w"}, "spec": {"size": "four"}});
    assert_eq!(
        Value::from(printer.cells(&bare, now())),
        json!(["w", null, null, null, null, null, null, null])
    );
    let table = printer.table([&object], &options(IncludeObject::None));
    assert_eq!(
        table["columnDefinitions"][1],
        json!({"name": "size", "type": "integer", "format": "", "priority": 0,
            "description": "Custom resource definition column (in JSONPath format): .spec.size"})
    );
    assert_eq!(table["columnDefinitions"][2]["description"], "the phase");
    assert_eq!(table["columnDefinitions"][2]["priority"], 1);
}

#[test]
fn custom_kinds_without_columns_show_their_age() {
    let printer = Printer::custom(&[]);
    let object = json!({"metadata": {"name": "w", "creationTimestamp": ago(2)}});
    assert_eq!(
        Value::from(printer.cells(&object, now())),
        json!(["w", "2s"])
    );
    assert_eq!(
        (
            printer.columns[1].name.as_ref(),
            printer.columns[1].kind.as_ref()
        ),
        ("Age", "date")
    );
}

#[test]
fn kinds_without_columns_show_when_they_were_created() {
    let object = json!({"metadata": {}});
    assert_eq!(
        cells("rbac.authorization.k8s.io", "Role", object.clone()),
        json!(["n", ago(303)])
    );
    assert_eq!(
        cells("apiextensions.k8s.io", "CustomResourceDefinition", object),
        json!(["n", ago(303)])
    );
}

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

#[test]
fn services_and_endpoints_show_addresses() {
    let service = |spec: Value| cells("", "Service", json!({"metadata": {}, "spec": spec}));
    assert_eq!(
        service(
            json!({"type": "ClusterIP", "clusterIP": "10.0.0.1", "clusterIPs": ["10.0.0.1"], "selector": {"b": "2", "a": "1"},
            "ports": [{"port": 5432, "protocol": "TCP"}, {"port": 80, "nodePort": 30000, "protocol": "TCP"}]})
        ),
        json!([
            "n",
            "ClusterIP",
            "10.0.0.1",
            "<none>",
            "5432/TCP,80:30000/TCP",
            "5m3s",
            "a=1,b=2"
        ])
    );
    assert_eq!(
        service(json!({"type": "ExternalName", "externalName": "a.b"})),
        json!([
            "n",
            "ExternalName",
            "<none>",
            "a.b",
            "<none>",
            "5m3s",
            "<none>"
        ])
    );
    assert_eq!(
        service(json!({"type": "LoadBalancer", "clusterIP": "None"}))[3],
        "<pending>"
    );
    let addresses = json!([{"ip": "1.1.1.1"}, {"ip": "1.1.1.2"}]);
    assert_eq!(
        cells(
            "",
            "Endpoints",
            json!({"metadata": {}, "subsets": [{"addresses": addresses, "ports": [{"port": 1}, {"port": 2}]}]})
        ),
        json!(["n", "1.1.1.1:1,1.1.1.1:2,1.1.1.2:1 + 1 more...", "5m3s"])
    );
    assert_eq!(cells("", "Endpoints", json!({"metadata": {}}))[1], "<none>");
    assert_eq!(
        cells(
            "discovery.k8s.io",
            "EndpointSlice",
            json!({"metadata": {}, "addressType": "IPv4", "ports": [{"port": 5432}],
            "endpoints": [{"addresses": ["1.1.1.1"]}]})
        ),
        json!(["n", "IPv4", "5432", "1.1.1.1", "5m3s"])
    );
}

#[test]
fn storage_shows_what_is_bound() {
    let claim = json!({"metadata": {}, "spec": {"volumeName": "v", "storageClassName": "local", "volumeMode": "Filesystem"},
        "status": {"phase": "Bound", "capacity": {"storage": "5Gi"}, "accessModes": ["ReadWriteOnce"]}});
    assert_eq!(
        cells("", "PersistentVolumeClaim", claim),
        json!([
            "n",
            "Bound",
            "v",
            "5Gi",
            "RWO",
            "local",
            "<unset>",
            "5m3s",
            "Filesystem"
        ])
    );
    let volume = json!({"metadata": {}, "spec": {"capacity": {"storage": "5Gi"}, "accessModes": ["ReadWriteMany", "ReadWriteOnce"],
        "persistentVolumeReclaimPolicy": "Delete", "claimRef": {"namespace": "d", "name": "c"}, "storageClassName": "local"},
        "status": {"phase": "Bound"}});
    assert_eq!(
        cells("", "PersistentVolume", volume),
        json!([
            "n", "5Gi", "RWO,RWX", "Delete", "Bound", "d/c", "local", "<unset>", "", "5m3s",
            "<unset>"
        ])
    );
    let class = json!({"metadata": {"annotations": {"storageclass.kubernetes.io/is-default-class": "true"}}, "provisioner": "p"});
    assert_eq!(
        cells("storage.k8s.io", "StorageClass", class),
        json!(["n (default)", "p", "Delete", "Immediate", false, "5m3s"])
    );
}

#[expect(clippy::too_many_lines, reason = "one case for each kind")]
#[test]
fn other_kinds_show_their_columns() {
    let event = json!({"metadata": {}, "type": "Normal", "reason": "Killing", "message": " Stopping container p\n", "count": 3,
        "firstTimestamp": ago(64), "lastTimestamp": ago(4), "involvedObject": {"kind": "Pod", "name": "t", "fieldPath": "spec.containers{p}"},
        "source": {"component": "kubelet", "host": "vm"}});
    assert_eq!(
        cells("", "Event", event),
        json!([
            "4s",
            "Normal",
            "Killing",
            "pod/t",
            "spec.containers{p}",
            "kubelet, vm",
            "Stopping container p",
            "64s",
            3,
            "n"
        ])
    );
    let new_event = json!({"metadata": {}, "type": "Warning", "reason": "R", "note": "m", "eventTime": ago(5), "regarding": {"kind": "Pod", "name": "t"},
        "reportingController": "c", "reportingInstance": "i"});
    assert_eq!(
        cells("events.k8s.io", "Event", new_event),
        json!(["5s", "Warning", "R", "pod/t", "", "c, i", "m", "5s", 1, "n"])
    );
    let node = json!({"metadata": {"labels": {"node-role.kubernetes.io/control-plane": ""}}, "status": {
        "conditions": [{"type": "Ready", "status": "True"}], "nodeInfo": {"kubeletVersion": "v1.36.2", "osImage": "Debian"},
        "addresses": [{"type": "InternalIP", "address": "1.2.3.4"}]}});
    assert_eq!(
        cells("", "Node", node),
        json!([
            "n",
            "Ready",
            "control-plane",
            "5m3s",
            "v1.36.2",
            "1.2.3.4",
            "<none>",
            "Debian",
            "<unknown>",
            "<unknown>"
        ])
    );
    assert_eq!(
        cells(
            "",
            "Secret",
            json!({"metadata": {}, "type": "Opaque", "data": {"a": ""}})
        ),
        json!(["n", "Opaque", 1, "5m3s"])
    );
    assert_eq!(
        cells(
            "",
            "Namespace",
            json!({"metadata": {}, "status": {"phase": "Active"}})
        ),
        json!(["n", "Active", "5m3s"])
    );
    assert_eq!(
        cells("", "ServiceAccount", json!({"metadata": {}})),
        json!(["n", 0, "5m3s"])
    );
    assert_eq!(
        cells(
            "coordination.k8s.io",
            "Lease",
            json!({"metadata": {}, "spec": {"holderIdentity": "h"}})
        ),
        json!(["n", "h", "5m3s"])
    );
    assert_eq!(
        cells(
            "policy",
            "PodDisruptionBudget",
            json!({"metadata": {}, "spec": {"minAvailable": 1}, "status": {"disruptionsAllowed": 2}})
        ),
        json!(["n", "1", "N/A", 2, "5m3s"])
    );
    let binding = json!({"metadata": {}, "roleRef": {"kind": "Role", "name": "r"}, "subjects": [
        {"kind": "ServiceAccount", "namespace": "d", "name": "s"}, {"kind": "User", "name": "u"}]});
    assert_eq!(
        cells("rbac.authorization.k8s.io", "RoleBinding", binding),
        json!(["n", "Role/r", "5m3s", "u", "", "d/s"])
    );
}
