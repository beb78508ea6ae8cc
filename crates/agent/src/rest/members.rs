//! The answer to `GET /cluster`: all members, asked one by one.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use futures::future::join_all;
use howdah_types::{InstanceName, Lsn};
use http_body_util::{BodyExt, Empty, Limited};
use hyper::body::Bytes;
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use serde::Serialize;

use super::{PORT, Shared, patroni};
use crate::member::Member;
use crate::view::host;

/// The time for a member's answer.
const ANSWER: Duration = Duration::from_secs(2);
/// The longest answer that is read.
const LONGEST: usize = 1 << 20;

/// The whole cluster.
#[derive(Debug, Serialize)]
pub(super) struct Cluster {
    members: Vec<Entry>,
    scope: String,
}

/// One member in Patroni's shape.
#[derive(Debug, Serialize)]
struct Entry {
    name: String,
    role: &'static str,
    state: String,
    api_url: String,
    host: String,
    port: u16,
    #[serde(skip_serializing_if = "Option::is_none")]
    timeline: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    lag: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    lsn: Option<Lsn>,
    #[serde(skip_serializing_if = "is_false")]
    pending_restart: bool,
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "the form that serde calls"
)]
fn is_false(value: &bool) -> bool {
    !value
}

/// Asks every member that has a Pod and an address.
pub(super) async fn cluster(State(member): Shared) -> Json<Cluster> {
    let peers = member.peers.borrow().clone().unwrap_or_default();
    let answers = peers.into_iter().filter_map(|(name, peer)| {
        let address = peer.address?;
        let member = Arc::clone(&member);
        Some(async move {
            let answer = ask(&member, &name, address).await;
            (name, address, answer)
        })
    });
    let answers = join_all(answers).await;
    let end = answers
        .iter()
        .filter_map(|(_, _, answer)| answer.as_ref())
        .filter(|status| is_leader(status))
        .find_map(patroni::Status::newest);
    Json(Cluster {
        members: answers
            .into_iter()
            .map(|(name, address, answer)| entry(&name, address, answer, end))
            .collect(),
        scope: member.cluster.name.to_string(),
    })
}

/// How far the primary is, asked of it.
pub(super) async fn primary_position(member: &Member) -> Option<Lsn> {
    let peers = member.peers.borrow().clone().unwrap_or_default();
    let (name, peer) = peers
        .into_iter()
        .find(|(_, peer)| peer.role.as_deref() == Some("primary"))?;
    ask(member, &name, peer.address?).await?.newest()
}

fn is_leader(status: &patroni::Status) -> bool {
    matches!(status.role.as_deref(), Some("primary" | "standby_leader"))
}

fn entry(
    name: &InstanceName,
    address: IpAddr,
    answer: Option<patroni::Status>,
    end: Option<Lsn>,
) -> Entry {
    let host = host(&address);
    let leader = answer.as_ref().is_some_and(is_leader);
    let lsn = answer.as_ref().and_then(patroni::Status::newest);
    Entry {
        name: name.to_string(),
        role: match answer.as_ref().and_then(|status| status.role.as_deref()) {
            Some("standby_leader") => "standby_leader",
            _ if leader => "leader",
            _ => "replica",
        },
        state: answer.as_ref().map_or("unreachable", state).to_owned(),
        api_url: format!("http://{host}:{PORT}/patroni"),
        host: address.to_string(),
        port: 5432,
        timeline: answer.as_ref().and_then(|status| status.timeline),
        lag: match (leader, end, lsn) {
            (false, Some(end), Some(lsn)) => Some(end.ahead_of(lsn)),
            _ => None,
        },
        lsn,
        pending_restart: answer.is_some_and(|status| status.pending_restart),
    }
}

/// A standby that receives is shown as `streaming`, as Patroni does.
fn state(status: &patroni::Status) -> &str {
    match status.replication_state.as_deref() {
        Some("streaming") if status.state == "running" => "streaming",
        _ => &status.state,
    }
}

/// A member's own answer; this one's comes without a connection. None if it cannot be had in time.
async fn ask(member: &Member, name: &InstanceName, address: IpAddr) -> Option<patroni::Status> {
    if *name == member.config.instance {
        let view = member.view.borrow().clone();
        return Some(patroni::status(member, &view));
    }
    let uri = format!("http://{}:{PORT}/patroni", host(&address))
        .parse()
        .ok()?;
    let answer = tokio::time::timeout(ANSWER, get(uri)).await.ok()??;
    let status: patroni::Status = serde_json::from_slice(&answer).ok()?;
    // An address that went to another Pod meanwhile.
    (status.patroni.name == name.to_string()).then_some(status)
}

async fn get(uri: hyper::Uri) -> Option<Bytes> {
    let client: Client<_, Empty<Bytes>> = Client::builder(TokioExecutor::new()).build_http();
    let response = client.get(uri).await.ok()?;
    let body = Limited::new(response.into_body(), LONGEST).collect().await;
    Some(body.ok()?.to_bytes())
}
