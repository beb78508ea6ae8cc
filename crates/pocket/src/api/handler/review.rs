//! Kinds that are questions: may I, who am I.

use axum::body::Body;
use axum::response::Response;
use http::{Request, StatusCode};
use serde_json::{Map, Value, json};

use super::call::Call;
use super::{present, write};
use crate::api::body;
use crate::api::status::Failure;

/// Answers a review.
pub(super) async fn answer(call: &Call<'_>, request: Request<Body>) -> Result<Response, Failure> {
    let (parts, sent) = request.into_parts();
    let sent = body::read(sent).await?;
    let (mut review, _) = body::object(&parts.headers, &sent, &call.resource)?;
    if call.resource.kind == "SelfSubjectReview" {
        let user = who(call);
        let metadata = json!({"creationTimestamp": call.timestamp()});
        review["metadata"] = metadata;
        review["status"] = json!({"userInfo": user});
    } else {
        write::record(call, None, &mut review);
        let allowed = call.may(&review["spec"]);
        review["status"] = json!({"allowed": allowed});
    }
    Ok(present::raw(call, StatusCode::CREATED, review.to_string()))
}

fn who(call: &Call<'_>) -> Value {
    let identity = &call.identity;
    let mut user = json!({"username": identity.user, "groups": identity.groups});
    if !identity.uid.is_empty() {
        user["uid"] = identity.uid.as_str().into();
    }
    if !identity.extra.is_empty() {
        let extra = identity
            .extra
            .iter()
            .map(|(key, value)| (key.clone(), json!([value])));
        user["extra"] = Value::Object(extra.collect::<Map<_, _>>());
    }
    user
}
