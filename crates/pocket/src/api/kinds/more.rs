//! What is wrong with objects of kinds whose checks are a few lines each; words and order are those of a real server.

use serde_json::{Value, json};

use super::quantity;
use super::words::one_of;
use crate::api::object;
use crate::api::status::Cause;

/// Secret types with the entries that they have to have.
const TYPED: [(&str, &[&str]); 4] = [
    ("kubernetes.io/tls", &["tls.crt", "tls.key"]),
    ("kubernetes.io/dockerconfigjson", &[".dockerconfigjson"]),
    ("kubernetes.io/dockercfg", &[".dockercfg"]),
    ("kubernetes.io/ssh-auth", &["ssh-privatekey"]),
];
const ACCESS_MODES: [&str; 4] = [
    "ReadOnlyMany",
    "ReadWriteMany",
    "ReadWriteOnce",
    "ReadWriteOncePod",
];

pub(super) fn secret(secret: &Value, causes: &mut Vec<Cause>) {
    let kind = object::text(secret, &["type"]);
    let missing = |key: &str| secret["data"].get(key).is_none();
    let require = |key: &&str| Cause::required(format!("data[{key}]"), "");
    if let Some((_, keys)) = TYPED.iter().find(|(name, _)| *name == kind) {
        causes.extend(keys.iter().filter(|key| missing(key)).map(require));
    }
    // One of both will do.
    let basic = ["username", "password"];
    if kind == "kubernetes.io/basic-auth" && basic.iter().all(|key| missing(key)) {
        causes.extend(basic.iter().map(require));
    }
}

pub(super) fn claim(claim: &Value, old: Option<&Value>, causes: &mut Vec<Cause>) {
    let spec = &claim["spec"];
    let allowed = || ACCESS_MODES.map(|mode| format!("{mode:?}"));
    for mode in object::list(spec, &["accessModes"]) {
        if !mode
            .as_str()
            .is_some_and(|mode| ACCESS_MODES.contains(&mode))
        {
            causes.push(Cause::unsupported("spec.accessModes", mode, &allowed()));
        }
    }
    let storage = object::at(spec, &["resources", "requests", "storage"]);
    if storage
        .as_str()
        .is_some_and(|size| !quantity::exceeds(size, "0"))
    {
        let detail = "must be greater than zero";
        causes.push(Cause::invalid("spec.resources[storage]", storage, detail));
    }
    let bound = old.is_none_or(|old| object::text(old, &["status", "phase"]) == "Bound");
    if !bound && old.is_some_and(|old| old["spec"]["resources"] != spec["resources"]) {
        causes.push(Cause::forbidden(
            "spec",
            "spec is immutable after creation except resources.requests and \
             volumeAttributesClassName for bound claims\n",
        ));
    }
}

/// The rules of a role; those of a namespace say nothing about paths.
pub(super) fn role(role: &Value, namespaced: bool, causes: &mut Vec<Cause>) {
    for (at, rule) in object::list(role, &["rules"]).iter().enumerate() {
        let field = |name: &str| format!("rules[{at}].{name}");
        let empty = |name: &str| object::list(rule, &[name]).is_empty();
        if empty("verbs") {
            let detail = "verbs must contain at least one value";
            causes.push(Cause::required(field("verbs"), detail));
        }
        if !empty("nonResourceURLs") {
            if namespaced {
                let detail = "namespaced rules cannot apply to non-resource URLs";
                let paths = &rule["nonResourceURLs"];
                causes.push(Cause::invalid(field("nonResourceURLs"), paths, detail));
            }
            continue;
        }
        if empty("apiGroups") {
            let detail = "resource rules must supply at least one api group";
            causes.push(Cause::required(field("apiGroups"), detail));
        }
        if empty("resources") {
            let detail = "resource rules must supply at least one resource";
            causes.push(Cause::required(field("resources"), detail));
        }
    }
}

/// The parties of a binding.
pub(super) fn binding(binding: &Value, namespaced: bool, causes: &mut Vec<Cause>) {
    let roles: &[&str] = if namespaced {
        &["Role", "ClusterRole"]
    } else {
        &["ClusterRole"]
    };
    let unnamed = json!({"kind": ""});
    let role = match &binding["roleRef"]["kind"] {
        Value::String(_) => &binding["roleRef"],
        _ => &unnamed,
    };
    one_of(role, "kind", "roleRef.kind", roles, causes);
    for (at, subject) in object::list(binding, &["subjects"]).iter().enumerate() {
        let field = format!("subjects[{at}].kind");
        let subjects = ["ServiceAccount", "User", "Group"];
        one_of(subject, "kind", &field, &subjects, causes);
    }
}

pub(super) fn lease(lease: &Value, causes: &mut Vec<Cause>) {
    let seconds = &lease["spec"]["leaseDurationSeconds"];
    if seconds.as_i64().is_some_and(|number| number <= 0) {
        let field = "spec.leaseDurationSeconds";
        causes.push(Cause::invalid(field, seconds, "must be greater than 0"));
    }
}

pub(super) fn budget(budget: &Value, causes: &mut Vec<Cause>) {
    let spec = &budget["spec"];
    if !spec["minAvailable"].is_null() && !spec["maxUnavailable"].is_null() {
        let detail = "minAvailable and maxUnavailable cannot be both set";
        causes.push(Cause::invalid("spec", spec, detail));
    }
}

/// What is told of an object is told in its namespace, and of the cluster's own in `default`.
pub(super) fn event(event: &Value, causes: &mut Vec<Cause>) {
    let about = &event["involvedObject"]["namespace"];
    let named = about.as_str().filter(|name| !name.is_empty());
    if named.is_some_and(|name| name != object::meta(event, "namespace")) {
        let field = "involvedObject.namespace";
        let detail = "does not match event.namespace";
        causes.push(Cause::invalid(field, about, detail));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(check: impl FnOnce(&mut Vec<Cause>)) -> Vec<String> {
        let mut causes = Vec::new();
        check(&mut causes);
        let text = |cause: Cause| format!("{}: {}", cause.field, cause.message);
        causes.into_iter().map(text).collect()
    }

    #[test]
    fn secrets_have_the_entries_of_their_type() {
        let tls = json!({"type": "kubernetes.io/tls", "data": {"tls.crt": ""}});
        assert_eq!(
            told(|causes| secret(&tls, causes)),
            ["data[tls.key]: Required value"]
        );
        let basic = json!({"type": "kubernetes.io/basic-auth", "data": {"username": ""}});
        assert!(told(|causes| secret(&basic, causes)).is_empty());
    }

    #[test]
    fn a_claim_grows_only_when_it_is_bound() {
        let of = |size: &str, phase: &str| {
            json!({"spec": {"accessModes": ["ReadWriteOnce"],
            "resources": {"requests": {"storage": size}}}, "status": {"phase": phase}})
        };
        let change = |old: &Value| told(|causes| claim(&of("2Gi", ""), Some(old), causes)).len();
        assert_eq!(change(&of("1Gi", "Pending")), 1);
        assert_eq!(change(&of("1Gi", "Bound")), 0);
        assert_eq!(
            told(|causes| claim(&of("-1Gi", ""), None, causes)),
            ["spec.resources[storage]: Invalid value: \"-1Gi\": must be greater than zero"]
        );
    }

    #[test]
    fn rules_are_about_something() {
        let rules = json!({"rules": [{"verbs": ["get"], "resources": ["pods"]}, {"nonResourceURLs": ["/x"], "verbs": ["get"]}]});
        assert_eq!(told(|causes| role(&rules, true, causes)).len(), 2);
        assert_eq!(told(|causes| role(&rules, false, causes)).len(), 1);
        let none = json!({"roleRef": {}, "subjects": [{"kind": "Nope"}]});
        assert_eq!(
            told(|causes| binding(&none, true, causes)),
            [
                "roleRef.kind: Unsupported value: \"\": supported values: \"Role\", \"ClusterRole\"",
                "subjects[0].kind: Unsupported value: \"Nope\": supported values: \"ServiceAccount\", \"User\", \"Group\"",
            ]
        );
    }
}
