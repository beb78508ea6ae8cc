//! How many requests were answered, under the name and labels of a real API server, so that the same question can be
//! asked of both. There a watch is counted when it ends, here when it begins.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use axum::body::Body;
use axum::response::{IntoResponse as _, Response};
use http::{HeaderValue, Request, StatusCode, header};
use parking_lot::Mutex;

use super::ApiServer;
use super::auth::{Asked, Identity, allowed};
use super::request::Route;
use super::resource::Resource;
use super::status::Failure;

const PATH: &str = "/metrics";
/// So many sets of labels are counted; kinds can be defined and removed without end.
const SETS: usize = 10_000;

/// One counter's labels, in the order in which they are shown.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Labels {
    code: u16,
    group: String,
    resource: String,
    scope: &'static str,
    subresource: String,
    verb: &'static str,
    version: String,
}

/// The counters.
#[derive(Debug, Default)]
pub(super) struct Metrics(Mutex<BTreeMap<Labels, u64>>);

impl Metrics {
    /// Counts an answer to a request for a resource.
    pub(super) fn count(
        &self,
        resource: &Resource,
        route: &Route,
        verb: &'static str,
        code: StatusCode,
    ) {
        let labels = Labels {
            code: code.as_u16(),
            group: resource.group.clone(),
            resource: resource.plural.clone(),
            scope: scope(route, verb),
            subresource: subresource(resource, route),
            verb: shown(verb),
            version: resource.version.clone(),
        };
        self.add(labels);
    }

    fn add(&self, labels: Labels) {
        let mut counters = self.0.lock();
        if counters.len() < SETS || counters.contains_key(&labels) {
            *counters.entry(labels).or_default() += 1;
        }
    }

    /// The text that Prometheus reads.
    fn text(&self) -> String {
        let mut text =
            "# HELP apiserver_request_total Counter of requests by verb, resource and code.\n\
                        # TYPE apiserver_request_total counter\n"
                .to_owned();
        for (labels, count) in &*self.0.lock() {
            let Labels {
                code,
                group,
                resource,
                scope,
                subresource,
                verb,
                version,
            } = labels;
            // A String takes all that is written to it.
            let _ = writeln!(
                text,
                "apiserver_request_total{{code=\"{code}\",component=\"apiserver\",dry_run=\"\",group=\"{group}\",\
                 resource=\"{resource}\",scope=\"{scope}\",subresource=\"{subresource}\",verb=\"{verb}\",\
                 version=\"{version}\"}} {count}"
            );
        }
        text
    }
}

/// Answers the page with the counters; `None` for any other.
pub(super) fn answer(
    server: &ApiServer,
    identity: &Identity,
    request: &Request<Body>,
) -> Option<Result<Response, Failure>> {
    let path = request.uri().path();
    (path == PATH).then(|| {
        let asked = Asked {
            verb: "get",
            path,
            ..Asked::default()
        };
        if !allowed(server.store(), identity, &asked) {
            return Err(Failure::forbidden_path(&identity.user, path));
        }
        let mut response = server.inner.metrics.text().into_response();
        let kind = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
        response.headers_mut().insert(header::CONTENT_TYPE, kind);
        Ok(response)
    })
}

/// Whether it was about one object, those of a namespace, or all.
fn scope(route: &Route, verb: &str) -> &'static str {
    match (&route.name, &route.namespace) {
        _ if verb == "create" => "resource",
        (Some(_), _) => "resource",
        (None, Some(_)) => "namespace",
        (None, None) => "cluster",
    }
}

/// Only those that there are: anybody can ask for any other.
fn subresource(resource: &Resource, route: &Route) -> String {
    let there = match route.subresource.as_str() {
        "status" => resource.status,
        "scale" => resource.scale.is_some(),
        "finalize" => resource.is("namespaces"),
        "token" => resource.is("serviceaccounts"),
        "attach" | "binding" | "eviction" | "exec" | "log" | "portforward" | "proxy" => {
            resource.is("pods")
        }
        _ => false,
    };
    if there {
        route.subresource.clone()
    } else {
        String::new()
    }
}

fn shown(verb: &str) -> &'static str {
    match verb {
        "get" => "GET",
        "list" => "LIST",
        "watch" => "WATCH",
        "create" => "POST",
        "update" => "PUT",
        "patch" => "PATCH",
        "apply" => "APPLY",
        "delete" => "DELETE",
        "deletecollection" => "DELETECOLLECTION",
        _ => "other",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(code: u16) -> Labels {
        Labels {
            code,
            group: "apps".to_owned(),
            resource: "things".to_owned(),
            scope: "namespace",
            subresource: String::new(),
            verb: "LIST",
            version: "v1".to_owned(),
        }
    }

    #[test]
    fn so_many_sets_of_labels_are_counted_and_no_more() {
        let metrics = Metrics::default();
        let sets = u16::try_from(SETS).unwrap();
        for code in (0..=sets).chain([0, sets]) {
            metrics.add(labels(code));
        }
        let text = metrics.text();
        assert_eq!(text.lines().count(), SETS + 2);
        let first = "apiserver_request_total{code=\"0\",component=\"apiserver\",dry_run=\"\",group=\"apps\",\
                     resource=\"things\",scope=\"namespace\",subresource=\"\",verb=\"LIST\",version=\"v1\"} 2";
        assert!(text.lines().any(|line| line == first), "{first}");
    }

    #[test]
    fn requests_have_the_scope_of_what_they_are_about() {
        let scope = |path: &str, verb| scope(&Route::parse(path).unwrap(), verb);
        assert_eq!(scope("/api/v1/pods", "list"), "cluster");
        assert_eq!(scope("/api/v1/namespaces/a/pods", "list"), "namespace");
        assert_eq!(scope("/api/v1/namespaces/a/pods", "create"), "resource");
        assert_eq!(scope("/api/v1/namespaces/a/pods/b", "get"), "resource");
    }
}
