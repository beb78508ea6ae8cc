//! The REST API, with the paths and meanings of Patroni's, so that probes and runbooks keep working.
//!
//! | module | owns |
//! |---|---|
//! | `health` | questions of probes and load balancers, answered by the status code |
//! | `patroni`, `members` | this member, and all of them |
//! | `settings` | the history, and how the cluster replicates; read only |
//! | `actions`, `auth` | what people may ask for, and who may |

mod actions;
mod auth;
mod health;
mod members;
mod patroni;
mod settings;

use std::net::{Ipv6Addr, SocketAddr};
use std::sync::Arc;

use axum::extract::{RawQuery, State};
use axum::routing::{get, post};
use axum::{Json, Router};
use tokio::net::TcpListener;

use crate::args::Config;
use crate::member::Member;

use self::health::Question;

/// The port of the API.
pub(crate) const PORT: u16 = 8008;

type Shared = State<Arc<Member>>;

/// Paths of questions, with Patroni's names.
const QUESTIONS: [(&str, Question); 19] = [
    ("/", Question::Primary),
    ("/primary", Question::Primary),
    ("/leader", Question::Primary),
    ("/master", Question::Primary),
    ("/read-write", Question::Primary),
    ("/standby-leader", Question::StandbyLeader),
    ("/standby_leader", Question::StandbyLeader),
    ("/replica", Question::Replica),
    ("/read-only", Question::Reader),
    ("/sync", Question::Sync),
    ("/synchronous", Question::Sync),
    ("/quorum", Question::Sync),
    ("/async", Question::Async),
    ("/asynchronous", Question::Async),
    ("/read-only-sync", Question::SyncReader),
    ("/read-only-synchronous", Question::SyncReader),
    ("/read-only-quorum", Question::SyncReader),
    ("/health", Question::Up),
    ("/readiness", Question::Ready),
];

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
    let mut router = Router::new();
    for (path, question) in QUESTIONS {
        let ask =
            move |State(member): Shared, query: RawQuery| health::answer(member, question, query);
        router = router.route(path, get(ask));
    }
    router
        .route("/liveness", get(health::liveness))
        .route("/patroni", get(status))
        .route("/cluster", get(members::cluster))
        .route("/history", get(settings::history))
        .route(
            "/config",
            get(settings::config)
                .patch(settings::not_here)
                .put(settings::not_here),
        )
        .route(
            "/switchover",
            post(actions::switchover).delete(actions::cancel),
        )
        .route("/failover", post(actions::failover))
        .route(
            "/restart",
            post(actions::restart).delete(actions::no_restart),
        )
        .route("/reload", post(actions::reload))
        .route("/reinitialize", post(actions::reinitialise))
        .with_state(member)
}

async fn status(State(member): Shared) -> Json<patroni::Status> {
    let view = member.view.borrow().clone();
    Json(patroni::status(&member, &view))
}
