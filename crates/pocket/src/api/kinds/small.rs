//! Kinds whose rules are a few lines each.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::quantity;
use crate::api::object::{self, default_to};
use crate::api::status::{Cause, Failure};

/// Keeps a claim while a Pod uses it.
pub(crate) const CLAIM_FINALIZER: &str = "kubernetes.io/pvc-protection";

/// Secrets: plain text becomes data, data must be base64.
pub(super) fn default_secret(secret: &mut Value) -> Result<(), Failure> {
    let members = object::members(secret);
    default_to(members, "type", "Opaque");
    if let Some(Value::Object(plain)) = members.remove("stringData") {
        let data = object::members(members.entry("data").or_insert_with(|| json!({})));
        for (key, value) in plain {
            let text = value.as_str().unwrap_or_default();
            data.insert(key, STANDARD.encode(text).into());
        }
    }
    for value in members
        .get("data")
        .and_then(Value::as_object)
        .into_iter()
        .flat_map(|d| d.values())
    {
        let text = value.as_str().unwrap_or_default();
        if let Err(error) = STANDARD.decode(text) {
            let at = match error {
                base64::DecodeError::InvalidByte(at, _)
                | base64::DecodeError::InvalidLastSymbol(at, _) => at,
                _ => text.len(),
            };
            return Err(Failure::bad_request(format!(
                "Secret in version \"v1\" cannot be handled as a Secret: illegal base64 data at \
                 input byte {at}"
            )));
        }
    }
    Ok(())
}

pub(super) fn default_endpoints(endpoints: &mut Value) {
    for subset in endpoints["subsets"].as_array_mut().into_iter().flatten() {
        for port in subset["ports"].as_array_mut().into_iter().flatten() {
            default_to(object::members(port), "protocol", "TCP");
        }
    }
}

pub(super) fn default_endpoint_slice(slice: &mut Value) {
    for port in slice["ports"].as_array_mut().into_iter().flatten() {
        let port = object::members(port);
        default_to(port, "protocol", "TCP");
        default_to(port, "name", "");
    }
}

/// What is not limited by words is: `Ingress` always, `Egress` where there are rules for it.
pub(super) fn default_network_policy(policy: &mut Value) {
    for direction in ["ingress", "egress"] {
        let rules = policy.pointer_mut(&format!("/spec/{direction}"));
        let rules = rules.and_then(Value::as_array_mut).into_iter().flatten();
        let ports = rules.filter_map(|rule| rule.get_mut("ports")?.as_array_mut());
        for port in ports.flatten() {
            default_to(object::members(port), "protocol", "TCP");
        }
    }
    let egress = policy.pointer("/spec/egress").and_then(Value::as_array);
    let types = if egress.is_some_and(|rules| !rules.is_empty()) {
        json!(["Ingress", "Egress"])
    } else {
        json!(["Ingress"])
    };
    let spec = object::members_mut(policy, "spec");
    default_to(spec, "policyTypes", types);
}

pub(super) fn default_claim(claim: &mut Value) -> Result<(), Failure> {
    for kind in ["limits", "requests"] {
        quantity::rewrite("PersistentVolumeClaim", claim, &["spec", "resources", kind])?;
    }
    let spec = object::members_mut(claim, "spec");
    default_to(spec, "volumeMode", "Filesystem");
    Ok(())
}

pub(super) fn default_volume(volume: &mut Value) -> Result<(), Failure> {
    quantity::rewrite("PersistentVolume", volume, &["spec", "capacity"])?;
    let spec = object::members_mut(volume, "spec");
    default_to(spec, "persistentVolumeReclaimPolicy", "Retain");
    default_to(spec, "volumeMode", "Filesystem");
    Ok(())
}

pub(super) fn default_storage_class(class: &mut Value) {
    let members = object::members(class);
    default_to(members, "reclaimPolicy", "Delete");
    default_to(members, "volumeBindingMode", "Immediate");
}

/// Members of an Event that are always there, even when empty.
pub(super) fn default_event(event: &mut Value) {
    let members = object::members(event);
    for name in ["firstTimestamp", "lastTimestamp", "eventTime"] {
        members.entry(name).or_insert(Value::Null);
    }
    for name in ["reportingComponent", "reportingInstance"] {
        members.entry(name).or_insert_with(|| "".into());
    }
    for name in ["source", "involvedObject"] {
        members.entry(name).or_insert_with(|| json!({}));
    }
}

pub(super) fn default_namespace(namespace: &mut Value) {
    let name = namespace["metadata"]["name"].clone();
    if name.is_string() {
        let metadata = object::metadata_mut(namespace);
        let labels = object::members(metadata.entry("labels").or_insert_with(|| json!({})));
        labels.insert("kubernetes.io/metadata.name".into(), name);
    }
}

pub(super) fn default_binding(binding: &mut Value) {
    const GROUP: &str = "rbac.authorization.k8s.io";
    if binding["roleRef"].is_object() {
        default_to(object::members(&mut binding["roleRef"]), "apiGroup", GROUP);
    }
    for subject in binding["subjects"].as_array_mut().into_iter().flatten() {
        let group = if subject["kind"] == "ServiceAccount" {
            ""
        } else {
            GROUP
        };
        if !group.is_empty() {
            default_to(object::members(subject), "apiGroup", group);
        }
    }
}

/// ConfigMaps and Secrets: keys, size, and immutability.
pub(super) fn validate_data(value: &Value, old: Option<&Value>, causes: &mut Vec<Cause>) {
    const LIMIT: usize = 1 << 20;
    let mut size = 0;
    for part in ["data", "binaryData"] {
        for (key, entry) in value[part].as_object().into_iter().flatten() {
            size += entry.as_str().map_or(0, str::len);
            let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
            if key == "." || key == ".." {
                let detail = format!("must not be '{key}'");
                let field = format!("{part}[{key}]");
                causes.push(Cause::invalid(field, &Value::from(key.as_str()), &detail));
            } else if key.is_empty() || !key.chars().all(fits) {
                let detail = "a valid config key must consist of alphanumeric characters, '-', \
                    '_' or '.' (e.g. 'key.name',  or 'KEY_NAME',  or 'key-name', regex used for \
                    validation is '[-._a-zA-Z0-9]+')";
                causes.push(Cause::invalid(
                    format!("{part}[{key}]"),
                    &Value::from(key.as_str()),
                    detail,
                ));
            }
            if part == "data" && value["binaryData"].get(key).is_some() {
                let detail = "duplicate of key present in binaryData";
                let field = format!("{part}[{key}]");
                causes.push(Cause::invalid(field, &Value::from(key.as_str()), detail));
            }
            if !entry.is_string() {
                let detail = "must be a string";
                causes.push(Cause::invalid(format!("{part}[{key}]"), entry, detail));
            }
        }
    }
    if size > LIMIT {
        causes.push(Cause {
            reason: "FieldValueTooLong",
            message: format!("Too long: may not be more than {LIMIT} bytes"),
            field: String::new(),
        });
    }
    let Some(old) = old else { return };
    if old["immutable"] == true {
        for part in ["data", "binaryData", "immutable"] {
            if old[part] != value[part] {
                causes.push(Cause::forbidden(
                    part,
                    "field is immutable when `immutable` is set",
                ));
            }
        }
    }
    if old["type"] != value["type"] {
        causes.push(Cause::invalid("type", &value["type"], "field is immutable"));
    }
}

/// Claims: what must be there, and that nothing but the size changes.
pub(super) fn validate_claim(claim: &Value, old: Option<&Value>, causes: &mut Vec<Cause>) {
    let spec = &claim["spec"];
    if object::list(spec, &["accessModes"]).is_empty() {
        causes.push(Cause::required(
            "spec.accessModes",
            "at least 1 access mode is required",
        ));
    }
    if object::at(spec, &["resources", "requests", "storage"]).is_null() {
        causes.push(Cause::required("spec.resources[storage]", ""));
    }
    let Some(old) = old else { return };
    let frozen = |spec: &Value| {
        let mut spec = spec.clone();
        let members = object::members(&mut spec);
        for name in ["resources", "volumeName", "storageClassName"] {
            members.remove(name);
        }
        spec
    };
    let rebound = |name: &str| {
        let before = object::text(&old["spec"], &[name]);
        !before.is_empty() && before != object::text(spec, &[name])
    };
    if frozen(&old["spec"]) != frozen(spec) || rebound("volumeName") || rebound("storageClassName")
    {
        causes.push(Cause::forbidden(
            "spec",
            "spec is immutable after creation except resources.requests and \
             volumeAttributesClassName for bound claims\n",
        ));
    }
}

pub(super) fn validate_binding(binding: &Value, old: Option<&Value>, causes: &mut Vec<Cause>) {
    if object::text(binding, &["roleRef", "name"]).is_empty() {
        causes.push(Cause::required("roleRef.name", ""));
    }
    if old.is_some_and(|old| old["roleRef"] != binding["roleRef"]) {
        causes.push(Cause::invalid(
            "roleRef",
            &binding["roleRef"],
            "cannot change roleRef",
        ));
    }
}
