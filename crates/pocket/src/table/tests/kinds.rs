//! The columns of other built-in kinds.

use pretty_assertions::assert_eq;
use serde_json::{Value, json};

use super::{ago, cells};

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

#[test]
fn events_of_both_groups_show_the_same() {
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
}

#[test]
fn a_node_shows_its_status_and_roles() {
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
}

#[test]
fn small_kinds_show_their_columns() {
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
        json!(["n", "5m3s"])
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
            "networking.k8s.io",
            "NetworkPolicy",
            json!({"metadata": {}, "spec": {"podSelector": {"matchLabels": {"b": "2", "a": "1"}}}})
        ),
        json!(["n", "a=1,b=2", "5m3s"])
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
