//! The subresources of Pods that reach into them.

mod eviction;
mod logs;
mod portforward;
mod proxy;
mod remote;
mod upgrade;

use axum::body::Body;
use axum::response::Response;
use http::{Method, Request, StatusCode};
use serde_json::{Value, json};

use super::call::{Call, Current};
use super::{admit, present, update};
use crate::api::status::{Cause, Failure};
use crate::api::{body, object};

/// Answers a request to a subresource of a Pod.
pub(super) async fn answer(call: &Call<'_>, request: Request<Body>) -> Result<Response, Failure> {
    let method = request.method().clone();
    match (call.route.subresource.as_str(), method) {
        ("log", Method::GET) => logs::answer(call).await,
        ("proxy", _) => proxy::answer(call, request).await,
        ("portforward", Method::GET | Method::POST) => portforward::answer(call, request).await,
        ("eviction", Method::POST) => eviction::answer(call, request).await,
        ("binding", Method::POST) => bind(call, request).await,
        ("exec" | "attach", Method::GET | Method::POST) => remote::answer(call, request).await,
        ("log" | "portforward" | "eviction" | "binding" | "exec" | "attach", _) => {
            Err(Failure::method_not_allowed())
        }
        _ => Err(Failure::no_such_resource()),
    }
}

/// Puts a Pod on a node, as a scheduler asks for it.
async fn bind(call: &Call<'_>, request: Request<Body>) -> Result<Response, Failure> {
    let sent = body::yaml(&body::read(request.into_body()).await?)?;
    let sent = admit::subresource(call, ("", "v1", "Binding"), sent).await?;
    let node = object::text(&sent, &["target", "name"]);
    if node.is_empty() {
        let cause = Cause::required("target.name", "");
        return Err(Failure::invalid_kind(
            "",
            "Binding",
            call.name(),
            vec![cause],
        ));
    }
    let assign = |current: &Current| {
        let mut pod = current.object.clone();
        let known = object::text(&pod, &["spec", "nodeName"]).to_owned();
        if known.is_empty() {
            pod["spec"]["nodeName"] = Value::from(node);
            return Ok(pod);
        }
        let name = call.name();
        let detail = format!("pod {name} is already assigned to node \"{known}\"");
        let message = format!("Operation cannot be fulfilled on pods/binding \"{name}\": {detail}");
        Err(Failure::new(StatusCode::CONFLICT, "Conflict", message).finally())
    };
    update::change(call, None, assign).await?;
    Ok(present::raw(
        call,
        StatusCode::CREATED,
        created().to_string(),
    ))
}

/// What a request answers that has created nothing to show.
fn created() -> Value {
    json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "code": 201})
}

/// The address of a running Pod.
fn address(pod: &Value) -> Result<std::net::IpAddr, Failure> {
    let address = object::text(pod, &["status", "podIP"]).parse();
    address.map_err(|_| {
        let name = object::meta(pod, "name");
        Failure::bad_request(format!("pod {name} does not have a host assigned"))
    })
}

/// A port by number or by the name that one of the containers gives it.
fn port_number(pod: &Value, port: &str) -> Option<u16> {
    if let Ok(number) = port.parse() {
        return Some(number);
    }
    let containers = object::list(pod, &["spec", "containers"]).iter();
    let mut ports = containers.flat_map(|one| object::list(one, &["ports"]));
    let found = ports.find(|one| one["name"] == port)?;
    u16::try_from(found["containerPort"].as_u64()?).ok()
}
