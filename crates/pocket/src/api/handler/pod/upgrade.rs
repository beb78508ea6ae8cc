//! Turns a request into a connection: a WebSocket, or SPDY, plain or inside a WebSocket.

use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::FromRequestParts as _;
use axum::extract::ws::{CloseFrame, Message, WebSocket, WebSocketUpgrade, close_code};
use axum::response::Response;
use futures::stream::{SplitSink, SplitStream};
use futures::{SinkExt as _, StreamExt as _};
use http::{HeaderMap, HeaderName, HeaderValue, Request, StatusCode, header};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream, ReadHalf, WriteHalf};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::api::status::Failure;
use crate::spdy::Connection;

/// No message may be longer; clients send 32 KiB at a time.
pub(super) const LONGEST_MESSAGE: usize = 1 << 20;
/// How much of a tunnelled connection is under way at a time.
const TUNNEL: usize = 64 * 1024;
/// What the stream protocols of SPDY connections are negotiated with.
const STREAM_PROTOCOL: HeaderName = HeaderName::from_static("x-stream-protocol-version");

/// How often a silent connection is tried, so that a client that is gone is noticed.
const PING_INTERVAL: Duration = Duration::from_secs(5);

/// What a client asks the connection to become.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wanted {
    WebSocket,
    Spdy,
}

/// What the request asks for.
pub(super) fn wanted(headers: &HeaderMap) -> Result<Wanted, Failure> {
    let has = |name, wanted: &str| {
        let values = headers.get_all(name).iter();
        let mut words = values
            .filter_map(|value| value.to_str().ok())
            .flat_map(|text| text.split(','));
        words.any(|word| word.trim().eq_ignore_ascii_case(wanted))
    };
    if has(header::CONNECTION, "upgrade") {
        if has(header::UPGRADE, "websocket") {
            return Ok(Wanted::WebSocket);
        }
        if has(header::UPGRADE, "spdy/3.1") {
            return Ok(Wanted::Spdy);
        }
    }
    Err(Failure::bad_request("Upgrade request required"))
}

/// Prepares a WebSocket with the first of our protocols that the client knows.
pub(super) async fn websocket(
    request: Request<Body>,
    protocols: &'static [&'static str],
) -> Result<(WebSocketUpgrade, &'static str), Failure> {
    let (mut parts, _) = request.into_parts();
    let refused = |detail: &str| Failure::bad_request(format!("unable to upgrade: {detail}"));
    let upgrade = WebSocketUpgrade::from_request_parts(&mut parts, &())
        .await
        .map_err(|error| refused(&error.to_string()))?
        .max_message_size(LONGEST_MESSAGE)
        .max_frame_size(LONGEST_MESSAGE)
        .protocols(protocols.iter().copied());
    let chosen = upgrade.selected_protocol().cloned();
    let mut known = protocols.iter();
    match known.find(|name| chosen.as_ref().is_some_and(|chosen| chosen == **name)) {
        Some(chosen) => Ok((upgrade, chosen)),
        None => Err(refused(&format!(
            "the client offers none of the protocols [{}]",
            protocols.join(", ")
        ))),
    }
}

/// Answers that the connection becomes SPDY, and hands it over when it has.
pub(super) fn spdy<Work>(
    request: Request<Body>,
    protocol: &'static str,
    work: impl FnOnce(Connection) -> Work + Send + 'static,
) -> Result<Response, Failure>
where
    Work: Future<Output = ()> + Send + 'static,
{
    let offered = request.headers().get_all(&STREAM_PROTOCOL).iter();
    let offered: Vec<&str> = offered.filter_map(|value| value.to_str().ok()).collect();
    let mut words = offered.iter().flat_map(|text| text.split(','));
    if !words.any(|word| word.trim() == protocol) {
        let message = format!(
            "unable to upgrade: unable to negotiate protocol: client supports [{}], server accepts [{protocol}]",
            offered.join(" ")
        );
        return Err(Failure::new(StatusCode::FORBIDDEN, "Forbidden", message));
    }
    tokio::spawn(async move {
        match hyper::upgrade::on(request).await {
            Ok(upgraded) => work(Connection::start(TokioIo::new(upgraded))).await,
            Err(error) => tracing::debug!(%error, "connection not upgraded"),
        }
    });
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let headers = response.headers_mut();
    headers.insert(header::CONNECTION, HeaderValue::from_static("Upgrade"));
    headers.insert(header::UPGRADE, HeaderValue::from_static("SPDY/3.1"));
    headers.insert(STREAM_PROTOCOL, HeaderValue::from_static(protocol));
    Ok(response)
}

/// Says what is queued to a client, until the queue ends or the client is gone.
pub(super) async fn write_out<T>(
    mut sink: SplitSink<WebSocket, Message>,
    mut queue: mpsc::Receiver<T>,
    message: impl Fn(T) -> Bytes,
    gone: CancellationToken,
) {
    loop {
        let message = match tokio::time::timeout(PING_INTERVAL, queue.recv()).await {
            Ok(Some(data)) => Message::Binary(message(data)),
            Ok(None) => break,
            Err(_silence) => Message::Ping(Bytes::new()),
        };
        if sink.send(message).await.is_err() {
            gone.cancel();
            return;
        }
    }
    drop(sink.send(goodbye()).await);
}

/// The last message of a WebSocket on which all has been said. Clients take one without a code for a failure.
fn goodbye() -> Message {
    Message::Close(Some(CloseFrame {
        code: close_code::NORMAL,
        reason: "".into(),
    }))
}

/// The bytes inside the messages of a WebSocket, as one connection.
pub(super) fn tunnel(socket: WebSocket) -> DuplexStream {
    let (near, far) = tokio::io::duplex(TUNNEL);
    let (sink, messages) = socket.split();
    let (read, write) = tokio::io::split(far);
    tokio::spawn(unpack(messages, write));
    tokio::spawn(pack(read, sink));
    near
}

async fn unpack(mut messages: SplitStream<WebSocket>, mut to: WriteHalf<DuplexStream>) {
    while let Some(Ok(message)) = messages.next().await {
        match message {
            // When nobody reads any more, what still comes is dropped until the peer has hung up.
            Message::Binary(data) => drop(to.write_all(&data).await),
            Message::Close(_) => break,
            _ => {}
        }
    }
    drop(to.shutdown().await);
}

async fn pack(mut from: ReadHalf<DuplexStream>, mut sink: SplitSink<WebSocket, Message>) {
    let mut buffer = vec![0; TUNNEL];
    while let Ok(count @ 1..) = from.read(&mut buffer).await {
        let data = Bytes::copy_from_slice(&buffer[..count]);
        if sink.send(Message::Binary(data)).await.is_err() {
            return;
        }
    }
    drop(sink.send(goodbye()).await);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(connection: &'static str, upgrade: &'static str) -> HeaderMap {
        let pairs = [(header::CONNECTION, connection), (header::UPGRADE, upgrade)];
        let pairs = pairs.map(|(name, value)| (name, HeaderValue::from_static(value)));
        pairs.into_iter().collect()
    }

    #[test]
    fn what_a_client_wants_is_read_from_its_headers() {
        let asks = |connection, upgrade| wanted(&headers(connection, upgrade)).ok();
        assert_eq!(asks("Upgrade", "websocket"), Some(Wanted::WebSocket));
        assert_eq!(
            asks("keep-alive, upgrade", "WebSocket"),
            Some(Wanted::WebSocket)
        );
        assert_eq!(asks("Upgrade", "SPDY/3.1"), Some(Wanted::Spdy));
        assert_eq!(asks("Upgrade", "h2c"), None);
        assert_eq!(asks("close", "websocket"), None);
    }
}
