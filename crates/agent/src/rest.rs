//! The REST API, with the paths and meanings of Patroni's, so that probes and runbooks keep working.
//! It only reads.

mod members;
mod patroni;

use std::net::{Ipv6Addr, SocketAddr};
use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use tokio::net::TcpListener;
use tokio::time::Instant;

use crate::args::Config;
use crate::member::Member;
use crate::view::View;

/// The port of the API.
pub(crate) const PORT: u16 = 8008;

type Shared = State<Arc<Member>>;

/// Opens the port.
pub(crate) async fn bind(config: &Config) -> std::io::Result<TcpListener> {
    let address = config.bind.unwrap_or(Ipv6Addr::UNSPECIFIED.into());
    match TcpListener::bind(SocketAddr::new(address, PORT)).await {
        // A machine without IPv6.
        Err(_) if config.bind.is_none() => TcpListener::bind(("0.0.0.0", PORT)).await,
        bound => bound,
    }
}

/// Answers for as long as the agent runs.
pub(crate) async fn serve(listener: TcpListener, member: Arc<Member>) {
    // An error of a single connection ends that connection only.
    let _ = axum::serve(listener, router(member)).await;
}

fn router(member: Arc<Member>) -> Router {
    let primary = || get(|State(member): Shared| health(member, View::is_primary));
    let replica = || get(|State(member): Shared| health(member, is_open_replica));
    let reader = || get(|State(member): Shared| health(member, is_open_reader));
    Router::new()
        .route("/", primary())
        .route("/primary", primary())
        .route("/leader", primary())
        .route("/master", primary())
        .route("/read-write", primary())
        .route("/replica", replica())
        .route("/read-only", reader())
        .route(
            "/health",
            get(|State(member): Shared| health(member, View::is_up)),
        )
        .route(
            "/readiness",
            get(|State(member): Shared| health(member, View::is_ready)),
        )
        .route("/liveness", get(liveness))
        .route("/patroni", get(status))
        .route("/cluster", get(members::cluster))
        .with_state(member)
}

fn is_open_replica(view: &View, now: Instant) -> bool {
    view.is_replica(now)
}

fn is_open_reader(view: &View, now: Instant) -> bool {
    view.is_primary(now) || view.is_replica(now)
}

/// 200 if the question is answered with yes, else 503; the body is the same.
async fn health(member: Arc<Member>, question: fn(&View, Instant) -> bool) -> Response {
    let view = member.view.borrow().clone();
    let code = if question(&view, Instant::now()) {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    (code, Json(patroni::status(&member, &view))).into_response()
}

async fn liveness(State(member): Shared) -> StatusCode {
    let alive = member
        .view
        .borrow()
        .is_alive(Instant::now(), member.last_beat());
    if alive {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    }
}

async fn status(State(member): Shared) -> Json<patroni::Status> {
    let view = member.view.borrow().clone();
    Json(patroni::status(&member, &view))
}
