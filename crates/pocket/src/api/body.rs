//! Request bodies: reading, limits, JSON and YAML, and whether the object is of the right kind.

mod doubles;

use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use http::{HeaderMap, StatusCode, header};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use serde_json::Value;

use super::protobuf;
use super::resource::Resource;
use super::status::Failure;

pub(crate) use doubles::Doubles;

/// The largest body taken: what etcd admits on a real server.
pub(crate) const LIMIT: usize = 3 << 20;
/// A body has to be complete after this.
const PATIENCE: Duration = Duration::from_secs(60);
/// How much and how long a client that sends too much may go on sending before it is answered.
const DISCARDED: usize = 8 << 20;
const LINGER: Duration = Duration::from_secs(2);
/// Deeper objects are refused, so that whatever is stored can be parsed again.
const DEPTH: usize = 96;

/// Reads a whole body.
pub(crate) async fn read(mut body: Body) -> Result<Bytes, Failure> {
    let whole = tokio::time::timeout(PATIENCE, Limited::new(&mut body, LIMIT).collect());
    match whole.await {
        Ok(Ok(collected)) => Ok(collected.to_bytes()),
        Ok(Err(error)) if error.downcast_ref::<LengthLimitError>().is_some() => {
            // A client that is still sending would take the end of the connection for a failure, not the answer.
            let _ = tokio::time::timeout(LINGER, discard(body)).await;
            Err(Failure::too_large(LIMIT))
        }
        Ok(Err(_)) => Err(Failure::bad_request("the request body could not be read")),
        Err(_) => {
            let message = "the request body did not arrive in time";
            Err(Failure::new(
                StatusCode::REQUEST_TIMEOUT,
                "Timeout",
                message,
            ))
        }
    }
}

/// Reads on without keeping anything, as far as a client may have been mistaken about the limit.
async fn discard(mut body: Body) {
    let mut left = DISCARDED;
    while let Some(Ok(frame)) = body.frame().await {
        let size = frame.data_ref().map_or(0, Bytes::len);
        let Some(rest) = left.checked_sub(size) else {
            return;
        };
        left = rest;
    }
}

/// The media type of the body, without parameters.
pub(crate) fn media_type(headers: &HeaderMap) -> &str {
    let text = headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok());
    text.unwrap_or_default()
        .split(';')
        .next()
        .unwrap_or_default()
        .trim()
}

/// Decodes an object sent to be created or updated, and tells which fields were given twice.
pub(crate) fn object(
    headers: &HeaderMap,
    body: &[u8],
    resource: &Resource,
) -> Result<(Value, Doubles), Failure> {
    let refused = || Failure::unsupported_media("application/json, application/yaml");
    let (value, doubles) = match media_type(headers) {
        "" | "application/json" => json(body, &resource.kind)?,
        "application/yaml" => lined(body)?,
        protobuf::MEDIA_TYPE => {
            let value = protobuf::decode(body).ok_or_else(refused)?;
            (value, Doubles::default())
        }
        _ => {
            return Err(Failure::unsupported_media(
                "application/json, application/yaml",
            ));
        }
    };
    Ok((right_kind(value, resource)?, doubles))
}

/// Checks that an object is of the kind its URL says, and completes it.
pub(crate) fn right_kind(mut value: Value, resource: &Resource) -> Result<Value, Failure> {
    let expected = resource.api_version();
    let Some(members) = value.as_object_mut() else {
        return Err(Failure::bad_request(format!(
            "the object provided is unrecognized (must be of type {}): not an object",
            resource.kind
        )));
    };
    members
        .entry("apiVersion")
        .or_insert_with(|| expected.clone().into());
    members
        .entry("kind")
        .or_insert_with(|| resource.kind.clone().into());
    let (version, kind) = (value["apiVersion"].as_str(), value["kind"].as_str());
    let (version, kind) = (version.unwrap_or_default(), kind.unwrap_or_default());
    if kind != resource.kind {
        let short = version.rsplit('/').next().unwrap_or_default();
        let place = if resource.group.is_empty() {
            "core"
        } else {
            &resource.group
        };
        return Err(Failure::bad_request(format!(
            "{kind} in version \"{short}\" cannot be handled as a {}: converting ({short}.{kind}) \
             to ({place}.{}): unknown conversion",
            resource.kind, resource.kind
        )));
    }
    if version != expected {
        return Err(Failure::bad_request(format!(
            "the API version in the data ({version}) does not match the expected API version ({expected})"
        )));
    }
    if !value["metadata"].is_object() {
        value["metadata"] = Value::Object(serde_json::Map::new());
    }
    check_depth(&value)?;
    Ok(value)
}

fn json(body: &[u8], kind: &str) -> Result<(Value, Doubles), Failure> {
    doubles::json(body).map_err(|error| {
        let what = if error.is_eof() {
            "unexpected end of JSON input".to_owned()
        } else {
            error.to_string()
        };
        Failure::bad_request(format!(
            "the object provided is unrecognized (must be of type {kind}): couldn't get \
             version/kind; json parse error: {what} ({})",
            summary(body)
        ))
    })
}

/// Any JSON value, for patches.
pub(crate) fn plain_json(body: &[u8]) -> Result<(Value, Doubles), Failure> {
    let (value, doubles) = doubles::json(body)
        .map_err(|error| Failure::bad_request(format!("error decoding patch: {error}")))?;
    check_depth(&value)?;
    Ok((value, doubles))
}

/// YAML, of which JSON is a part, or protobuf, which cannot be mistaken for either.
pub(crate) fn yaml(body: &[u8]) -> Result<Value, Failure> {
    if let Some(value) = protobuf::decode(body) {
        return Ok(value);
    }
    if let Ok(value) = serde_json::from_slice(body) {
        check_depth(&value)?;
        return Ok(value);
    }
    Ok(lined(body)?.0)
}

/// YAML, of which JSON is a part; fields given twice are told with their lines.
pub(crate) fn lined(body: &[u8]) -> Result<(Value, Doubles), Failure> {
    let decoded = match doubles::json(body) {
        Ok((value, doubles)) if doubles.fields.is_empty() => (value, doubles),
        _ => {
            let refused = |error: &dyn std::fmt::Display| {
                Failure::bad_request(format!("error decoding YAML: {error}"))
            };
            let text = std::str::from_utf8(body).map_err(|error| refused(&error))?;
            doubles::yaml(text).map_err(|error| refused(&error))?
        }
    };
    check_depth(&decoded.0)?;
    Ok(decoded)
}

fn summary(body: &[u8]) -> String {
    const MOST: usize = 30;
    let (head, more) = match body.get(..MOST) {
        Some(head) if body.len() > MOST => (head, " ..."),
        _ => (body, ""),
    };
    match body.first() {
        None => "<empty>".to_owned(),
        Some(b'{') => format!("{}{more}", String::from_utf8_lossy(head)),
        Some(_) => {
            let hex: String = head.iter().map(|byte| format!("{byte:02x}")).collect();
            format!("{hex}{more}")
        }
    }
}

/// Refuses values that nest too deeply.
pub(crate) fn check_depth(value: &Value) -> Result<(), Failure> {
    check_depth_below(value, 0)
}

/// Refuses a value that nests too deeply where it is to stand.
pub(crate) fn check_depth_below(value: &Value, above: usize) -> Result<(), Failure> {
    fn fits(value: &Value, left: usize) -> bool {
        if left == 0 {
            return false;
        }
        match value {
            Value::Array(list) => list.iter().all(|one| fits(one, left - 1)),
            Value::Object(map) => map.values().all(|one| fits(one, left - 1)),
            _ => true,
        }
    }
    let refused = || Failure::bad_request("the object nests too deeply");
    fits(value, DEPTH.saturating_sub(above))
        .then_some(())
        .ok_or_else(refused)
}
