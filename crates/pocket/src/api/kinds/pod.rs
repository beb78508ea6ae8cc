//! Pods: defaults, quality of service, and what the server decides about them.

mod checks;

use serde_json::{Map, Value, json};

use super::quantity;
use crate::api::object::{self, default_to};
use crate::api::status::Failure;

pub(super) use checks::validate;

/// Fills in what a Pod spec may leave out.
pub(super) fn default(pod: &mut Value) -> Result<(), Failure> {
    let spec = object::members_mut(pod, "spec");
    default_to(spec, "restartPolicy", "Always");
    default_to(spec, "dnsPolicy", "ClusterFirst");
    default_to(spec, "terminationGracePeriodSeconds", 30);
    default_to(spec, "schedulerName", "default-scheduler");
    default_to(spec, "enableServiceLinks", true);
    default_to(spec, "securityContext", json!({}));
    // Both spellings mean the same; the old one follows the new.
    if let Some(account) = spec.get("serviceAccountName").cloned() {
        default_to(spec, "serviceAccount", account);
    }
    for list in ["containers", "initContainers"] {
        for one in spec
            .get_mut(list)
            .and_then(Value::as_array_mut)
            .into_iter()
            .flatten()
        {
            for kind in ["limits", "requests"] {
                quantity::rewrite("Pod", one, &["resources", kind])?;
            }
            container(object::members(one));
        }
    }
    for volume in spec
        .get_mut("volumes")
        .and_then(Value::as_array_mut)
        .into_iter()
        .flatten()
    {
        default_volume(object::members(volume));
    }
    Ok(())
}

fn container(container: &mut Map<String, Value>) {
    default_to(container, "resources", json!({}));
    default_to(container, "terminationMessagePath", "/dev/termination-log");
    default_to(container, "terminationMessagePolicy", "File");
    let image = container
        .get("image")
        .and_then(Value::as_str)
        .unwrap_or_default();
    let tag = image
        .rsplit('/')
        .next()
        .and_then(|last| last.split_once(':'))
        .map(|(_, tag)| tag);
    let floating = !image.contains('@') && tag.is_none_or(|tag| tag == "latest");
    default_to(
        container,
        "imagePullPolicy",
        if floating { "Always" } else { "IfNotPresent" },
    );
    for port in container
        .get_mut("ports")
        .and_then(Value::as_array_mut)
        .into_iter()
        .flatten()
    {
        default_to(object::members(port), "protocol", "TCP");
    }
    for env in container
        .get_mut("env")
        .and_then(Value::as_array_mut)
        .into_iter()
        .flatten()
    {
        if let Some(field) = env.pointer_mut("/valueFrom/fieldRef") {
            default_to(object::members(field), "apiVersion", "v1");
        }
    }
    for name in ["livenessProbe", "readinessProbe", "startupProbe"] {
        if let Some(probe) = container.get_mut(name).filter(|probe| probe.is_object()) {
            default_probe(object::members(probe));
        }
    }
    // A limit without a request is a request.
    let limits = object::at(
        container.get("resources").unwrap_or(&Value::Null),
        &["limits"],
    )
    .clone();
    if let Value::Object(limits) = limits
        && let Some(resources) = container.get_mut("resources")
    {
        let requests = object::members_mut(resources, "requests");
        for (name, amount) in limits {
            default_to(requests, &name, amount);
        }
    }
}

fn default_probe(probe: &mut Map<String, Value>) {
    default_to(probe, "timeoutSeconds", 1);
    default_to(probe, "periodSeconds", 10);
    default_to(probe, "successThreshold", 1);
    default_to(probe, "failureThreshold", 3);
    if let Some(get) = probe.get_mut("httpGet").filter(|get| get.is_object()) {
        let get = object::members(get);
        default_to(get, "path", "/");
        default_to(get, "scheme", "HTTP");
    }
}

fn default_volume(volume: &mut Map<String, Value>) {
    for kind in ["secret", "configMap", "downwardAPI", "projected"] {
        if let Some(source) = volume.get_mut(kind).filter(|source| source.is_object()) {
            default_to(object::members(source), "defaultMode", 0o644);
        }
    }
    if let Some(source) = volume
        .get_mut("hostPath")
        .filter(|source| source.is_object())
    {
        default_to(object::members(source), "type", "");
    }
    if volume.len() == 1 {
        volume.insert("emptyDir".into(), json!({}));
    }
    let sources = volume
        .get_mut("projected")
        .and_then(|projected| projected.get_mut("sources"));
    for source in sources.and_then(Value::as_array_mut).into_iter().flatten() {
        if let Some(token) = source
            .get_mut("serviceAccountToken")
            .filter(|token| token.is_object())
        {
            default_to(object::members(token), "expirationSeconds", 3600);
        }
    }
}

/// What the server decides about a new Pod.
pub(super) fn prepare(pod: &mut Value) {
    let spec = object::members_mut(pod, "spec");
    default_to(spec, "serviceAccountName", "default");
    let account = spec["serviceAccountName"].clone();
    default_to(spec, "serviceAccount", account);
    default_to(spec, "priority", 0);
    default_to(spec, "preemptionPolicy", "PreemptLowerPriority");
    let tolerate = |key: &str| json!({"key": key, "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 300});
    let tolerations = spec.entry("tolerations").or_insert_with(|| json!([]));
    if let Some(list) = tolerations.as_array_mut() {
        for key in [
            "node.kubernetes.io/not-ready",
            "node.kubernetes.io/unreachable",
        ] {
            if !list
                .iter()
                .any(|one| one["key"] == key && one["effect"] == "NoExecute")
            {
                list.push(tolerate(key));
            }
        }
    }
    mount_token(spec);
    let class = quality(&pod["spec"]);
    pod["status"] = json!({"phase": "Pending", "qosClass": class});
}

const TOKEN_PATH: &str = "/var/run/secrets/kubernetes.io/serviceaccount";

/// Gives every container the token of the Pod's account, unless the Pod declines.
fn mount_token(spec: &mut Map<String, Value>) {
    if spec.get("automountServiceAccountToken") == Some(&Value::Bool(false)) {
        return;
    }
    let mounted = |one: &Value| {
        object::list(one, &["volumeMounts"])
            .iter()
            .any(|mount| mount["mountPath"] == TOKEN_PATH)
    };
    let containers = spec.get("containers").and_then(Value::as_array);
    if containers.is_none_or(|list| list.is_empty() || list.iter().all(mounted)) {
        return;
    }
    let name = format!("kube-api-access-{}", crate::api::names::suffix());
    let volume = json!({"name": name, "projected": {"defaultMode": 0o644, "sources": [
        {"serviceAccountToken": {"expirationSeconds": 3607, "path": "token"}},
        {"configMap": {"name": "kube-root-ca.crt", "items": [{"key": "ca.crt", "path": "ca.crt"}]}},
        {"downwardAPI": {"items": [{"path": "namespace",
            "fieldRef": {"apiVersion": "v1", "fieldPath": "metadata.namespace"}}]}},
    ]}});
    push(spec, "volumes", volume);
    for list in ["initContainers", "containers"] {
        for one in spec
            .get_mut(list)
            .and_then(Value::as_array_mut)
            .into_iter()
            .flatten()
        {
            if !mounted(one) {
                let mount = json!({"name": name, "readOnly": true, "mountPath": TOKEN_PATH});
                push(object::members(one), "volumeMounts", mount);
            }
        }
    }
}

fn push(map: &mut Map<String, Value>, key: &str, item: Value) {
    if let Some(list) = map.entry(key).or_insert_with(|| json!([])).as_array_mut() {
        list.push(item);
    }
}

/// The quality-of-service class that requests and limits give a Pod.
fn quality(spec: &Value) -> &'static str {
    let containers = || {
        object::list(spec, &["containers"])
            .iter()
            .chain(object::list(spec, &["initContainers"]))
    };
    let amount = |one: &Value, kind: &str, name: &str| one["resources"][kind][name].clone();
    let asks = |one: &Value| {
        ["requests", "limits"].iter().any(|kind| {
            ["cpu", "memory"]
                .iter()
                .any(|name| !amount(one, kind, name).is_null())
        })
    };
    let bound = |one: &Value| {
        ["cpu", "memory"].iter().all(|name| {
            let limit = amount(one, "limits", name);
            !limit.is_null() && limit == amount(one, "requests", name)
        })
    };
    if !containers().any(asks) {
        "BestEffort"
    } else if containers().all(bound) {
        "Guaranteed"
    } else {
        "Burstable"
    }
}
