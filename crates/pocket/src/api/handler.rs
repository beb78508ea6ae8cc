//! From a request to an answer.

mod admit;
mod call;
mod create;
mod delete;
mod impersonate;
mod last_applied;
mod odd;
mod patch;
mod pod;
mod present;
mod read;
mod review;
mod scale;
mod token;
mod update;
mod watch;
mod write;

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderValue, Method, Request, StatusCode, header};

use self::call::Call;
use super::auth::Identity;
use super::builtin::Verbs;
use super::options::Options;
use super::request::{self, Accept, Route};
use super::resource::Resource;
use super::status::Failure;
use super::{ApiServer, discovery, metrics, openapi};

/// Answers one request.
pub(super) async fn serve(server: &ApiServer, request: Request<Body>) -> Response {
    match answer(server, request).await {
        Ok(response) => response,
        Err(failure) => failure.into_response(),
    }
}

async fn answer(server: &ApiServer, request: Request<Body>) -> Result<Response, Failure> {
    let path = request.uri().path();
    if let Some(response) = discovery::open(path) {
        return Ok(response);
    }
    let certified = request.extensions().get::<Identity>().cloned();
    let identity = certified.or_else(|| review::bearer(server, request.headers()));
    let identity = identity.ok_or_else(Failure::unauthorized)?;
    let identity = impersonate::identity(server, identity, request.headers())?;
    if let Some(response) = discovery::answer(server, &request) {
        return only_reading(request.method()).and(response);
    }
    if let Some(response) = openapi::answer(server, &request) {
        return only_reading(request.method()).and(response);
    }
    if let Some(response) = metrics::answer(server, &identity, &request) {
        return only_reading(request.method()).and(response);
    }
    let Some(route) = Route::parse(path) else {
        return Ok(no_such_page());
    };
    let registry = server.registry();
    if !discovery::knows(&registry, &route.group) {
        return Ok(no_such_page());
    }
    let resource = registry
        .find(&route.group, &route.version, &route.plural)
        .ok_or_else(Failure::no_such_resource)?;
    let options = Options::parse(request.uri())?;
    let verb = request::verb(request.method(), &route, &options);
    let call = Call::new(
        server,
        identity,
        resource,
        route,
        options,
        verb,
        request.headers(),
    );
    let answered = perform(&call, request).await;
    let response = answered.unwrap_or_else(IntoResponse::into_response);
    let verb = if call.route_is_apply() { "apply" } else { verb };
    let code = response.status();
    server
        .inner
        .metrics
        .count(resource, &call.route, verb, code);
    Ok(response)
}

async fn perform(call: &Call<'_>, request: Request<Body>) -> Result<Response, Failure> {
    call.authorize()?;
    call.options.check(call.verb)?;
    // What Pods answer by themselves has forms of its own.
    let ours = matches!(call.route.subresource.as_str(), "" | "status" | "scale");
    if ours && Accept::parse(request.headers()).is_none() {
        return Err(Failure::not_acceptable());
    }
    let answered = dispatch(call, request).await;
    Ok(answered.unwrap_or_else(|failure| present::failure(call, failure)))
}

fn only_reading(method: &Method) -> Result<(), Failure> {
    let reading = matches!(*method, Method::GET | Method::HEAD);
    reading
        .then_some(())
        .ok_or_else(Failure::method_not_allowed)
}

/// What a path outside the API answers.
fn no_such_page() -> Response {
    let plain = HeaderValue::from_static("text/plain; charset=utf-8");
    let mut response = (StatusCode::NOT_FOUND, "404 page not found\n").into_response();
    response.headers_mut().insert(header::CONTENT_TYPE, plain);
    response
}

async fn dispatch(call: &Call<'_>, request: Request<Body>) -> Result<Response, Failure> {
    let resource: &Resource = &call.resource;
    let method = request.method().clone();
    if resource.is_virtual() {
        let asked = method == Method::POST && call.route.name.is_none();
        return match asked {
            true => review::answer(call, request).await,
            false => Err(Failure::method_not_allowed()),
        };
    }
    match (call.route.subresource.as_str(), &call.route.name) {
        ("", None) => collection(call, &method, request).await,
        ("", Some(_)) => object(call, &method, request).await,
        ("status", Some(_)) if resource.status => match method {
            Method::GET => read::get(call),
            Method::PUT => update::put(call, request).await,
            Method::PATCH => patch::patch(call, request).await,
            _ => Err(Failure::method_not_allowed()),
        },
        ("scale", Some(_)) if resource.scale.is_some() => scale::answer(call, request).await,
        ("token", Some(_)) if resource.is("serviceaccounts") && method == Method::POST => {
            token::create(call, request).await
        }
        (_, Some(_)) if resource.is("pods") => {
            let uri = request.uri().clone();
            admit::connect(call, &uri).await?;
            pod::answer(call, request).await
        }
        ("finalize", Some(_)) if resource.is("namespaces") => match method {
            Method::PUT => update::put(call, request).await,
            _ => Err(Failure::method_not_allowed()),
        },
        _ => Err(Failure::no_such_resource()),
    }
}

async fn collection(
    call: &Call<'_>,
    method: &Method,
    request: Request<Body>,
) -> Result<Response, Failure> {
    match *method {
        Method::GET | Method::HEAD if call.options.watch => watch::watch(call),
        Method::GET | Method::HEAD => read::list(call),
        Method::POST => create::create(call, request).await,
        Method::DELETE
            if call
                .resource
                .builtin()
                .is_none_or(|one| one.verbs == Verbs::All) =>
        {
            delete::collection(call, request).await
        }
        _ => Err(Failure::method_not_allowed()),
    }
}

async fn object(
    call: &Call<'_>,
    method: &Method,
    request: Request<Body>,
) -> Result<Response, Failure> {
    match *method {
        Method::GET | Method::HEAD if call.options.watch => watch::watch(call),
        Method::GET | Method::HEAD => read::get(call),
        Method::PUT => update::put(call, request).await,
        Method::PATCH => patch::patch(call, request).await,
        Method::DELETE => delete::delete(call, request).await,
        _ => Err(Failure::method_not_allowed()),
    }
}

/// Who writes, from the parameter or from the program's name.
fn manager(options: &Options, headers: &HeaderMap) -> String {
    if !options.field_manager.is_empty() {
        return options.field_manager.clone();
    }
    let agent = headers
        .get(header::USER_AGENT)
        .and_then(|value| value.to_str().ok());
    let program = agent
        .unwrap_or_default()
        .split('/')
        .next()
        .unwrap_or_default();
    if program.is_empty() {
        "unknown".to_owned()
    } else {
        program.to_owned()
    }
}

/// The form of the answer.
fn accept(headers: &HeaderMap) -> Accept {
    Accept::parse(headers).unwrap_or(Accept::Json)
}
