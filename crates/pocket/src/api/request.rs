//! Understanding a request: its path, what it does, what it accepts.

use http::{HeaderMap, Method, header};

use super::options::Options;

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

/// The form in which the client wants objects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Accept {
    Json,
    Table,
    /// `PartialObjectMetadata` or its list.
    Metadata,
}

impl Accept {
    /// The form to answer in; `None` when the client takes none that there is.
    pub(crate) fn parse(headers: &HeaderMap) -> Option<Self> {
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
                ("Table", "v1") => return Some(Self::Table),
                ("PartialObjectMetadata" | "PartialObjectMetadataList", "v1") => {
                    return Some(Self::Metadata);
                }
                ("", _) => return Some(Self::Json),
                _ => {}
            }
        }
        None
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
            Accept::parse(&headers).unwrap()
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
