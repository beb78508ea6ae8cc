//! The forms in which objects are answered.

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use serde_json::{Value, json};

use super::call::Call;
use crate::api::request::Accept;
use crate::api::resource::Resource;
use crate::api::status::Failure;
use crate::api::table::{Table, partial_metadata};

/// The JSON of a stored object with its kind and version put back.
pub(super) fn text(resource: &Resource, stored: &[u8]) -> Vec<u8> {
    let head = format!(
        "{{\"apiVersion\":\"{}\",\"kind\":\"{}\"",
        resource.api_version(),
        resource.kind
    );
    let renamed;
    let stored = match resource
        .builtin()
        .filter(|builtin| !builtin.renames.is_empty())
    {
        Some(builtin) => {
            let mut value: Value = serde_json::from_slice(stored).unwrap_or_default();
            builtin.show(&mut value);
            renamed = value.to_string();
            renamed.as_bytes()
        }
        None => stored,
    };
    let mut text = Vec::with_capacity(head.len() + stored.len() + 1);
    text.extend_from_slice(head.as_bytes());
    match stored {
        [b'{', b'}'] | [] => text.push(b'}'),
        [_, rest @ ..] => {
            text.push(b',');
            text.extend_from_slice(rest);
        }
    }
    text
}

/// The JSON of a stored object as an element of a list: built-in kinds leave their kind out.
pub(super) fn item(resource: &Resource, stored: &[u8]) -> Vec<u8> {
    match resource.builtin() {
        Some(builtin) if builtin.renames.is_empty() => stored.to_vec(),
        Some(builtin) => {
            let mut value: Value = serde_json::from_slice(stored).unwrap_or_default();
            builtin.show(&mut value);
            value.to_string().into_bytes()
        }
        None => text(resource, stored),
    }
}

/// A stored object with its kind and version, parsed.
pub(super) fn value(resource: &Resource, stored: &[u8]) -> Result<Value, Failure> {
    serde_json::from_slice(&text(resource, stored))
        .map_err(|error| Failure::internal(format!("stored object: {error}")))
}

/// Answers one object in the form the client asked for.
pub(super) fn one(call: &Call<'_>, code: StatusCode, stored: &[u8]) -> Result<Response, Failure> {
    let text = match call.accept {
        Accept::Json => text(&call.resource, stored),
        Accept::Table => {
            let object = value(&call.resource, stored)?;
            let metadata = json!({"resourceVersion": object["metadata"]["resourceVersion"]});
            let table = Table::of(&call.resource, call.options.get("includeObject"))?;
            let table = table.render(&[object], metadata, call.now, true);
            table.to_string().into_bytes()
        }
        Accept::Metadata => {
            let object = value(&call.resource, stored)?;
            partial_metadata(&object).to_string().into_bytes()
        }
    };
    Ok(raw(call, code, text))
}

/// Answers JSON text, with the warnings that have come up.
pub(super) fn raw(call: &Call<'_>, code: StatusCode, text: impl Into<Body>) -> Response {
    let mut response = (code, text.into()).into_response();
    let headers = response.headers_mut();
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/json"),
    );
    warn(call, headers);
    response
}

/// Answers a refusal, with the warnings that came up before it.
pub(super) fn failure(call: &Call<'_>, failure: Failure) -> Response {
    let mut response = failure.into_response();
    warn(call, response.headers_mut());
    response
}

/// Longer warnings are cut, and what goes beyond a total is left out, as a real server does.
fn warn(call: &Call<'_>, headers: &mut HeaderMap) {
    const LONGEST: usize = 256;
    const TOTAL: usize = 4096;
    let mut sent: Vec<String> = Vec::new();
    let mut total = 0;
    for warning in call.warnings.lock().drain(..) {
        let plain = warning.replace(|letter: char| letter.is_control(), " ");
        total += plain.chars().count();
        if sent.contains(&plain) {
            continue;
        }
        let cut = total > TOTAL;
        let text: String = plain
            .chars()
            .take(if cut { LONGEST } else { usize::MAX })
            .collect();
        if cut && sent.iter().map(String::len).sum::<usize>() + text.len() > TOTAL {
            break;
        }
        let quoted = text.replace('\\', "\\\\").replace('"', "\\\"");
        let value = format!("299 - \"{quoted}\"");
        if let Ok(value) = HeaderValue::from_bytes(value.as_bytes()) {
            headers.append(header::WARNING, value);
        }
        sent.push(plain);
    }
}
