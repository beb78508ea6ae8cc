//! `pods/<name>:<port>/proxy/<path>`: plain HTTP to a Pod's own address.

use std::net::SocketAddr;
use std::time::Duration;

use axum::body::Body;
use axum::response::Response;
use http::{HeaderName, Request, StatusCode, Uri, header};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use super::super::call::{Call, parse};
use crate::api::object;
use crate::api::status::Failure;

const CONNECT: Duration = Duration::from_secs(5);
const ANSWER: Duration = Duration::from_secs(60);
/// Headers that concern one connection only (RFC 9110, section 7.6.1), and our credentials.
const OURS: [HeaderName; 8] = [
    header::CONNECTION,
    header::UPGRADE,
    header::TE,
    header::TRAILER,
    header::TRANSFER_ENCODING,
    header::PROXY_AUTHORIZATION,
    header::AUTHORIZATION,
    header::HOST,
];

/// Passes a request on and its answer back.
pub(super) async fn answer(call: &Call<'_>, request: Request<Body>) -> Result<Response, Failure> {
    let (name, port) = target(call.name());
    let found = call.store().get(&call.key(name));
    let pod = parse(&found.ok_or_else(|| Failure::not_found(&call.resource, name))?)?.object;
    let port = match port {
        Some(port) => super::port_number(&pod, port)
            .ok_or_else(|| Failure::bad_request(format!("pod {name} has no port {port}")))?,
        None => first_port(&pod).unwrap_or(80),
    };
    let address = SocketAddr::new(super::address(&pod)?, port);
    let mut request = prepare(call, request, address)?;
    let unavailable = |detail: String| {
        let message = format!("error trying to reach service: {detail}");
        Failure::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "ServiceUnavailable",
            message,
        )
    };
    let stream = tokio::time::timeout(CONNECT, TcpStream::connect(address)).await;
    let stream = stream
        .map_err(|_| unavailable(format!("dial tcp {address}: i/o timeout")))?
        .map_err(|error| unavailable(format!("dial tcp {address}: {error}")))?;
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
        .await
        .map_err(|error| unavailable(error.to_string()))?;
    tokio::spawn(async move {
        if let Err(error) = connection.await {
            tracing::debug!(%error, "proxied connection ended");
        }
    });
    for name in &OURS {
        if *name != header::HOST {
            request.headers_mut().remove(name);
        }
    }
    let response = tokio::time::timeout(ANSWER, sender.send_request(request)).await;
    let mut response = response
        .map_err(|_| unavailable("the pod does not answer".to_owned()))?
        .map_err(|error| unavailable(error.to_string()))?;
    for name in &OURS {
        response.headers_mut().remove(name);
    }
    Ok(response.map(Body::new))
}

/// Splits `scheme:name:port`, `name:port` or `name`; the scheme is always plain HTTP.
fn target(text: &str) -> (&str, Option<&str>) {
    let parts: Vec<&str> = text.split(':').collect();
    match parts.as_slice() {
        [_, name, port] | [name, port] if !port.is_empty() => (name, Some(port)),
        [_, name, _] => (name, None),
        [name, ..] => (name, None),
        [] => (text, None),
    }
}

fn first_port(pod: &serde_json::Value) -> Option<u16> {
    let containers = object::list(pod, &["spec", "containers"]).iter();
    let mut ports = containers.flat_map(|one| object::list(one, &["ports"]));
    u16::try_from(ports.next()?["containerPort"].as_u64()?).ok()
}

fn prepare(
    call: &Call<'_>,
    request: Request<Body>,
    address: SocketAddr,
) -> Result<Request<Body>, Failure> {
    let (mut parts, body) = request.into_parts();
    let query = parts
        .uri
        .query()
        .map(|query| format!("?{query}"))
        .unwrap_or_default();
    let path = format!("/{}{query}", call.route.rest);
    parts.uri = path
        .parse::<Uri>()
        .map_err(|error| Failure::bad_request(error.to_string()))?;
    let host = address.to_string();
    let host = host
        .parse()
        .map_err(|_| Failure::bad_request("the address is no host name"))?;
    parts.headers.insert(header::HOST, host);
    Ok(Request::from_parts(parts, body))
}

#[cfg(test)]
mod tests {
    use super::target;

    #[test]
    fn targets_have_an_optional_scheme_and_port() {
        assert_eq!(target("p"), ("p", None));
        assert_eq!(target("p:8008"), ("p", Some("8008")));
        assert_eq!(target("http:p:8008"), ("p", Some("8008")));
        assert_eq!(target("http:p:"), ("p", None));
    }
}
