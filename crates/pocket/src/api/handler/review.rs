//! Kinds that are questions: may I, may he, who am I, who bears this token.

use axum::body::Body;
use axum::response::Response;
use http::{HeaderMap, Request, StatusCode};
use serde_json::{Value, json};

use super::call::Call;
use super::{admit, present, token, write};
use crate::api::auth::{AUTHENTICATED, Asked, Identity, allowed, held};
use crate::api::status::{Cause, Failure};
use crate::api::{body, object};

/// Answers a review.
pub(super) async fn answer(call: &Call<'_>, request: Request<Body>) -> Result<Response, Failure> {
    let (parts, sent) = request.into_parts();
    let sent = body::read(sent).await?;
    let (mut review, _) = body::object(&parts.headers, &sent, &call.resource)?;
    if call.resource.kind == "SelfSubjectReview" {
        review["metadata"] = json!({"creationTimestamp": call.timestamp()});
    } else {
        write::record(call, None, &mut review);
    }
    let mut review = admit::question(call, review).await?;
    review["status"] = status(call, &review)?;
    Ok(present::raw(call, StatusCode::CREATED, review.to_string()))
}

fn status(call: &Call<'_>, review: &Value) -> Result<Value, Failure> {
    let spec = &review["spec"];
    match call.resource.kind.as_str() {
        "SelfSubjectReview" => Ok(json!({"userInfo": call.identity.user_info()})),
        "TokenReview" => tokens(call, spec),
        "SelfSubjectRulesReview" => rules(call, spec),
        "SelfSubjectAccessReview" => {
            check(call, spec, Vec::new())?;
            Ok(json!({"allowed": may(call, &call.identity, spec)}))
        }
        _ => {
            check(call, spec, subject_problems(call, spec))?;
            Ok(json!({"allowed": may(call, &subject(spec), spec)}))
        }
    }
}

/// Exactly one thing has to be asked about.
fn check(call: &Call<'_>, spec: &Value, mut causes: Vec<Cause>) -> Result<(), Failure> {
    let (resource, path) = (&spec["resourceAttributes"], &spec["nonResourceAttributes"]);
    if resource.is_object() && path.is_object() {
        let detail = "cannot be specified in combination with resourceAttributes";
        causes.push(Cause::invalid("spec.nonResourceAttributes", path, detail));
    }
    if !resource.is_object() && !path.is_object() {
        let detail = "exactly one of nonResourceAttributes or resourceAttributes must be specified";
        causes.push(Cause::invalid("spec.resourceAttributes", resource, detail));
    }
    if causes.is_empty() {
        return Ok(());
    }
    Err(Failure::invalid(&call.resource, "", causes))
}

fn subject_problems(call: &Call<'_>, spec: &Value) -> Vec<Cause> {
    let mut causes = Vec::new();
    let user = object::text(spec, &["user"]);
    if user.is_empty() && object::list(spec, &["groups"]).is_empty() {
        let detail = "at least one of user or group must be specified";
        causes.push(Cause::invalid("spec.user", &Value::from(user), detail));
    }
    if call.resource.kind == "LocalSubjectAccessReview" {
        let namespace = object::text(spec, &["resourceAttributes", "namespace"]);
        if namespace != call.namespace() {
            let field = "spec.resourceAttributes.namespace";
            let detail = "must match metadata.namespace";
            causes.push(Cause::invalid(field, &Value::from(namespace), detail));
        }
        if spec["nonResourceAttributes"].is_object() {
            let field = "spec.nonResourceAttributes";
            let detail = "disallowed on this kind of request";
            causes.push(Cause::invalid(
                field,
                &spec["nonResourceAttributes"],
                detail,
            ));
        }
    }
    causes
}

/// Somebody as a review describes him; nothing is added to his groups.
fn subject(spec: &Value) -> Identity {
    let groups = object::list(spec, &["groups"])
        .iter()
        .filter_map(Value::as_str);
    let groups: Vec<&str> = groups.collect();
    let mut identity = Identity::new(object::text(spec, &["user"]), &groups);
    if !groups.contains(&AUTHENTICATED) {
        identity.groups.retain(|group| group != AUTHENTICATED);
    }
    identity
}

fn may(call: &Call<'_>, identity: &Identity, spec: &Value) -> bool {
    let paths = &spec["nonResourceAttributes"];
    let asked = if paths.is_object() {
        Asked {
            verb: object::text(paths, &["verb"]),
            path: object::text(paths, &["path"]),
            ..Asked::default()
        }
    } else {
        let text = |field: &str| object::text(&spec["resourceAttributes"], &[field]);
        Asked {
            verb: text("verb"),
            group: text("group"),
            resource: text("resource"),
            subresource: text("subresource"),
            namespace: text("namespace"),
            name: text("name"),
            path: "",
        }
    };
    allowed(call.store(), identity, &asked)
}

/// All that the asking user may do in a namespace.
fn rules(call: &Call<'_>, spec: &Value) -> Result<Value, Failure> {
    let namespace = object::text(spec, &["namespace"]);
    if namespace.is_empty() {
        return Err(Failure::bad_request("no namespace on request"));
    }
    let (paths, resources): (Vec<Value>, Vec<Value>) =
        held(call.store(), &call.identity, namespace)
            .into_iter()
            .partition(|rule| rule["nonResourceURLs"].is_array());
    let mut resources: Vec<Value> = resources
        .into_iter()
        .map(|rule| only(&rule, &["verbs", "apiGroups", "resources", "resourceNames"]))
        .collect();
    resources.push(
        json!({"verbs": ["create"], "apiGroups": ["authorization.k8s.io"],
        "resources": ["selfsubjectaccessreviews", "selfsubjectrulesreviews"]}),
    );
    resources.push(
        json!({"verbs": ["create"], "apiGroups": ["authentication.k8s.io"],
        "resources": ["selfsubjectreviews"]}),
    );
    let mut paths: Vec<Value> = paths
        .iter()
        .map(|rule| only(rule, &["verbs", "nonResourceURLs"]))
        .collect();
    paths.push(
        json!({"verbs": ["get"], "nonResourceURLs": ["/api", "/api/*", "/apis", "/apis/*",
        "/healthz", "/livez", "/openapi", "/openapi/*", "/readyz", "/version", "/version/"]}),
    );
    Ok(json!({"resourceRules": resources, "nonResourceRules": paths, "incomplete": false}))
}

fn only(rule: &Value, fields: &[&str]) -> Value {
    let members = fields.iter().filter_map(|field| {
        let value = rule.get(*field)?;
        Some(((*field).to_owned(), value.clone()))
    });
    Value::Object(members.collect())
}

/// Whose token it is, if it is one for the audiences that were asked about.
fn tokens(call: &Call<'_>, spec: &Value) -> Result<Value, Failure> {
    let text = object::text(spec, &["token"]);
    if text.is_empty() {
        return Err(Failure::bad_request(
            "token is required for TokenReview in authentication",
        ));
    }
    let audiences = object::list(spec, &["audiences"])
        .iter()
        .filter_map(Value::as_str);
    let audiences: Vec<&str> = audiences.collect();
    Ok(match token::identity(call.server, text, &audiences) {
        Some((identity, audiences)) => json!({"authenticated": true,
            "user": identity.user_info(), "audiences": audiences}),
        None => {
            let error = "[invalid bearer token, token lookup failed]";
            json!({"user": {}, "error": error})
        }
    })
}

/// The identity of whoever sent these headers.
pub(super) fn bearer(server: &crate::api::ApiServer, headers: &HeaderMap) -> Option<Identity> {
    let header = headers.get(http::header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = header.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("bearer") {
        return None;
    }
    token::identity(server, token.trim(), &[]).map(|(identity, _)| identity)
}
