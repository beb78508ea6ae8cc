//! The `AdmissionReview` that is sent, and what may come back.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::StatusCode;
use serde_json::{Map, Value, json};

use super::attempt::Attempt;
use crate::api::object;
use crate::api::resource::Resource;
use crate::api::status::Failure;

const API_VERSION: &str = "admission.k8s.io/v1";
const KIND: &str = "AdmissionReview";

/// The `request` of a review, without its objects.
pub(super) fn request(attempt: &Attempt<'_>, seen: &Resource, uid: &str) -> Value {
    let (group, version, kind) = attempt.sent_kind();
    let asked = json!({"group": group, "version": version, "kind": kind});
    let kind = match attempt.kind {
        Some(_) => asked.clone(),
        None => json!({"group": seen.group, "version": seen.version, "kind": seen.kind}),
    };
    let resource =
        |of: &Resource| json!({"group": of.group, "version": of.version, "resource": of.plural});
    let mut request = json!({
        "uid": uid, "kind": kind, "resource": resource(seen),
        "requestKind": asked, "requestResource": resource(attempt.resource),
        "operation": attempt.operation.word(), "userInfo": attempt.identity.user_info(),
        "object": null, "oldObject": null, "dryRun": attempt.dry_run, "options": attempt.options,
    });
    for (name, text) in [
        ("subResource", attempt.subresource),
        ("requestSubResource", attempt.subresource),
        ("name", attempt.name),
        ("namespace", attempt.sent_namespace()),
    ] {
        if !text.is_empty() {
            request[name] = text.into();
        }
    }
    request
}

/// The whole review.
pub(super) fn review(request: Value) -> Value {
    json!({"kind": KIND, "apiVersion": API_VERSION, "request": request})
}

/// A well-formed answer.
#[derive(Debug, Default)]
pub(super) struct Answer {
    pub(super) allowed: bool,
    pub(super) result: Value,
    /// The JSON patch, not yet understood.
    pub(super) patch: Vec<u8>,
    pub(super) patch_type: String,
    pub(super) warnings: Vec<String>,
}

impl Answer {
    /// Checks an answer to the review with this uid.
    pub(super) fn parse(review: &Value, uid: &str, mutating: bool) -> Result<Self, String> {
        let response = &review["response"];
        if !response.is_object() {
            return Err("webhook response was absent".into());
        }
        let sent = object::text(response, &["uid"]);
        if sent != uid {
            return Err(format!("expected response.uid={uid:?}, got {sent:?}"));
        }
        let (version, kind) = (
            object::text(review, &["apiVersion"]),
            object::text(review, &["kind"]),
        );
        if (version, kind) != (API_VERSION, KIND) {
            return Err(format!(
                "expected webhook response of {API_VERSION}, Kind={KIND}, got {version}, Kind={kind}"
            ));
        }
        let (patch, patch_type) = patch_of(response, mutating)?;
        let warnings = object::list(response, &["warnings"]).iter();
        Ok(Self {
            allowed: response["allowed"] == true,
            result: response["status"].clone(),
            patch,
            patch_type,
            warnings: warnings
                .filter_map(Value::as_str)
                .map(str::to_owned)
                .collect(),
        })
    }
}

fn patch_of(response: &Value, mutating: bool) -> Result<(Vec<u8>, String), String> {
    let patch = STANDARD
        .decode(object::text(response, &["patch"]))
        .map_err(|error| format!("response.patch is not base64: {error}"))?;
    let kind = response["patchType"].as_str();
    match (mutating, patch.is_empty(), kind) {
        (true, false, None) => {
            Err("webhook returned response.patch but not response.patchType".into())
        }
        (true, true, Some(_)) => {
            Err("webhook returned response.patchType but not response.patch".into())
        }
        (true, _, Some("")) => Err("webhook returned invalid response.patchType of \"\"".into()),
        (false, false, _) => Err("validating webhook may not return response.patch".into()),
        (false, _, Some(_)) => Err("validating webhook may not return response.patchType".into()),
        (_, _, kind) => Ok((patch, kind.unwrap_or_default().to_owned())),
    }
}

/// A refusal in the webhook's words.
pub(super) fn denied(webhook: &str, result: &Value) -> Failure {
    let by = format!("admission webhook {webhook:?} denied the request");
    let (message, reason) = (
        object::text(result, &["message"]),
        object::text(result, &["reason"]),
    );
    let message = match (message, reason) {
        ("", "") => format!("{by} without explanation"),
        ("", reason) => format!("{by}: {reason}"),
        (message, _) => format!("{by}: {message}"),
    };
    let code = result["code"]
        .as_u64()
        .and_then(|code| u16::try_from(code).ok())
        .filter(|code| (400..600).contains(code))
        .and_then(|code| StatusCode::from_u16(code).ok());
    let code = code.unwrap_or(StatusCode::BAD_REQUEST);
    let mut status = Map::new();
    status.insert("kind".into(), "Status".into());
    status.insert("apiVersion".into(), "v1".into());
    status.insert("metadata".into(), json!({}));
    status.insert("status".into(), "Failure".into());
    status.insert("message".into(), message.clone().into());
    if !reason.is_empty() {
        status.insert("reason".into(), reason.into());
    }
    if result["details"].is_object() {
        status.insert("details".into(), result["details"].clone());
    }
    status.insert("code".into(), code.as_u16().into());
    Failure::verbatim(code, message, Value::Object(status))
}

/// A call that failed, when that matters.
pub(super) fn failed(webhook: &str, reason: &str) -> Failure {
    broken(&format!("failed calling webhook {webhook:?}: {reason}"))
}

/// An answer that was well-formed but cannot be carried out.
pub(super) fn broken(what: &str) -> Failure {
    let mut failure = Failure::internal(what);
    let mut details = Map::new();
    details.insert("causes".into(), json!([{"message": what}]));
    failure.details = Some(details);
    failure
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(review: Value, mutating: bool) -> String {
        match Answer::parse(&review, "u", mutating) {
            Ok(answer) => format!("allowed {}", answer.allowed),
            Err(error) => error,
        }
    }

    #[test]
    fn answers_have_to_be_of_the_right_form() {
        let with = |response: Value| {
            let mut whole = json!({"apiVersion": API_VERSION, "kind": KIND, "response": response});
            whole["response"]["uid"] = "u".into();
            whole
        };
        assert_eq!(parse(with(json!({"allowed": true})), true), "allowed true");
        assert_eq!(
            parse(with(json!({"allowed": "yes"})), true),
            "allowed false"
        );
        for (answer, mutating, expected) in [
            (json!(null), true, "absent"),
            (json!([1]), true, "absent"),
            (
                json!({"response": {"uid": "v"}}),
                true,
                "uid=\"u\", got \"v\"",
            ),
            (json!({"response": {"uid": "u"}}), true, "got , Kind="),
            (with(json!({"patch": "!"})), true, "not base64"),
            (
                with(json!({"patch": "W10="})),
                true,
                "not response.patchType",
            ),
            (
                with(json!({"patchType": "JSONPatch"})),
                true,
                "but not response.patch",
            ),
            (with(json!({"patch": "W10="})), false, "may not return"),
        ] {
            let said = parse(answer, mutating);
            assert!(said.contains(expected), "{said}");
        }
    }

    #[test]
    fn refusals_are_errors_whatever_the_webhook_calls_them() {
        for (result, code, message) in [
            (
                json!(null),
                400,
                "admission webhook \"w\" denied the request without explanation",
            ),
            (
                json!({"code": 200, "message": "no", "status": "Success"}),
                400,
                "admission webhook \"w\" denied the request: no",
            ),
            (
                json!({"code": 403, "reason": "Forbidden"}),
                403,
                "admission webhook \"w\" denied the request: Forbidden",
            ),
            (
                json!({"code": 99_999_999, "message": "x"}),
                400,
                "admission webhook \"w\" denied the request: x",
            ),
        ] {
            let failure = denied("w", &result);
            assert_eq!(
                (failure.code.as_u16(), failure.message.as_str()),
                (code, message)
            );
            assert_eq!(failure.body()["status"], "Failure");
        }
    }
}
