//! Calling a webhook: one POST over TLS, bounded in time and size.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, StatusCode, header};
use http_body_util::{BodyExt as _, Full, LengthLimitError, Limited};
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use serde_json::Value;
use tokio::net::TcpStream;
use tokio::time::Instant;
use tokio_rustls::TlsConnector;
use tokio_util::task::AbortOnDropHandle;

use super::service::{Place, resolve};
use super::tls;
use super::webhook::{Target, Webhook};
use crate::store::Store;

/// The largest answer taken: a patch can hold a whole object, in base64.
pub(super) const LARGEST: usize = 6 << 20;
/// Of an answer that is no success this much is shown.
const SHOWN: usize = 2048;

/// Sends a review and returns the answer, or why there is none.
pub(super) async fn post(
    store: &Store,
    webhook: &Webhook,
    review: &Value,
    deadline: Instant,
) -> Result<Value, String> {
    let left = deadline.saturating_duration_since(Instant::now());
    let timeout = webhook.timeout.min(left);
    let url = url(&webhook.target, webhook.timeout)?;
    let exchange = exchange(store, webhook, &url, review);
    let answered = match tokio::time::timeout(timeout, exchange).await {
        Ok(answered) => answered,
        Err(_) => Err(Trouble::Transport("context deadline exceeded".into())),
    };
    let (status, body) = answered.map_err(|trouble| match trouble {
        Trouble::Transport(what) => format!("Post \"{url}\": {what}"),
        Trouble::Answer(what) => what,
    })?;
    if !status.is_success() {
        return Err(unsuccessful(status, &body));
    }
    serde_json::from_slice(&body)
        .map_err(|error| format!("couldn't get version/kind; json parse error: {error}"))
}

enum Trouble {
    /// No answer came.
    Transport(String),
    /// An answer came, but of no use.
    Answer(String),
}

fn url(target: &Target, timeout: Duration) -> Result<http::Uri, String> {
    let seconds = timeout.as_secs();
    let text = match target {
        Target::Url(url) => {
            let path = url.splitn(4, '/').nth(3);
            let slash = if path.is_none() { "/" } else { "" };
            format!("{url}{slash}?timeout={seconds}s")
        }
        Target::Service {
            namespace,
            name,
            port,
            path,
        } => {
            let path = if path.is_empty() { "/" } else { path };
            format!("https://{name}.{namespace}.svc:{port}{path}?timeout={seconds}s")
        }
    };
    text.parse()
        .map_err(|error| format!("the address {text:?} cannot be understood: {error}"))
}

async fn exchange(
    store: &Store,
    webhook: &Webhook,
    url: &http::Uri,
    review: &Value,
) -> Result<(StatusCode, Bytes), Trouble> {
    let transport = Trouble::Transport;
    let host = url.host().unwrap_or_default();
    let port = url.port_u16().unwrap_or(443);
    let (place, name) = match &webhook.target {
        Target::Url(_) => {
            let host = host.trim_matches(['[', ']']).to_owned();
            (Place::Host(host.clone(), port), host)
        }
        Target::Service {
            namespace,
            name,
            port,
            ..
        } => {
            let place = resolve(store, namespace, name, *port).map_err(transport)?;
            (place, format!("{name}.{namespace}.svc"))
        }
    };
    let stream = connect(place).await.map_err(transport)?;
    drop(stream.set_nodelay(true));
    let config = tls::client(&webhook.authorities).map_err(transport)?;
    let name = ServerName::try_from(name).map_err(|error| transport(error.to_string()))?;
    let stream = TlsConnector::from(Arc::new(config))
        .connect(name, stream)
        .await
        .map_err(|error| transport(tls::told(&error)))?;
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
        .await
        .map_err(|error| transport(error.to_string()))?;
    let _connection = AbortOnDropHandle::new(tokio::spawn(connection));
    let request = Request::post(url.path_and_query().map_or("/", |path| path.as_str()))
        .header(header::HOST, url.authority().map_or("", |one| one.as_str()))
        .header(header::CONTENT_TYPE, "application/json")
        .header(header::ACCEPT, "application/json, */*")
        .header(header::USER_AGENT, "kube-apiserver-admission")
        .body(Full::new(Bytes::from(review.to_string())))
        .map_err(|error| transport(error.to_string()))?;
    let response = sender
        .send_request(request)
        .await
        .map_err(|error| transport(error.to_string()))?;
    let status = response.status();
    let body = Limited::new(response.into_body(), LARGEST).collect().await;
    let body = body.map_err(|error| match error.downcast_ref::<LengthLimitError>() {
        Some(_) => Trouble::Answer(format!("the response is larger than {LARGEST} bytes")),
        None => transport(error.to_string()),
    })?;
    Ok((status, body.to_bytes()))
}

async fn connect(place: Place) -> Result<TcpStream, String> {
    let addresses: Vec<SocketAddr> = match place {
        Place::Address(address) => vec![address],
        Place::Host(host, port) => {
            let found = tokio::net::lookup_host((host.as_str(), port)).await;
            let missing = || format!("dial tcp: lookup {host}: no such host");
            found.map_err(|_| missing())?.collect()
        }
    };
    let mut last = "dial tcp: no such host".to_owned();
    for address in addresses {
        match TcpStream::connect(address).await {
            Ok(stream) => return Ok(stream),
            Err(error) => {
                let what = match error.kind() {
                    std::io::ErrorKind::ConnectionRefused => "connection refused".to_owned(),
                    _ => error.to_string(),
                };
                last = format!("dial tcp {address}: connect: {what}");
            }
        }
    }
    Err(last)
}

fn unsuccessful(status: StatusCode, body: &[u8]) -> String {
    let text = String::from_utf8_lossy(&body[..body.len().min(SHOWN)]);
    match status.as_u16() {
        404 => "the server could not find the requested resource".to_owned(),
        code @ 500..600 => {
            let shown = text.trim();
            let shown = if shown.is_empty() { "unknown" } else { shown };
            let prevented = "has prevented the request from succeeding";
            match code {
                503 => "the server is currently unable to handle the request".to_owned(),
                _ => format!("an error on the server ({shown:?}) {prevented}"),
            }
        }
        code => format!(
            "the server responded with the status code {code} but did not return more information"
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_carry_the_timeout() {
        let seconds = Duration::from_secs(7);
        let of = |target: Target| url(&target, seconds).unwrap().to_string();
        assert_eq!(
            of(Target::Url("https://a:1".into())),
            "https://a:1/?timeout=7s"
        );
        assert_eq!(
            of(Target::Url("https://a/b/c".into())),
            "https://a/b/c?timeout=7s"
        );
        let service = |path: &str| Target::Service {
            namespace: "n".into(),
            name: "s".into(),
            port: 443,
            path: path.into(),
        };
        assert_eq!(of(service("")), "https://s.n.svc:443/?timeout=7s");
        assert_eq!(of(service("/x")), "https://s.n.svc:443/x?timeout=7s");
        assert!(url(&Target::Url("https://[".into()), seconds).is_err());
    }
}
