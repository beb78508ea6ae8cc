//! Values that a Pod asks about itself: `fieldRef` and `resourceFieldRef`.

use std::collections::BTreeMap;

use howdah_types::Quantity;
use k8s_openapi::api::core::v1::{Container, Pod, ResourceFieldSelector};
use kube::ResourceExt;

use super::{PodFacts, Problem};

/// The value of a `fieldRef`.
pub(crate) fn field(facts: &PodFacts<'_>, path: &str) -> Result<String, Problem> {
    let pod = facts.pod;
    let value = match path {
        "metadata.name" => pod.name_any(),
        "metadata.namespace" => pod.namespace().unwrap_or_default(),
        "metadata.uid" => pod.uid().unwrap_or_default(),
        "metadata.labels" => lines(pod.labels()),
        "metadata.annotations" => lines(pod.annotations()),
        "spec.nodeName" => facts.node.name.clone(),
        "spec.serviceAccountName" => service_account(pod).to_owned(),
        "status.hostIP" | "status.hostIPs" => facts.node.address.to_string(),
        "status.podIP" | "status.podIPs" => facts.ip.to_string(),
        other => subscript(pod, other)
            .ok_or_else(|| Problem::config(format!("unsupported fieldPath: {other}")))?,
    };
    Ok(value)
}

/// The ServiceAccount that a Pod runs as.
pub(crate) fn service_account(pod: &Pod) -> &str {
    let spec = super::spec(pod);
    let named = spec.service_account_name.as_deref();
    named.filter(|name| !name.is_empty()).unwrap_or("default")
}

/// `metadata.labels['key']` and `metadata.annotations['key']`; a missing key gives the empty text.
fn subscript(pod: &Pod, path: &str) -> Option<String> {
    let (map, key) = path.strip_suffix("']")?.split_once("['")?;
    let map = match map {
        "metadata.labels" => pod.labels(),
        "metadata.annotations" => pod.annotations(),
        _ => return None,
    };
    Some(map.get(key).cloned().unwrap_or_default())
}

fn lines(map: &BTreeMap<String, String>) -> String {
    let lines: Vec<_> = map
        .iter()
        .map(|(key, value)| format!("{key}={value:?}"))
        .collect();
    lines.join("\n")
}

/// The value of a `resourceFieldRef`; what a container does not limit is what the node has.
pub(crate) fn resource(
    facts: &PodFacts<'_>,
    own: &str,
    selector: &ResourceFieldSelector,
) -> Result<String, Problem> {
    let name = selector.container_name.as_deref().unwrap_or(own);
    let spec = facts.spec();
    let container = spec
        .containers
        .iter()
        .chain(spec.init_containers.iter().flatten())
        .find(|container| container.name == name)
        .ok_or_else(|| Problem::config(format!("container {name} not found")))?;
    let thousandths = amount(facts, container, &selector.resource)?;
    let divisor = match &selector.divisor {
        Some(text) if text.0 != "0" => parse(&text.0)?,
        _ => Quantity::whole(1),
    };
    Ok(thousandths
        .div_ceil(divisor.thousandths().max(1))
        .to_string())
}

fn amount(facts: &PodFacts<'_>, container: &Container, resource: &str) -> Result<u64, Problem> {
    let unsupported = || Problem::config(format!("unsupported container resource : {resource}"));
    let (kind, what) = resource.split_once('.').ok_or_else(unsupported)?;
    let resources = container.resources.as_ref();
    let of_node = match what {
        "cpu" => facts.node.cpu_thousandths,
        "memory" => facts.node.memory_bytes.saturating_mul(1000),
        "ephemeral-storage" => 0,
        _ => return Err(unsupported()),
    };
    let (found, default) = match kind {
        "limits" => (resources.and_then(|all| all.limits.as_ref()), of_node),
        "requests" => (resources.and_then(|all| all.requests.as_ref()), 0),
        _ => return Err(unsupported()),
    };
    match found.and_then(|map| map.get(what)) {
        Some(text) => Ok(parse(&text.0)?.thousandths()),
        None => Ok(default),
    }
}

fn parse(text: &str) -> Result<Quantity, Problem> {
    text.parse::<Quantity>()
        .map_err(|error| Problem::config(error.to_string()))
}
