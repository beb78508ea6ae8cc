//! Configurations of admission webhooks: their defaults and what is wrong with them.

use serde_json::{Value, json};

use crate::api::object::{self, default_to};
use crate::api::status::Cause;

/// Fills in what a webhook may leave out.
pub(super) fn default(configuration: &mut Value, mutating: bool) {
    let Some(webhooks) = configuration["webhooks"].as_array_mut() else {
        return;
    };
    for webhook in webhooks {
        let webhook = object::members(webhook);
        default_to(webhook, "failurePolicy", "Fail");
        default_to(webhook, "matchPolicy", "Equivalent");
        default_to(webhook, "namespaceSelector", json!({}));
        default_to(webhook, "objectSelector", json!({}));
        default_to(webhook, "timeoutSeconds", 10);
        if mutating {
            default_to(webhook, "reinvocationPolicy", "Never");
        }
        let service = webhook.get_mut("clientConfig");
        if let Some(service) = service.and_then(|client| client.get_mut("service")) {
            default_to(object::members(service), "port", 443);
        }
        let rules = webhook.get_mut("rules").and_then(Value::as_array_mut);
        for rule in rules.into_iter().flatten() {
            default_to(object::members(rule), "scope", "*");
        }
    }
}

/// Everything wrong with a configuration.
pub(super) fn validate(configuration: &Value, causes: &mut Vec<Cause>) {
    let webhooks = object::list(configuration, &["webhooks"]);
    for (at, webhook) in webhooks.iter().enumerate() {
        let path = format!("webhooks[{at}]");
        let name = object::text(webhook, &["name"]);
        let earlier = webhooks[..at].iter().any(|other| other["name"] == name);
        if earlier {
            causes.push(Cause {
                reason: "FieldValueDuplicate",
                message: format!("Duplicate value: {}", Value::from(name)),
                field: format!("{path}.name"),
            });
        }
        one(webhook, &path, causes);
    }
}

fn one(webhook: &Value, path: &str, causes: &mut Vec<Cause>) {
    check_name(webhook, path, causes);
    check_client(&webhook["clientConfig"], path, causes);
    check_rules(webhook, path, causes);
    let versions = object::list(webhook, &["admissionReviewVersions"]);
    let field = format!("{path}.admissionReviewVersions");
    if versions.is_empty() {
        let detail = "must specify one of v1, v1beta1";
        causes.push(Cause::required(field, detail));
    } else if !versions.iter().any(|one| one == "v1") {
        let detail = "must include at least one of v1";
        causes.push(Cause::invalid(
            field,
            &webhook["admissionReviewVersions"],
            detail,
        ));
    }
    let words = |name: &str, allowed: &[&str], required: bool, causes: &mut Vec<Cause>| {
        check_word(webhook, path, name, allowed, required, causes);
    };
    words("failurePolicy", &["Fail", "Ignore"], false, causes);
    words("matchPolicy", &["Equivalent", "Exact"], false, causes);
    words("reinvocationPolicy", &["IfNeeded", "Never"], false, causes);
    words("sideEffects", &["None", "NoneOnDryRun"], true, causes);
    let timeout = &webhook["timeoutSeconds"];
    if timeout
        .as_i64()
        .is_some_and(|seconds| !(1..=30).contains(&seconds))
    {
        let detail = "the timeout value must be between 1 and 30 seconds";
        causes.push(Cause::invalid(
            format!("{path}.timeoutSeconds"),
            timeout,
            detail,
        ));
    }
    check_conditions(webhook, path, causes);
}

fn check_name(webhook: &Value, path: &str, causes: &mut Vec<Cause>) {
    let name = object::text(webhook, &["name"]);
    let field = format!("{path}.name");
    if name.is_empty() {
        causes.push(Cause::required(field, ""));
    } else if name.split('.').count() < 3 || name.split('.').any(str::is_empty) {
        let detail = "should be a domain with at least three segments separated by dots";
        causes.push(Cause::invalid(field, &Value::from(name), detail));
    }
}

fn check_client(client: &Value, path: &str, causes: &mut Vec<Cause>) {
    let path = format!("{path}.clientConfig");
    match (client["url"].as_str(), client["service"].is_object()) {
        (Some(url), false) => check_url(url, &format!("{path}.url"), causes),
        (None, true) => check_service(&client["service"], &format!("{path}.service"), causes),
        _ => causes.push(Cause::required(
            path,
            "exactly one of url or service is required",
        )),
    }
}

fn check_url(url: &str, field: &str, causes: &mut Vec<Cause>) {
    let form = "desired format: https://host[/path]";
    let detail = match url.parse::<http::Uri>() {
        Err(_) => format!("url must be a valid URL: {url:?} cannot be parsed; {form}"),
        Ok(uri) if uri.scheme_str() != Some("https") => {
            let scheme = uri.scheme_str().unwrap_or_default();
            format!("'https' is the only allowed URL scheme; {form}; was {scheme:?}")
        }
        Ok(uri) if uri.host().is_none_or(str::is_empty) => {
            format!("host must be specified; {form}")
        }
        Ok(uri)
            if uri
                .authority()
                .is_some_and(|part| part.as_str().contains('@')) =>
        {
            format!("user information is not permitted in the URL; {form}")
        }
        Ok(uri) if uri.query().is_some() => {
            format!("query parameters are not permitted in the URL; {form}")
        }
        Ok(_) => return,
    };
    causes.push(Cause::invalid(field, &Value::from(url), &detail));
}

fn check_service(service: &Value, path: &str, causes: &mut Vec<Cause>) {
    for (member, detail) in [
        ("name", "service name is required"),
        ("namespace", "service namespace is required"),
    ] {
        if object::text(service, &[member]).is_empty() {
            causes.push(Cause::required(format!("{path}.{member}"), detail));
        }
    }
    let port = service["port"].as_i64().unwrap_or(443);
    if !(1..=65_535).contains(&port) {
        let detail = "port is not valid: must be between 1 and 65535, inclusive";
        causes.push(Cause::invalid(format!("{path}.port"), &port.into(), detail));
    }
    let below = object::text(service, &["path"]);
    if !below.is_empty() && (!below.starts_with('/') || below.contains("//")) {
        let detail = "must start with a '/' and hold no empty segment";
        causes.push(Cause::invalid(
            format!("{path}.path"),
            &Value::from(below),
            detail,
        ));
    }
}

fn check_rules(webhook: &Value, path: &str, causes: &mut Vec<Cause>) {
    const OPERATIONS: [&str; 5] = ["*", "CONNECT", "CREATE", "DELETE", "UPDATE"];
    for (at, rule) in object::list(webhook, &["rules"]).iter().enumerate() {
        let path = format!("{path}.rules[{at}]");
        for member in ["operations", "apiGroups", "apiVersions", "resources"] {
            let list = object::list(rule, &[member]);
            let field = format!("{path}.{member}");
            if list.is_empty() {
                causes.push(Cause::required(field, ""));
            } else if member != "resources" && list.len() > 1 && list.iter().any(|one| one == "*") {
                let detail = "if '*' is present, must not specify other values";
                causes.push(Cause::invalid(field, &rule[member], detail));
            }
        }
        for (n, operation) in object::list(rule, &["operations"]).iter().enumerate() {
            if !OPERATIONS.iter().any(|known| operation == known) {
                let field = format!("{path}.operations[{n}]");
                causes.push(Cause::unsupported(field, operation, &quoted(&OPERATIONS)));
            }
        }
        check_word(
            rule,
            &path,
            "scope",
            &["*", "Cluster", "Namespaced"],
            false,
            causes,
        );
    }
}

fn check_conditions(webhook: &Value, path: &str, causes: &mut Vec<Cause>) {
    const MOST: usize = 64;
    let conditions = object::list(webhook, &["matchConditions"]);
    if conditions.len() > MOST {
        causes.push(Cause {
            reason: "FieldValueTooMany",
            message: format!(
                "Too many: {}: must have at most {MOST} items",
                conditions.len()
            ),
            field: format!("{path}.matchConditions"),
        });
    }
    for (at, condition) in conditions.iter().enumerate() {
        let path = format!("{path}.matchConditions[{at}]");
        for member in ["name", "expression"] {
            if object::text(condition, &[member]).trim().is_empty() {
                causes.push(Cause::required(format!("{path}.{member}"), ""));
            }
        }
        let expression = object::text(condition, &["expression"]);
        if !expression.trim().is_empty()
            && let Err(problem) = crate::api::admission::check_condition(expression)
        {
            let detail = format!("compilation failed: {problem}");
            causes.push(Cause::invalid(
                format!("{path}.expression"),
                &Value::from(expression),
                &detail,
            ));
        }
    }
}

fn check_word(
    value: &Value,
    path: &str,
    name: &str,
    allowed: &[&str],
    required: bool,
    causes: &mut Vec<Cause>,
) {
    let field = format!("{path}.{name}");
    match value[name].as_str() {
        Some(word) if allowed.contains(&word) => {}
        Some(word) => causes.push(Cause::unsupported(
            field,
            &Value::from(word),
            &quoted(allowed),
        )),
        None if required => {
            let detail = format!("must specify one of {}", allowed.join(", "));
            causes.push(Cause::required(field, &detail));
        }
        None => {}
    }
}

fn quoted(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| format!("\"{word}\"")).collect()
}
