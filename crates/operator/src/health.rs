//! What probes ask: whether the operator runs, and whether it has reached the API server.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::get;
use tokio::net::TcpListener;

/// Whether the operator can do its work, be it as leader or as the next one.
#[derive(Debug, Clone, Default)]
pub(crate) struct Health(Arc<AtomicBool>);

impl Health {
    /// The API server has answered as it should.
    pub(crate) fn ready(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    fn answer(&self) -> (StatusCode, &'static str) {
        if self.0.load(Ordering::Relaxed) {
            (StatusCode::OK, "ok\n")
        } else {
            (
                StatusCode::SERVICE_UNAVAILABLE,
                "waiting for the API server\n",
            )
        }
    }
}

/// Opens the port.
pub(crate) async fn bind(address: SocketAddr) -> std::io::Result<TcpListener> {
    match TcpListener::bind(address).await {
        // A machine without IPv6.
        Err(_) if address.ip() == Ipv6Addr::UNSPECIFIED => {
            TcpListener::bind((Ipv4Addr::UNSPECIFIED, address.port())).await
        }
        bound => bound,
    }
}

/// Answers for as long as it is polled.
pub(crate) async fn serve(listener: TcpListener, health: Health) {
    let router = Router::new()
        .route("/livez", get(|| async { "ok\n" }))
        .route(
            "/readyz",
            get(|State(health): State<Health>| async move { health.answer() }),
        )
        .with_state(health);
    // An error of a single connection ends that connection only.
    let _ = axum::serve(listener, router).await;
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpStream;

    use super::*;

    async fn status(address: SocketAddr, path: &str) -> String {
        let mut stream = TcpStream::connect(address).await.unwrap();
        let request = format!("GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        answer
            .split(' ')
            .nth(1)
            .map(str::to_owned)
            .unwrap_or_default()
    }

    #[tokio::test]
    async fn it_lives_at_once_and_is_ready_when_the_api_has_answered() {
        let listener = bind("127.0.0.1:0".parse().unwrap()).await.unwrap();
        let address = listener.local_addr().unwrap();
        let health = Health::default();
        let serving = tokio::spawn(serve(listener, health.clone()));
        let asking = async {
            assert_eq!(status(address, "/livez").await, "200");
            assert_eq!(status(address, "/readyz").await, "503");
            health.ready();
            assert_eq!(status(address, "/readyz").await, "200");
            assert_eq!(status(address, "/else").await, "404");
        };
        tokio::time::timeout(Duration::from_secs(30), asking)
            .await
            .unwrap();
        serving.abort();
    }
}
