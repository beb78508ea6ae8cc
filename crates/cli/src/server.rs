//! The one way to the API: requests with a time limit, answers as JSON, errors in words for people.

use std::time::Duration;

use futures::{AsyncBufRead, Stream, StreamExt};
use http::header::{ACCEPT, CONTENT_TYPE};
use http::{Method, Request, StatusCode};
use http_body_util::BodyExt;
use kube::Client;
use kube::client::Body;
use kube::core::{Status, WatchEvent};
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::discovery::Kinds;
use crate::error::Error;

const REQUEST_SECONDS: u64 = 60;
/// Asks for the rows and columns that the server would show.
const AS_TABLE: &str = "application/json;as=Table;v=v1;g=meta.k8s.io,application/json";

/// A connection to the API of one cluster.
pub(crate) struct Server {
    client: Client,
    namespace: String,
    namespace_given: bool,
    address: String,
    origin: String,
    advice: &'static str,
}

/// An answer and the warnings that came with it.
pub(crate) struct Answer {
    pub(crate) body: Value,
    pub(crate) warnings: Vec<String>,
}

impl Server {
    pub(crate) fn new(
        client: Client,
        namespace: String,
        namespace_given: bool,
        address: String,
        origin: String,
        advice: &'static str,
    ) -> Self {
        Self {
            client,
            namespace,
            namespace_given,
            address,
            origin,
            advice,
        }
    }

    /// The namespace to work in.
    pub(crate) fn namespace(&self) -> &str {
        &self.namespace
    }

    /// The namespace, if it was named on the command line.
    pub(crate) fn given_namespace(&self) -> Option<&str> {
        self.namespace_given.then_some(self.namespace.as_str())
    }

    /// The client, for the requests that are more than a question and an answer.
    pub(crate) fn client(&self) -> Client {
        self.client.clone()
    }

    /// Asks the server which kinds it has.
    pub(crate) async fn kinds(&self) -> Result<Kinds, Error> {
        Kinds::discover(self).await
    }

    pub(crate) async fn get(&self, path: &str) -> Result<Value, Error> {
        let request = request(Method::GET, path, "application/json", None);
        Ok(self.call(request, path).await?.body)
    }

    /// Like [`Server::get`], into a type.
    pub(crate) async fn read<T: DeserializeOwned>(&self, path: &str) -> Result<T, Error> {
        let body = self.get(path).await?;
        serde_json::from_value(body).map_err(|source| Error::Answer {
            request: format!("GET {path}"),
            source,
        })
    }

    /// Like [`Server::read`]; an object that does not exist is `None`.
    pub(crate) async fn find<T: DeserializeOwned>(&self, path: &str) -> Result<Option<T>, Error> {
        match self.read(path).await {
            Ok(found) => Ok(Some(found)),
            Err(error) if error.is_missing() => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The table that the server shows for a path, as it comes.
    pub(crate) async fn table(&self, path: &str) -> Result<Value, Error> {
        let request = request(Method::GET, path, AS_TABLE, None);
        Ok(self.call(request, path).await?.body)
    }

    /// Discovery asks for a form of its own.
    pub(crate) async fn get_as(&self, path: &str, accept: &str) -> Result<Value, Error> {
        let request = request(Method::GET, path, accept, None);
        Ok(self.call(request, path).await?.body)
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> Result<Answer, Error> {
        let body = Some(("application/json", body));
        self.call(request(Method::POST, path, "application/json", body), path)
            .await
    }

    pub(crate) async fn put(&self, path: &str, body: &Value) -> Result<Answer, Error> {
        let body = Some(("application/json", body));
        self.call(request(Method::PUT, path, "application/json", body), path)
            .await
    }

    /// Sets some fields of an object.
    pub(crate) async fn merge(&self, path: &str, body: &Value) -> Result<Answer, Error> {
        let body = Some(("application/merge-patch+json", body));
        self.call(request(Method::PATCH, path, "application/json", body), path)
            .await
    }

    /// Server-side apply.
    pub(crate) async fn apply(&self, path: &str, body: &Value) -> Result<Answer, Error> {
        // JSON is YAML, so the manifest needs no second serialiser.
        let body = Some(("application/apply-patch+yaml", body));
        self.call(request(Method::PATCH, path, "application/json", body), path)
            .await
    }

    pub(crate) async fn delete(&self, path: &str, options: &Value) -> Result<Value, Error> {
        let body = Some(("application/json", options));
        let request = request(Method::DELETE, path, "application/json", body);
        Ok(self.call(request, path).await?.body)
    }

    /// What happens to the objects below a path, until the server ends the watch.
    pub(crate) async fn watch(
        &self,
        path: &str,
    ) -> Result<impl Stream<Item = Result<WatchEvent<Value>, Error>> + '_, Error> {
        let request = bytes_request(Method::GET, path);
        let events = self
            .client
            .request_events::<Value>(request)
            .await
            .map_err(|error| self.error(error))?;
        Ok(events.map(|event| event.map_err(|error| self.error(error))))
    }

    /// The body of an answer as it arrives.
    pub(crate) async fn stream(&self, path: &str) -> Result<impl AsyncBufRead + use<>, Error> {
        self.client
            .request_stream(bytes_request(Method::GET, path))
            .await
            .map_err(|error| self.error(error))
    }

    /// Puts an error of the client into words.
    pub(crate) fn error(&self, error: kube::Error) -> Error {
        match error {
            kube::Error::Api(status) => Error::Server {
                status,
                doing: None,
            },
            kube::Error::Service(_) | kube::Error::HyperError(_) => Error::Unreachable {
                address: self.address.clone(),
                origin: self.origin.clone(),
                cause: root_cause(&error),
                advice: self.advice,
            },
            other => Error::Request {
                address: self.address.clone(),
                source: Box::new(other),
            },
        }
    }

    async fn call(&self, request: Request<Vec<u8>>, path: &str) -> Result<Answer, Error> {
        let limit = Duration::from_secs(REQUEST_SECONDS);
        let method = request.method().clone();
        let outcome = tokio::time::timeout(limit, self.exchange(request)).await;
        let (code, warnings, bytes) = outcome.map_err(|_| Error::Silent {
            address: self.address.clone(),
            seconds: REQUEST_SECONDS,
        })??;
        if code.is_client_error() || code.is_server_error() {
            return Err(refused(code, &bytes));
        }
        let body = serde_json::from_slice(&bytes).map_err(|source| Error::Answer {
            request: format!("{method} {path}"),
            source,
        })?;
        Ok(Answer { body, warnings })
    }

    async fn exchange(
        &self,
        request: Request<Vec<u8>>,
    ) -> Result<(StatusCode, Vec<String>, Vec<u8>), Error> {
        let answer = self
            .client
            .send(request.map(Body::from))
            .await
            .map_err(|error| self.error(error))?;
        let code = answer.status();
        let warnings = warnings(answer.headers());
        let bytes = answer.into_body().collect().await;
        let bytes = bytes.map_err(|error| self.error(error))?.to_bytes();
        Ok((code, warnings, bytes.to_vec()))
    }
}

/// The innermost reason; the layers above it only say that something failed.
fn root_cause(error: &dyn std::error::Error) -> String {
    let mut cause = error;
    while let Some(next) = cause.source() {
        cause = next;
    }
    cause.to_string()
}

fn refused(code: StatusCode, bytes: &[u8]) -> Error {
    let status = serde_json::from_slice::<Status>(bytes).unwrap_or_else(|_| {
        let text = String::from_utf8_lossy(bytes);
        let text = text.trim();
        let message = if text.is_empty() {
            code.to_string()
        } else {
            text.to_owned()
        };
        Status::failure(&message, "").with_code(code.as_u16())
    });
    let code = if status.code == 0 {
        code.as_u16()
    } else {
        status.code
    };
    Error::Server {
        status: Box::new(Status { code, ..status }),
        doing: None,
    }
}

/// The texts of `Warning: 299 - "text"` headers.
fn warnings(headers: &http::HeaderMap) -> Vec<String> {
    let values = headers.get_all(http::header::WARNING).into_iter();
    values
        .filter_map(|value| value.to_str().ok())
        .filter_map(|value| {
            let (_, quoted) = value.split_once('"')?;
            let (text, _) = quoted.rsplit_once('"')?;
            Some(text.replace("\\\"", "\"").replace("\\\\", "\\"))
        })
        .collect()
}

fn request(
    method: Method,
    path: &str,
    accept: &str,
    body: Option<(&str, &Value)>,
) -> Request<Vec<u8>> {
    let builder = Request::builder()
        .method(method)
        .uri(path)
        .header(ACCEPT, accept);
    let request = match body {
        Some((form, body)) => builder
            .header(CONTENT_TYPE, form)
            .body(body.to_string().into_bytes()),
        None => builder.body(Vec::new()),
    };
    request.expect("paths are percent-encoded and headers are constants")
}

fn bytes_request(method: Method, path: &str) -> Request<Vec<u8>> {
    request(method, path, "application/json", None)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn warnings_lose_their_wrapping() {
        let mut headers = http::HeaderMap::new();
        headers.append(
            http::header::WARNING,
            "299 - \"unknown field \\\"spec.x\\\"\"".parse().unwrap(),
        );
        assert_eq!(warnings(&headers), ["unknown field \"spec.x\""]);
    }

    #[test]
    fn an_answer_that_is_no_status_still_makes_an_error() {
        let error = refused(StatusCode::BAD_GATEWAY, b"");
        assert_eq!(error.report(), "Error from server: 502 Bad Gateway");
        assert_eq!(error.code(), Some(502));
    }
}
