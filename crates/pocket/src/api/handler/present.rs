//! The forms in which objects are answered.

use std::borrow::Cow;
use std::collections::HashSet;

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use serde_json::{Value, json};

use super::call::Call;
use crate::api::request::Accept;
use crate::api::resource::Resource;
use crate::api::status::Failure;
use crate::api::table::{Table, partial_metadata};

/// The start of every object of a kind, as clients see it.
pub(super) fn head(resource: &Resource) -> String {
    format!(
        "{{\"apiVersion\":\"{}\",\"kind\":\"{}\"",
        resource.api_version(),
        resource.kind
    )
}

/// The JSON of a stored object with its kind and version put back.
pub(super) fn text(resource: &Resource, stored: &[u8]) -> Vec<u8> {
    let mut text = Vec::with_capacity(stored.len() + 96);
    add(&mut text, &head(resource), &shown(resource, stored));
    text
}

/// Adds the JSON of a stored object as an element of a list: built-in kinds leave their kind out.
pub(super) fn add_item(text: &mut Vec<u8>, resource: &Resource, head: &str, stored: &[u8]) {
    let stored = shown(resource, stored);
    match resource.builtin() {
        Some(_) => text.extend_from_slice(&stored),
        None => add(text, head, &stored),
    }
}

/// The stored members under the names that this face of the kind has for them.
fn shown<'a>(resource: &Resource, stored: &'a [u8]) -> Cow<'a, [u8]> {
    match resource
        .builtin()
        .filter(|builtin| !builtin.renames.is_empty())
    {
        Some(builtin) => {
            let mut value: Value = serde_json::from_slice(stored).unwrap_or_default();
            builtin.show(&mut value);
            value.to_string().into_bytes().into()
        }
        None => stored.into(),
    }
}

fn add(text: &mut Vec<u8>, head: &str, stored: &[u8]) {
    text.extend_from_slice(head.as_bytes());
    match stored {
        [b'{', b'}'] | [] => text.push(b'}'),
        [_, rest @ ..] => {
            text.push(b',');
            text.extend_from_slice(rest);
        }
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

fn warn(call: &Call<'_>, headers: &mut HeaderMap) {
    for warning in fitting(std::mem::take(&mut *call.warnings.lock())) {
        let plain = warning.replace(|letter: char| letter.is_control(), " ");
        let quoted = plain.replace('\\', "\\\\").replace('"', "\\\"");
        if let Ok(value) = HeaderValue::from_bytes(format!("299 - \"{quoted}\"").as_bytes()) {
            headers.append(header::WARNING, value);
        }
    }
}

/// Each warning once, and no more than headers can hold: many are cut short, very many left out.
fn fitting(mut warnings: Vec<String>) -> Vec<String> {
    const MOST: usize = 4 * 1024;
    const SHORT: usize = 256;
    let mut told = HashSet::new();
    warnings.retain(|warning| told.insert(warning.clone()));
    let length = |warning: &String| warning.chars().count();
    if warnings.iter().map(length).sum::<usize>() <= MOST {
        return warnings;
    }
    let short = |warning: String| warning.chars().take(SHORT).collect::<String>();
    let mut written = 0;
    let fits = |warning: &String| {
        let fits = written < MOST;
        written += length(warning);
        fits
    };
    warnings.into_iter().map(short).take_while(fits).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn warnings_are_told_once_and_fit_into_headers() {
        let twice = vec!["a".to_owned(), "b".to_owned(), "a".to_owned()];
        assert_eq!(fitting(twice), ["a", "b"]);
        let many = (0..100).map(|at| format!("{at:03}{}", "é".repeat(1000)));
        let told = fitting(many.collect());
        assert_eq!(told.len(), 16);
        assert!(told.iter().all(|warning| warning.chars().count() == 256));
    }
}
