//! What is wrong with a Pod, or with changing one into it.
//!
//! The checks that people's manifests run into; what only the kubelet would refuse is left to the node. Order and
//! words are those of a real server.

use serde_json::{Value, json};

use super::super::quantity;
use super::super::words::{PORTS, between, duplicate, label, one_of, port_name};
use crate::api::object;
use crate::api::status::Cause;

const RESTART_POLICIES: [&str; 3] = ["Always", "OnFailure", "Never"];
const PULL_POLICIES: [&str; 3] = ["Always", "IfNotPresent", "Never"];
const DNS_POLICIES: [&str; 4] = ["ClusterFirstWithHostNet", "ClusterFirst", "Default", "None"];

/// What is wrong with a Pod, or with changing `old` into it.
pub(crate) fn validate(pod: &Value, old: Option<&Value>, causes: &mut Vec<Cause>) {
    volumes(pod, causes);
    containers(pod, causes);
    let spec = &pod["spec"];
    one_of(
        spec,
        "restartPolicy",
        "spec.restartPolicy",
        &RESTART_POLICIES,
        causes,
    );
    one_of(spec, "dnsPolicy", "spec.dnsPolicy", &DNS_POLICIES, causes);
    if let Some(seconds) = spec["activeDeadlineSeconds"].as_i64() {
        let range = 1..=i64::from(i32::MAX);
        between(seconds, range, "spec.activeDeadlineSeconds", causes);
    }
    if let Some(old) = old {
        changes(pod, old, causes);
    }
}

fn volumes(pod: &Value, causes: &mut Vec<Cause>) {
    let volumes = object::list(pod, &["spec", "volumes"]);
    for (at, volume) in volumes.iter().enumerate() {
        let field = format!("spec.volumes[{at}]");
        let sources = volume.as_object().into_iter().flatten();
        let mut sources = sources.filter(|(key, value)| *key != "name" && !value.is_null());
        sources.next();
        for (source, _) in sources {
            let detail = "may not specify more than 1 volume type";
            causes.push(Cause::forbidden(format!("{field}.{source}"), detail));
        }
        label(volume, &format!("{field}.name"), causes);
        let earlier = &volumes[..at];
        if earlier.iter().any(|one| one["name"] == volume["name"]) {
            causes.push(duplicate(format!("{field}.name"), &volume["name"]));
        }
    }
}

fn containers(pod: &Value, causes: &mut Vec<Cause>) {
    let main = object::list(pod, &["spec", "containers"]);
    if main.is_empty() {
        causes.push(Cause::required("spec.containers", ""));
    }
    for (at, one) in main.iter().enumerate() {
        let field = format!("spec.containers[{at}]");
        container(pod, one, &field, causes);
        if main[..at].iter().any(|other| other["name"] == one["name"]) {
            causes.push(duplicate(format!("{field}.name"), &one["name"]));
        }
    }
    let first = object::list(pod, &["spec", "initContainers"]);
    for (at, one) in first.iter().enumerate() {
        let field = format!("spec.initContainers[{at}]");
        container(pod, one, &field, causes);
        let mut others = main.iter().chain(&first[..at]);
        if others.any(|other| other["name"] == one["name"]) {
            causes.push(duplicate(format!("{field}.name"), &one["name"]));
        }
    }
}

fn container(pod: &Value, one: &Value, field: &str, causes: &mut Vec<Cause>) {
    label(one, &format!("{field}.name"), causes);
    if object::text(one, &["image"]).is_empty() {
        causes.push(Cause::required(format!("{field}.image"), ""));
    }
    let pulling = format!("{field}.imagePullPolicy");
    one_of(one, "imagePullPolicy", &pulling, &PULL_POLICIES, causes);
    for (at, port) in object::list(one, &["ports"]).iter().enumerate() {
        container_port(port, &format!("{field}.ports[{at}]"), causes);
    }
    for (at, env) in object::list(one, &["env"]).iter().enumerate() {
        variable(env, &format!("{field}.env[{at}].name"), causes);
    }
    mounts(pod, one, field, causes);
    for name in ["livenessProbe", "readinessProbe", "startupProbe"] {
        if one[name].is_object() {
            probe(&one[name], &format!("{field}.{name}"), causes);
        }
    }
    requests(one, field, causes);
}

fn container_port(port: &Value, field: &str, causes: &mut Vec<Cause>) {
    port_name(
        object::text(port, &["name"]),
        &format!("{field}.name"),
        causes,
    );
    match port["containerPort"].as_i64() {
        Some(number) => between(number, PORTS, &format!("{field}.containerPort"), causes),
        None => causes.push(Cause::required(format!("{field}.containerPort"), "")),
    }
}

fn variable(env: &Value, field: &str, causes: &mut Vec<Cause>) {
    let name = object::text(env, &["name"]);
    if name.is_empty() {
        causes.push(Cause::required(field, ""));
    } else if !name
        .bytes()
        .all(|byte| matches!(byte, b' '..=b'~') && byte != b'=')
    {
        let detail = "a valid environment variable name must consist only of printable ASCII characters other than '='";
        causes.push(Cause::invalid(field, &json!(name), detail));
    }
}

fn mounts(pod: &Value, container: &Value, field: &str, causes: &mut Vec<Cause>) {
    let volumes = object::list(pod, &["spec", "volumes"]);
    let mounts = object::list(container, &["volumeMounts"]);
    for (at, mount) in mounts.iter().enumerate() {
        let field = format!("{field}.volumeMounts[{at}]");
        if !volumes.iter().any(|volume| volume["name"] == mount["name"]) {
            causes.push(Cause {
                reason: "FieldValueNotFound",
                message: format!("Not found: {}", mount["name"]),
                field: format!("{field}.name"),
            });
        }
        let path = &mount["mountPath"];
        if mounts[..at].iter().any(|other| other["mountPath"] == *path) {
            let detail = "must be unique";
            causes.push(Cause::invalid(format!("{field}.mountPath"), path, detail));
        }
    }
}

fn probe(probe: &Value, field: &str, causes: &mut Vec<Cause>) {
    let handlers = ["exec", "httpGet", "tcpSocket", "grpc"];
    if !handlers.iter().any(|handler| probe[handler].is_object()) {
        causes.push(Cause::required(field, "must specify a handler type"));
    }
    for handler in ["httpGet", "tcpSocket", "grpc"] {
        if let Some(port) = probe[handler]["port"].as_i64() {
            between(port, PORTS, &format!("{field}.{handler}.port"), causes);
        }
    }
    for name in [
        "initialDelaySeconds",
        "timeoutSeconds",
        "periodSeconds",
        "successThreshold",
        "failureThreshold",
    ] {
        if probe[name].as_i64().is_some_and(|number| number < 0) {
            let detail = "must be greater than or equal to 0";
            causes.push(Cause::invalid(
                format!("{field}.{name}"),
                &probe[name],
                detail,
            ));
        }
    }
}

fn requests(container: &Value, field: &str, causes: &mut Vec<Cause>) {
    let resources = &container["resources"];
    let asked = resources["requests"].as_object().into_iter().flatten();
    for (name, request) in asked {
        let limit = &resources["limits"][name];
        if let (Some(asked), Some(most)) = (request.as_str(), limit.as_str())
            && quantity::exceeds(asked, most)
        {
            let detail = format!("must be less than or equal to {name} limit of {most}");
            let field = format!("{field}.resources.requests");
            causes.push(Cause::invalid(field, request, &detail));
        }
    }
}

fn changes(pod: &Value, old: &Value, causes: &mut Vec<Cause>) {
    let unplaced = object::text(old, &["spec", "nodeName"]).is_empty();
    if frozen(&old["spec"], unplaced) != frozen(&pod["spec"], unplaced) {
        causes.push(Cause::forbidden(
            "spec",
            "pod updates may not change fields other than `spec.containers[*].image`,\
             `spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` \
             (only additions to existing tolerations),`spec.terminationGracePeriodSeconds` \
             (allow it to be set to 1 if it was previously negative)\n",
        ));
    }
}

/// A Pod spec without what an update may change: its node, too, as long as it has none.
fn frozen(spec: &Value, unplaced: bool) -> Value {
    let mut spec = spec.clone();
    let Some(members) = spec.as_object_mut() else {
        return spec;
    };
    members.remove("activeDeadlineSeconds");
    members.remove("tolerations");
    for list in ["containers", "initContainers"] {
        let list = members.get_mut(list).and_then(Value::as_array_mut);
        for one in list.into_iter().flatten() {
            object::members(one).remove("image");
        }
    }
    if unplaced {
        members.remove("nodeName");
    }
    spec
}
