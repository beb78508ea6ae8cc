//! `pods/<name>/portforward`: TCP connections to a Pod, many over one connection.
//!
//! [`streams`] speaks the protocol of `kubectl`, SPDY by itself or inside a WebSocket, and [`channels`] that of other
//! libraries.

mod channels;
mod streams;

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use axum::body::Body;
use axum::response::Response;
use http::Request;

use super::super::call::Call;
use super::upgrade::{self, Wanted};
use crate::api::status::Failure;
use crate::spdy::Connection;

/// SPDY inside a WebSocket, and the channels of a WebSocket.
const WEBSOCKET_PROTOCOLS: &[&str] = &[TUNNEL, "v4.channel.k8s.io"];
const TUNNEL: &str = "SPDY/3.1+portforward.k8s.io";
const SPDY_PROTOCOL: &str = "portforward.k8s.io";
const CONNECT: Duration = Duration::from_secs(5);
/// A channel number is one byte and each port takes two.
const PORTS: usize = 64;
const CHUNK: usize = 32 << 10;

/// Connects a client with ports of a Pod.
pub(super) async fn answer(call: &Call<'_>, request: Request<Body>) -> Result<Response, Failure> {
    // A WebSocket begins with a GET, which those may do who may only read.
    call.authorize_to("create")?;
    let pod = call.current()?.object;
    let address = super::address(&pod)?;
    let shutdown = call.server.inner.shutdown.clone();
    let name = call.name().to_owned();
    let forward = move |connection| streams::serve(connection, name, address, shutdown);
    match upgrade::wanted(request.headers())? {
        Wanted::Spdy => upgrade::spdy(request, SPDY_PROTOCOL, forward),
        Wanted::WebSocket => {
            let targets = targets(call, address);
            let (upgrade, protocol) = upgrade::websocket(request, WEBSOCKET_PROTOCOLS).await?;
            if protocol == TUNNEL {
                return Ok(upgrade.on_upgrade(move |socket| {
                    forward(Connection::start(upgrade::tunnel(socket)))
                }));
            }
            let targets = targets?;
            let shutdown = call.server.inner.shutdown.clone();
            Ok(upgrade.on_upgrade(move |socket| channels::forward(socket, targets, shutdown)))
        }
    }
}

/// The ports that are named in the request.
fn targets(call: &Call<'_>, address: IpAddr) -> Result<Vec<SocketAddr>, Failure> {
    let wanted = call.options.all.iter().filter(|(name, _)| name == "ports");
    let texts: Vec<&str> = wanted.flat_map(|(_, list)| list.split(',')).collect();
    if texts.is_empty() {
        return Err(Failure::bad_request("you must specify at least 1 port"));
    }
    if texts.len() > PORTS {
        return Err(Failure::bad_request(format!(
            "you may specify at most {PORTS} ports"
        )));
    }
    let mut targets = Vec::new();
    for text in texts {
        let bad = || Failure::bad_request(format!("port {text:?} is not a number from 1 to 65535"));
        targets.push(SocketAddr::new(address, port(text).ok_or_else(bad)?));
    }
    Ok(targets)
}

fn port(text: &str) -> Option<u16> {
    text.parse().ok().filter(|port| *port > 0)
}
