//! Request bodies: reading, limits, JSON and YAML, and whether the object is of the right kind.

use axum::body::Body;
use bytes::Bytes;
use http::{HeaderMap, header};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use serde_json::Value;

use super::protobuf;
use super::resource::Resource;
use super::status::Failure;

/// The largest body taken: what etcd admits on a real server.
pub(crate) const LIMIT: usize = 3 << 20;
/// Deeper objects are refused, so that whatever is stored can be parsed again.
const DEPTH: usize = 96;

/// Reads a whole body.
pub(crate) async fn read(body: Body) -> Result<Bytes, Failure> {
    match Limited::new(body, LIMIT).collect().await {
        Ok(collected) => Ok(collected.to_bytes()),
        Err(error) if error.downcast_ref::<LengthLimitError>().is_some() => {
            Err(Failure::too_large(LIMIT))
        }
        Err(_) => Err(Failure::bad_request("the request body could not be read")),
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

/// Decodes an object sent to be created or updated.
pub(crate) fn object(
    headers: &HeaderMap,
    body: &[u8],
    resource: &Resource,
) -> Result<Value, Failure> {
    let value = match media_type(headers) {
        "" | "application/json" => json(body, &resource.kind)?,
        "application/yaml" => yaml(body)?,
        protobuf::MEDIA_TYPE => protobuf::decode(body)
            .ok_or_else(|| Failure::unsupported_media("application/json, application/yaml"))?,
        _ => {
            return Err(Failure::unsupported_media(
                "application/json, application/yaml",
            ));
        }
    };
    right_kind(value, resource)
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

fn json(body: &[u8], kind: &str) -> Result<Value, Failure> {
    serde_json::from_slice(body).map_err(|error| {
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

/// Any JSON value, for options and patches.
pub(crate) fn plain_json(body: &[u8]) -> Result<Value, Failure> {
    let value = serde_json::from_slice(body)
        .map_err(|error| Failure::bad_request(format!("error decoding the body: {error}")))?;
    check_depth(&value)?;
    Ok(value)
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
    let text = std::str::from_utf8(body)
        .map_err(|_| Failure::bad_request("error decoding YAML: the body is not UTF-8"))?;
    let value = serde_saphyr::from_str(text)
        .map_err(|error| Failure::bad_request(format!("error decoding YAML: {error}")))?;
    check_depth(&value)?;
    Ok(value)
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
    fits(value, DEPTH).then_some(()).ok_or_else(refused)
}
