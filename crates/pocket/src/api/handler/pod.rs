//! The subresources of Pods that reach into them.

mod logs;
mod portforward;
mod proxy;
mod remote;
mod upgrade;

use axum::body::Body;
use axum::response::Response;
use http::{Method, Request, StatusCode};
use serde_json::{Value, json};

use super::call::Call;
use super::{admit, delete, present};
use crate::api::status::Failure;
use crate::api::{body, object};

/// Answers a request to a subresource of a Pod.
pub(super) async fn answer(call: &Call<'_>, request: Request<Body>) -> Result<Response, Failure> {
    let method = request.method().clone();
    match (call.route.subresource.as_str(), method) {
        ("log", Method::GET) => logs::answer(call).await,
        ("proxy", _) => proxy::answer(call, request).await,
        ("portforward", Method::GET | Method::POST) => portforward::answer(call, request).await,
        ("eviction", Method::POST) => evict(call, request).await,
        ("exec" | "attach", Method::GET | Method::POST) => remote::answer(call, request).await,
        ("log" | "portforward" | "eviction" | "exec" | "attach", _) => {
            Err(Failure::method_not_allowed())
        }
        _ => Err(Failure::no_such_resource()),
    }
}

/// An eviction is a deletion that asks nicely; nothing here ever has to say no.
async fn evict(call: &Call<'_>, request: Request<Body>) -> Result<Response, Failure> {
    let sent = body::yaml(&body::read(request.into_body()).await?)?;
    let sent = admit::subresource(call, ("policy", "v1", "Eviction"), sent).await?;
    delete::with_options(call, &sent["deleteOptions"]).await?;
    let success = json!({"kind": "Status", "apiVersion": "v1", "metadata": {},
        "status": "Success", "code": 201});
    Ok(present::raw(call, StatusCode::CREATED, success.to_string()))
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
