//! Understanding a request: its path, its query, what it accepts.

use axum::extract::Query;
use http::{HeaderMap, Method, Uri, header};

use super::status::Failure;

/// A path below `/api/v1` or `/apis/<group>/<version>`.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Route {
    pub(crate) group: String,
    pub(crate) version: String,
    pub(crate) namespace: Option<String>,
    pub(crate) plural: String,
    pub(crate) name: Option<String>,
    pub(crate) subresource: String,
    /// What follows the subresource, for proxies.
    pub(crate) rest: String,
}

impl Route {
    /// Parses a path that names a resource; `None` for anything else.
    pub(crate) fn parse(path: &str) -> Option<Self> {
        let raw: Vec<&str> = path.split('/').skip(1).collect();
        let (group, version, tail) = match raw.as_slice() {
            ["api", version, tail @ ..] => ("", *version, tail),
            ["apis", group, version, tail @ ..] => (*group, *version, tail),
            _ => return None,
        };
        let mut route = Self {
            group: decode(group)?,
            version: decode(version)?,
            ..Self::default()
        };
        let tail = match tail {
            // Inside a namespace, unless it is the namespace itself that is meant.
            ["namespaces", namespace, plural, below @ ..]
                if !matches!(*plural, "status" | "finalize" | "") =>
            {
                route.namespace = Some(decode(namespace)?);
                route.plural = decode(plural)?;
                below
            }
            [plural, below @ ..] => {
                route.plural = decode(plural)?;
                below
            }
            [] => return None,
        };
        if let [name, below @ ..] = tail
            && !name.is_empty()
        {
            route.name = Some(decode(name)?);
            if let [subresource, rest @ ..] = below {
                route.subresource = decode(subresource)?;
                route.rest = rest.join("/");
            }
        }
        (!route.plural.is_empty()).then_some(route)
    }
}

/// Undoes percent-encoding.
pub(super) fn decode(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte == b'%' {
            let digits = [rest.next()?, rest.next()?];
            let digits = std::str::from_utf8(&digits).ok()?;
            bytes.push(u8::from_str_radix(digits, 16).ok()?);
        } else {
            bytes.push(byte);
        }
    }
    String::from_utf8(bytes).ok()
}

/// How unknown fields are treated.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum FieldValidation {
    Ignore,
    #[default]
    Warn,
    Strict,
}

/// The query parameters of all verbs.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Options {
    pub(crate) label_selector: String,
    pub(crate) field_selector: String,
    pub(crate) limit: Option<usize>,
    pub(crate) continue_token: String,
    pub(crate) resource_version: String,
    pub(crate) version_match: String,
    pub(crate) watch: bool,
    pub(crate) bookmarks: bool,
    pub(crate) send_initial_events: Option<bool>,
    pub(crate) timeout_seconds: Option<u64>,
    pub(crate) dry_run: bool,
    pub(crate) field_manager: String,
    pub(crate) field_validation: FieldValidation,
    pub(crate) force: bool,
    pub(crate) grace_period: Option<i64>,
    pub(crate) propagation: String,
    pub(crate) orphan: Option<bool>,
    /// Everything, for subresources with parameters of their own.
    pub(crate) all: Vec<(String, String)>,
}

impl Options {
    pub(crate) fn parse(uri: &Uri) -> Result<Self, Failure> {
        let Query(pairs) = Query::<Vec<(String, String)>>::try_from_uri(uri)
            .map_err(|error| Failure::bad_request(error.to_string()))?;
        let mut options = Self::default();
        for (name, value) in &pairs {
            options.set(name, value)?;
        }
        options.all = pairs;
        Ok(options)
    }

    /// A parameter by name.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.all
            .iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.as_str())
    }

    fn set(&mut self, name: &str, value: &str) -> Result<(), Failure> {
        let flag = || matches!(value, "true" | "1" | "True" | "TRUE" | "t");
        let number = || {
            let bad = || Failure::bad_request(format!("invalid value {value:?} for {name}"));
            value.parse::<i64>().map_err(|_| bad())
        };
        match name {
            "labelSelector" => value.clone_into(&mut self.label_selector),
            "fieldSelector" => value.clone_into(&mut self.field_selector),
            "limit" => self.limit = usize::try_from(number()?).ok().filter(|limit| *limit > 0),
            "continue" => value.clone_into(&mut self.continue_token),
            "resourceVersion" => value.clone_into(&mut self.resource_version),
            "resourceVersionMatch" => value.clone_into(&mut self.version_match),
            "watch" => self.watch = flag(),
            "allowWatchBookmarks" => self.bookmarks = flag(),
            "sendInitialEvents" => self.send_initial_events = Some(flag()),
            "timeoutSeconds" => self.timeout_seconds = u64::try_from(number()?).ok(),
            "dryRun" => self.dry_run = dry_run(value)?,
            "fieldManager" => value.clone_into(&mut self.field_manager),
            "fieldValidation" => self.field_validation = field_validation(value)?,
            "force" => self.force = flag(),
            "gracePeriodSeconds" => self.grace_period = Some(number()?),
            "propagationPolicy" => value.clone_into(&mut self.propagation),
            "orphanDependents" => self.orphan = Some(flag()),
            _ => {}
        }
        Ok(())
    }
}

/// The one value that `dryRun` may have.
pub(crate) fn dry_run(value: &str) -> Result<bool, Failure> {
    match value {
        "All" => Ok(true),
        "" => Ok(false),
        other => Err(Failure::bad_request(format!(
            "invalid dryRun value {other:?}: supported values: \"All\""
        ))),
    }
}

fn field_validation(value: &str) -> Result<FieldValidation, Failure> {
    match value {
        "Strict" => Ok(FieldValidation::Strict),
        "Ignore" => Ok(FieldValidation::Ignore),
        "Warn" | "" => Ok(FieldValidation::Warn),
        other => Err(Failure::bad_request(format!(
            "invalid fieldValidation value {other:?}: supported values: \"Ignore\", \"Strict\", \"Warn\""
        ))),
    }
}

/// The form in which the client wants objects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Accept {
    Json,
    Table,
    /// `PartialObjectMetadata` or its list.
    Metadata,
}

impl Accept {
    pub(crate) fn parse(headers: &HeaderMap) -> Self {
        let text = headers
            .get(header::ACCEPT)
            .and_then(|value| value.to_str().ok());
        for range in text.unwrap_or_default().split(',') {
            let mut parts = range.split(';').map(str::trim);
            if !matches!(
                parts.next(),
                Some("application/json" | "*/*" | "application/*" | "")
            ) {
                continue;
            }
            let (mut form, mut version) = ("", "");
            for part in parts {
                match part.split_once('=') {
                    Some(("as", name)) => form = name,
                    Some(("v", name)) => version = name,
                    _ => {}
                }
            }
            match (form, version) {
                ("Table", "v1") => return Self::Table,
                ("PartialObjectMetadata" | "PartialObjectMetadataList", "v1") => {
                    return Self::Metadata;
                }
                ("", _) => return Self::Json,
                _ => {}
            }
        }
        Self::Json
    }
}

/// What a request does, in the words of authorization rules.
pub(crate) fn verb(method: &Method, route: &Route, options: &Options) -> &'static str {
    let named = route.name.is_some();
    match *method {
        Method::POST => "create",
        Method::PUT => "update",
        Method::PATCH => "patch",
        Method::DELETE if named => "delete",
        Method::DELETE => "deletecollection",
        _ if options.watch => "watch",
        _ if named => "get",
        _ => "list",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn route(path: &str) -> Route {
        Route::parse(path).unwrap()
    }

    #[test]
    fn paths_name_resources() {
        let pod = route("/api/v1/namespaces/ns/pods/p:80/proxy/a/b");
        assert_eq!(
            (
                pod.namespace.as_deref(),
                &*pod.plural,
                pod.name.as_deref(),
                &*pod.subresource,
                &*pod.rest
            ),
            (Some("ns"), "pods", Some("p:80"), "proxy", "a/b")
        );
        let namespace = route("/api/v1/namespaces/ns");
        assert_eq!(
            (&*namespace.plural, namespace.name.as_deref()),
            ("namespaces", Some("ns"))
        );
        let status = route("/api/v1/namespaces/ns/status");
        assert_eq!(
            (&*status.plural, &*status.subresource),
            ("namespaces", "status")
        );
        let custom = route("/apis/g.example.org/v1/widgets");
        assert_eq!(
            (&*custom.group, &*custom.plural, custom.name),
            ("g.example.org", "widgets", None)
        );
        for other in [
            "/",
            "/api",
            "/api/v1",
            "/apis/g/v1",
            "/apis/g",
            "/version",
            "/api/v1/%zz",
        ] {
            assert_eq!(Route::parse(other), None, "{other}");
        }
    }

    #[test]
    fn the_first_form_that_is_understood_wins() {
        let accept = |text: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::ACCEPT, http::HeaderValue::from_static(text));
            Accept::parse(&headers)
        };
        assert_eq!(
            accept("application/json;as=Table;v=v1;g=meta.k8s.io,application/json"),
            Accept::Table
        );
        assert_eq!(
            accept("application/vnd.kubernetes.protobuf,application/json"),
            Accept::Json
        );
        assert_eq!(
            accept("application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io"),
            Accept::Metadata
        );
        assert_eq!(accept("*/*"), Accept::Json);
    }
}
