//! Asking the health service of gRPC (`grpc.health.v1.Health/Check`).
//!
//! The request has one field, the name of the service, and the answer has one, its status: too little for a library.

use std::net::SocketAddr;
use std::pin::pin;

use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpStream;

/// No answer of a health service is longer.
const LONGEST_ANSWER: usize = 4096;
/// The status of a service that serves.
const SERVING: u8 = 1;

/// Asks; anything but "it serves" is an error.
pub(super) async fn ask(address: SocketAddr, service: &str) -> Result<(), String> {
    let fail = |error: &dyn std::fmt::Display| {
        format!("timeout or error: health rpc to {address} failed: {error}")
    };
    let stream = TcpStream::connect(address)
        .await
        .map_err(|error| fail(&error))?;
    let (mut sender, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream))
            .await
            .map_err(|error| fail(&error))?;
    let request = Request::post(format!("http://{address}/grpc.health.v1.Health/Check"))
        .header("content-type", "application/grpc")
        .header("te", "trailers")
        .header("user-agent", "kube-probe/pocket")
        .body(Full::new(Bytes::from(request(service))))
        .map_err(|error| fail(&error))?;
    let exchange = async {
        let response = sender
            .send_request(request)
            .await
            .map_err(|error| fail(&error))?;
        let (head, body) = response.into_parts();
        let body = Limited::new(body, LONGEST_ANSWER).collect().await;
        let body = body.map_err(|error| fail(&error))?;
        let trailers = body.trailers().cloned().unwrap_or_default();
        let code = trailers
            .get("grpc-status")
            .or_else(|| head.headers.get("grpc-status"));
        match code.map(|code| code.as_bytes()) {
            Some(b"0") => judge(&body.to_bytes()).map_err(|error| fail(&error)),
            Some(code) => Err(fail(&format!("code {}", String::from_utf8_lossy(code)))),
            None => Err(fail(&format!("HTTP status {}", head.status))),
        }
    };
    let (mut exchange, connection) = (pin!(exchange), pin!(connection));
    // The connection makes progress only while it is polled; it ends with this function.
    tokio::select! {
        result = &mut exchange => result,
        _ = connection => exchange.await,
    }
}

/// The message with its frame: not compressed, its length, its only field.
fn request(service: &str) -> Vec<u8> {
    let mut message = Vec::new();
    // Names of services are short; a longer one names none. Up to here a length is a single byte.
    if let Ok(length @ 1..=127) = u8::try_from(service.len()) {
        message.extend_from_slice(&[0x0a, length]);
        message.extend_from_slice(service.as_bytes());
    }
    let length = u32::try_from(message.len()).unwrap_or_default();
    let mut framed = vec![0];
    framed.extend_from_slice(&length.to_be_bytes());
    framed.extend_from_slice(&message);
    framed
}

fn judge(answer: &[u8]) -> Result<(), String> {
    match answer {
        [0, 0, 0, 0, 2, 0x08, SERVING] => Ok(()),
        [0, 0, 0, 0, 2, 0x08, status] => Err(format!("service unhealthy (status {status})")),
        [0, 0, 0, 0, 0] => Err("service unhealthy (status 0)".to_owned()),
        _ => Err("the answer is no health status".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::StreamBody;
    use hyper::body::Frame;
    use hyper::service::service_fn;
    use tokio::net::TcpListener;

    use super::*;

    /// Answers one question with this message and this code.
    async fn serve(
        wanted: &'static [u8],
        answer: &'static [u8],
        code: &'static str,
    ) -> (SocketAddr, tokio::task::JoinHandle<()>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let server = tokio::spawn(async move {
            let (stream, _) = listener.accept().await.unwrap();
            let service = service_fn(|request: Request<hyper::body::Incoming>| async move {
                assert_eq!(request.uri().path(), "/grpc.health.v1.Health/Check");
                let asked = request.into_body().collect().await.unwrap().to_bytes();
                assert_eq!(asked, wanted);
                let mut trailers = http::HeaderMap::new();
                trailers.insert("grpc-status", code.parse().unwrap());
                let frames = [
                    Frame::data(Bytes::from_static(answer)),
                    Frame::trailers(trailers),
                ];
                let frames = futures::stream::iter(frames.map(Ok::<_, std::convert::Infallible>));
                Ok::<_, std::convert::Infallible>(http::Response::new(StreamBody::new(frames)))
            });
            // The client hangs up when it has its answer.
            drop(
                hyper::server::conn::http2::Builder::new(TokioExecutor::new())
                    .serve_connection(TokioIo::new(stream), service)
                    .await,
            );
        });
        (address, server)
    }

    #[tokio::test]
    async fn a_service_is_well_only_if_it_says_so() {
        let all: &[u8] = &[0, 0, 0, 0, 0];
        let named: &[u8] = b"\0\0\0\0\x05\x0a\x03abc";
        for (service, wanted, answer, code, is_good) in [
            ("", all, &b"\0\0\0\0\x02\x08\x01"[..], "0", true),
            ("abc", named, b"\0\0\0\0\x02\x08\x01", "0", true),
            ("", all, b"\0\0\0\0\x02\x08\x02", "0", false),
            ("", all, b"\0\0\0\0\0", "0", false),
            ("abc", named, b"", "5", false),
            ("", all, b"nonsense", "0", false),
        ] {
            let (address, server) = serve(wanted, answer, code).await;
            let result = ask(address, service).await;
            assert_eq!(result.is_ok(), is_good, "{answer:?}: {result:?}");
            server.await.unwrap();
        }
    }
}
