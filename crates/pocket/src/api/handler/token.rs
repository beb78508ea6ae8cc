//! Making tokens for ServiceAccounts, and knowing who bears one.

use axum::body::Body;
use axum::response::Response;
use http::{Request, StatusCode};
use serde_json::{Value, json};

use super::call::{Call, parse};
use super::{admit, present};
use crate::api::auth::{Bound, Claims, Identity, Reference};
use crate::api::status::{Cause, Failure};
use crate::api::{ApiServer, Time, body, object};
use crate::store::Key;

const ISSUER: &str = "https://kubernetes.default.svc";
/// What a token asks for when it says nothing, and the least it can ask for.
const DEFAULT_SECONDS: i64 = 3600;
const LEAST_SECONDS: i64 = 600;
/// The lifetime that the server itself writes into Pods; such tokens last a year, so that
/// programs that read theirs only once keep working.
const INJECTED_SECONDS: i64 = 3607;
const YEAR: i64 = 365 * 24 * 3600;

/// Answers a request for a token.
pub(super) async fn create(call: &Call<'_>, request: Request<Body>) -> Result<Response, Failure> {
    let account = call.current()?.object;
    let sent = body::read(request.into_body()).await?;
    let mut wanted = if sent.is_empty() {
        json!({})
    } else {
        body::yaml(&sent)?
    };
    object::members(&mut wanted);
    let kind = ("authentication.k8s.io", "v1", "TokenRequest");
    let wanted = admit::subresource(call, kind, wanted).await?;
    let seconds = wanted["spec"]["expirationSeconds"]
        .as_i64()
        .unwrap_or(DEFAULT_SECONDS);
    if seconds < LEAST_SECONDS {
        let value = Value::from(seconds);
        let detail = "may not specify a duration less than 10 minutes";
        let cause = Cause::invalid("spec.expirationSeconds", &value, detail);
        let group = "authentication.k8s.io";
        return Err(Failure::invalid_kind(
            group,
            "TokenRequest",
            call.name(),
            vec![cause],
        ));
    }
    let pod = bound_pod(call, &wanted["spec"]["boundObjectRef"])?;
    let lifetime = if seconds == INJECTED_SECONDS {
        YEAR
    } else {
        seconds
    };
    let now = call.now.as_second();
    let audiences = object::list(&wanted, &["spec", "audiences"])
        .iter()
        .filter_map(Value::as_str);
    let mut audiences: Vec<String> = audiences.map(str::to_owned).collect();
    if audiences.is_empty() {
        audiences.push(ISSUER.to_owned());
    }
    let claims = Claims {
        aud: audiences.clone(),
        exp: now + lifetime,
        iat: now,
        iss: ISSUER.to_owned(),
        jti: uuid::Uuid::new_v4().to_string(),
        sub: format!("system:serviceaccount:{}:{}", call.namespace(), call.name()),
        kubernetes: Bound {
            namespace: call.namespace().to_owned(),
            serviceaccount: Reference {
                name: call.name().to_owned(),
                uid: object::meta(&account, "uid").to_owned(),
            },
            pod,
        },
    };
    let end =
        Time::from_second(claims.exp).map_err(|error| Failure::bad_request(error.to_string()))?;
    let answer = json!({
        "kind": "TokenRequest", "apiVersion": "authentication.k8s.io/v1",
        "metadata": {"name": call.name(), "namespace": call.namespace(),
            "creationTimestamp": call.timestamp()},
        "spec": {"audiences": audiences, "expirationSeconds": seconds,
            "boundObjectRef": wanted["spec"]["boundObjectRef"]},
        "status": {"token": call.server.inner.tokens.sign(&claims),
            "expirationTimestamp": object::timestamp(end)},
    });
    Ok(present::raw(call, StatusCode::CREATED, answer.to_string()))
}

/// The Pod that a token is to die with.
fn bound_pod(call: &Call<'_>, reference: &Value) -> Result<Option<Reference>, Failure> {
    if reference["kind"] != "Pod" {
        return Ok(None);
    }
    let name = object::text(reference, &["name"]);
    let key = Key::new(&"pods".into(), call.namespace(), name);
    let registry = call.server.registry();
    let pods = registry
        .find("", "v1", "pods")
        .ok_or_else(Failure::no_such_resource)?;
    let found = call
        .store()
        .get(&key)
        .ok_or_else(|| Failure::not_found(pods, name))?;
    let uid = object::meta(&parse(&found)?.object, "uid").to_owned();
    let sent = object::text(reference, &["uid"]);
    if !sent.is_empty() && sent != uid {
        let mut failure = Failure::conflict(pods, name);
        failure.message = format!(
            "Operation cannot be fulfilled on pods \"{name}\": the UID in the bound object \
             reference ({sent}) does not match the UID in record. The object might have been \
             deleted and then recreated"
        );
        return Err(failure);
    }
    Ok(Some(Reference {
        name: name.to_owned(),
        uid,
    }))
}

/// Who bears a token that is meant for one of these audiences, or for this server when there
/// are none; and for which of them it is meant.
pub(super) fn identity(
    server: &ApiServer,
    token: &str,
    audiences: &[&str],
) -> Option<(Identity, Vec<String>)> {
    let claims = server.inner.tokens.check(token, Time::now())?;
    let audiences = if audiences.is_empty() {
        &[ISSUER]
    } else {
        audiences
    };
    // A token for somebody else's ears is no proof here.
    let bound = &claims.kubernetes;
    let alive = |resource: &str, reference: &Reference| {
        let key = Key::new(&resource.into(), &bound.namespace, &reference.name);
        let current = server
            .store()
            .get(&key)
            .and_then(|stored| parse(&stored).ok());
        current.is_some_and(|current| object::meta(&current.object, "uid") == reference.uid)
    };
    let meant: Vec<String> = audiences
        .iter()
        .filter(|audience| claims.aud.iter().any(|one| one == *audience))
        .map(|audience| (*audience).to_owned())
        .collect();
    let good = !meant.is_empty()
        && alive("serviceaccounts", &bound.serviceaccount)
        && bound.pod.as_ref().is_none_or(|pod| alive("pods", pod));
    if !good {
        return None;
    }
    let mut identity = Identity::service_account(&bound.namespace, &bound.serviceaccount.name);
    identity.uid.clone_from(&bound.serviceaccount.uid);
    let mut extra = |key: &str, value: &str| {
        identity.extra.push((
            format!("authentication.kubernetes.io/{key}"),
            value.to_owned(),
        ));
    };
    extra("credential-id", &format!("JTI={}", claims.jti));
    if let Some(pod) = &bound.pod {
        extra("pod-name", &pod.name);
        extra("pod-uid", &pod.uid);
    }
    Some((identity, meant))
}
