//! `pods/<name>/log`: asks whoever runs the Pods.

use std::sync::Arc;

use axum::body::Body;
use axum::response::{IntoResponse as _, Response};
use futures::StreamExt as _;
use http::{HeaderValue, StatusCode, header};
use jiff::SignedDuration;

use super::super::call::Call;
use crate::api::Time;
use crate::api::status::Failure;
use crate::node::{LogError, LogOptions};

/// Answers a request for a container's log.
pub(super) async fn answer(call: &Call<'_>) -> Result<Response, Failure> {
    call.stored()?;
    let logs = call.server.inner.logs.read().as_ref().map(Arc::clone);
    let logs = logs.ok_or_else(|| {
        Failure::bad_request(format!("pod {} does not have a host assigned", call.name()))
    })?;
    let container = call
        .options
        .get("container")
        .filter(|name| !name.is_empty());
    let stream = logs
        .logs(call.namespace(), call.name(), container, options(call)?)
        .await
        .map_err(|error| refused(&error))?;
    let shutdown = call.server.inner.shutdown.clone();
    let stream = stream.take_until(async move { shutdown.cancelled().await });
    let mut response = (StatusCode::OK, Body::from_stream(stream)).into_response();
    let plain = HeaderValue::from_static("text/plain");
    response.headers_mut().insert(header::CONTENT_TYPE, plain);
    Ok(response)
}

fn options(call: &Call<'_>) -> Result<LogOptions, Failure> {
    let flag = |name| matches!(call.options.get(name), Some("true" | "1"));
    let number = |name: &str| match call.options.get(name) {
        None => Ok(None),
        Some(text) => text.parse::<u32>().map(Some).map_err(|_| {
            Failure::bad_request(format!(
                "{name}: invalid value {text:?}: must be a number of at least 0"
            ))
        }),
    };
    let since = match (number("sinceSeconds")?, call.options.get("sinceTime")) {
        (Some(seconds), _) => Some(call.now - SignedDuration::from_secs(i64::from(seconds))),
        (None, Some(text)) => Some(text.parse::<Time>().map_err(|error| {
            Failure::bad_request(format!("sinceTime: invalid value {text:?}: {error}"))
        })?),
        (None, None) => None,
    };
    let size = |number: Option<u32>| number.and_then(|number| usize::try_from(number).ok());
    Ok(LogOptions {
        follow: flag("follow"),
        tail_lines: size(number("tailLines")?),
        since,
        previous: flag("previous"),
        timestamps: flag("timestamps"),
        limit_bytes: size(number("limitBytes")?),
    })
}

fn refused(error: &LogError) -> Failure {
    match error {
        LogError::Read { source, .. } => Failure::internal(format!("{error}: {source}")),
        _ => Failure::bad_request(error.to_string()),
    }
}
