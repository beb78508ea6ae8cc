//! `pods/<name>/exec` and `pods/<name>/attach`: programs in containers, over WebSockets or SPDY.
//!
//! [`channels`] and [`streams`] speak the two protocols, [`converse`] lets a client and a program talk. As on a
//! real server the request is answered first; that a program cannot be started is told over the new connection.

mod channels;
mod converse;
mod streams;

use std::sync::Arc;

use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use http::Request;
use serde_json::Value;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use self::converse::Conversation;
use super::super::call::Call;
use super::upgrade::{self, Wanted};
use crate::api::object;
use crate::api::status::Failure;
use crate::node::SessionOptions;

/// The current protocol, in which the client can say that its input is over, and the one before.
const WEBSOCKET_PROTOCOLS: &[&str] = &[V5, "v4.channel.k8s.io"];
const V5: &str = "v5.channel.k8s.io";
/// The protocol over SPDY, in which the exit code is a Status.
const SPDY_PROTOCOL: &str = "v4.channel.k8s.io";

/// What a client says.
#[derive(Debug, PartialEq, Eq)]
enum Event {
    Stdin(Bytes),
    StdinClosed,
    Resize { columns: u16, rows: u16 },
}

/// Where something is said to a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Channel {
    Stdout,
    Stderr,
    Error,
}

/// A client, whatever protocol it speaks.
struct Client {
    events: mpsc::Receiver<Event>,
    out: mpsc::Sender<(Channel, Bytes)>,
    /// Cancelled when the client is gone.
    gone: CancellationToken,
}

/// Connects a client with a program in a container.
pub(super) async fn answer(call: &Call<'_>, request: Request<Body>) -> Result<Response, Failure> {
    // A WebSocket begins with a GET, which those may do who may only read.
    call.authorize_to("create")?;
    let pod = call.current()?.object;
    let options = options(call, &pod)?;
    let wanted = upgrade::wanted(request.headers())?;
    let sessions = call.server.inner.sessions.read().as_ref().map(Arc::clone);
    let sessions = sessions.filter(|_| !object::text(&pod, &["spec", "nodeName"]).is_empty());
    let sessions = sessions.ok_or_else(|| {
        Failure::bad_request(format!("pod {} does not have a host assigned", call.name()))
    })?;
    let conversation = Conversation {
        sessions,
        namespace: call.namespace().to_owned(),
        pod: call.name().to_owned(),
        options: options.clone(),
        shutdown: call.server.inner.shutdown.clone(),
    };
    match wanted {
        Wanted::WebSocket => {
            let (upgrade, protocol) = upgrade::websocket(request, WEBSOCKET_PROTOCOLS).await?;
            Ok(upgrade
                .on_upgrade(move |socket| channels::serve(socket, protocol == V5, conversation)))
        }
        Wanted::Spdy => upgrade::spdy(request, SPDY_PROTOCOL, move |connection| {
            streams::serve(connection, conversation)
        }),
    }
}

fn options(call: &Call<'_>, pod: &Value) -> Result<SessionOptions, Failure> {
    let flag = |name| matches!(call.options.get(name), Some("true" | "1"));
    let [stdin, stdout, stderr, tty] = ["stdin", "stdout", "stderr", "tty"].map(flag);
    if !(stdin || stdout || stderr) {
        let message = "you must specify at least 1 of stdin, stdout, stderr";
        return Err(Failure::bad_request(message));
    }
    let all = call.options.all.iter();
    let words = all.filter(|(name, _)| name == "command");
    let words: Vec<String> = words.map(|(_, word)| word.clone()).collect();
    let command = match call.route.subresource.as_str() {
        "exec" if words.is_empty() => {
            return Err(Failure::bad_request(
                "you must specify a command for the container",
            ));
        }
        "exec" => Some(words),
        _ => None,
    };
    Ok(SessionOptions {
        container: container(call, pod)?,
        command,
        stdin,
        stdout,
        stderr: stderr && !tty,
        tty,
    })
}

/// The container that is named, or the only one.
fn container(call: &Call<'_>, pod: &Value) -> Result<String, Failure> {
    let names = |list| {
        let containers = object::list(pod, &["spec", list]).iter();
        containers
            .map(|one| object::text(one, &["name"]))
            .collect::<Vec<_>>()
    };
    let (main, init) = (names("containers"), names("initContainers"));
    match call.options.get("container").unwrap_or_default() {
        "" => match main.as_slice() {
            [only] => Ok((*only).to_owned()),
            _ => Err(Failure::bad_request(format!(
                "a container name must be specified for pod {}, choose one of: [{}]",
                call.name(),
                main.join(" ")
            ))),
        },
        name if main.contains(&name) || init.contains(&name) => Ok(name.to_owned()),
        name => Err(Failure::bad_request(format!(
            "container {name} is not valid for pod {}",
            call.name()
        ))),
    }
}
