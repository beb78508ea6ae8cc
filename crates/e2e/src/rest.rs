//! The Kubernetes API request by request: status, warnings and body exactly as they come, which clients hide.

use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use http::{HeaderMap, Method, Request, header};
use http_body_util::BodyExt;
use kube::Client;
use kube::client::Body;
use serde_json::Value;
use tokio::time::timeout;

use crate::pattern;

/// How long one answer or one event may take; a busy machine has two cores.
const PATIENCE: Duration = Duration::from_secs(60);

/// How a patch describes a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PatchType {
    /// RFC 6902.
    Json,
    /// RFC 7386.
    Merge,
    /// As [`PatchType::Merge`], with lists merged by the keys of their kind.
    Strategic,
    /// Server-side apply.
    Apply,
}

impl PatchType {
    const fn content_type(self) -> &'static str {
        match self {
            Self::Json => "application/json-patch+json",
            Self::Merge => "application/merge-patch+json",
            Self::Strategic => "application/strategic-merge-patch+json",
            Self::Apply => "application/apply-patch+yaml",
        }
    }
}

/// One user of one API server. In paths `{ns}` stands for the namespace of the world.
#[derive(Clone)]
pub struct Rest {
    client: Client,
    namespace: String,
}

/// What a server answered.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The request, for messages.
    request: String,
    /// The HTTP status.
    pub status: u16,
    /// The answer's `Warning` headers.
    pub warnings: Vec<String>,
    /// The body; a string when it is no JSON.
    pub body: Value,
}

/// A watch; every event is one JSON object.
pub struct Watch {
    body: Body,
    request: String,
    read: Vec<u8>,
}

impl Rest {
    pub(crate) const fn new(client: Client, namespace: String) -> Self {
        Self { client, namespace }
    }

    /// The namespace of the world.
    #[must_use]
    pub fn namespace(&self) -> &str {
        &self.namespace
    }

    /// `GET`.
    ///
    /// # Errors
    /// When the server does not answer.
    pub async fn get(&self, path: &str) -> Result<Answer> {
        self.send(Method::GET, path, HeaderMap::new(), Vec::new())
            .await
    }

    /// `GET` of a representation.
    ///
    /// # Errors
    /// When the server does not answer, or `accept` is no header value.
    pub async fn get_as(&self, path: &str, accept: &str) -> Result<Answer> {
        let headers = HeaderMap::from_iter([(header::ACCEPT, accept.parse()?)]);
        self.send(Method::GET, path, headers, Vec::new()).await
    }

    /// `POST` of an object.
    ///
    /// # Errors
    /// When the server does not answer.
    pub async fn post(&self, path: &str, object: &Value) -> Result<Answer> {
        self.send_text(Method::POST, path, "application/json", &object.to_string())
            .await
    }

    /// `PUT` of an object.
    ///
    /// # Errors
    /// When the server does not answer.
    pub async fn put(&self, path: &str, object: &Value) -> Result<Answer> {
        self.send_text(Method::PUT, path, "application/json", &object.to_string())
            .await
    }

    /// `PATCH` of an object.
    ///
    /// # Errors
    /// When the server does not answer.
    pub async fn patch(&self, path: &str, kind: PatchType, patch: &Value) -> Result<Answer> {
        let text = patch.to_string();
        self.send_text(Method::PATCH, path, kind.content_type(), &text)
            .await
    }

    /// `DELETE` with these options; `null` sends none.
    ///
    /// # Errors
    /// When the server does not answer.
    pub async fn delete(&self, path: &str, options: &Value) -> Result<Answer> {
        let text = if options.is_null() {
            String::new()
        } else {
            options.to_string()
        };
        self.send_text(Method::DELETE, path, "application/json", &text)
            .await
    }

    /// A request with a text of any type.
    ///
    /// # Errors
    /// When the server does not answer.
    pub async fn send_text(
        &self,
        method: Method,
        path: &str,
        content_type: &str,
        text: &str,
    ) -> Result<Answer> {
        let headers = HeaderMap::from_iter([(header::CONTENT_TYPE, content_type.parse()?)]);
        self.send(method, path, headers, text.as_bytes().to_vec())
            .await
    }

    async fn send(
        &self,
        method: Method,
        path: &str,
        headers: HeaderMap,
        body: Vec<u8>,
    ) -> Result<Answer> {
        let request = format!("{method} {}", self.path(path));
        let response = self.open(method, path, headers, body).await?;
        let status = response.status().as_u16();
        let warnings = response.headers().get_all(header::WARNING).into_iter();
        let warnings = warnings.map(|it| it.to_str().unwrap_or_default().to_owned());
        let warnings = warnings.collect();
        let body = timeout(PATIENCE, response.into_body().collect())
            .await
            .with_context(|| format!("{request}: the answer does not end"))?
            .with_context(|| request.clone())?
            .to_bytes();
        let text = || Value::String(String::from_utf8_lossy(&body).into_owned());
        let body = serde_json::from_slice(&body).unwrap_or_else(|_| text());
        Ok(Answer {
            request,
            status,
            warnings,
            body,
        })
    }

    async fn open(
        &self,
        method: Method,
        path: &str,
        headers: HeaderMap,
        body: Vec<u8>,
    ) -> Result<http::Response<Body>> {
        let path = self.path(path);
        let name = format!("{method} {path}");
        let mut request = Request::builder().method(method).uri(path);
        if let Some(all) = request.headers_mut() {
            all.extend(headers);
        }
        let request = request.body(Body::from(body))?;
        timeout(PATIENCE, self.client.send(request))
            .await
            .with_context(|| format!("{name}: no answer"))?
            .context(name)
    }

    /// Begins a watch; the path says of what and from where.
    ///
    /// # Errors
    /// When the server refuses it.
    pub async fn watch(&self, path: &str) -> Result<Watch> {
        let response = self
            .open(Method::GET, path, HeaderMap::new(), Vec::new())
            .await?;
        let request = self.path(path);
        ensure!(
            response.status() == 200,
            "GET {request}: {}",
            response.status()
        );
        Ok(Watch {
            body: response.into_body(),
            request,
            read: Vec::new(),
        })
    }

    fn path(&self, path: &str) -> String {
        path.replace("{ns}", &self.namespace)
    }
}

impl Answer {
    /// Checks the status.
    ///
    /// # Errors
    /// With the whole answer when it is another.
    pub fn is(self, status: u16) -> Result<Self> {
        ensure!(
            self.status == status,
            "{}: {} instead of {status}: {}",
            self.request,
            self.status,
            self.body
        );
        Ok(self)
    }

    /// Checks that the body has everything that the pattern has; see the rules of `pattern`.
    ///
    /// # Errors
    /// With the first difference and the whole body.
    pub fn has(self, expected: &Value) -> Result<Self> {
        if let Some(difference) = pattern::missing(&self.body, expected) {
            bail!("{}: {difference} in {}", self.request, self.body);
        }
        Ok(self)
    }

    /// Checks that this is a refusal: a `Status` with this code, reason and message.
    ///
    /// # Errors
    /// When it is not.
    pub fn refuses(self, code: u16, reason: &str, message: &str) -> Result<Self> {
        self.is(code)?.has(&serde_json::json!({
            "kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": reason, "code": code,
            "message": message,
        }))
    }

    /// The object's resource version.
    ///
    /// # Errors
    /// When it has none.
    pub fn version(&self) -> Result<&str> {
        self.body["metadata"]["resourceVersion"]
            .as_str()
            .with_context(|| format!("{}: no resource version in {}", self.request, self.body))
    }
}

impl Watch {
    /// The next event; `None` when the server ended the watch.
    ///
    /// # Errors
    /// When none comes in time.
    pub async fn next(&mut self) -> Result<Option<Value>> {
        loop {
            if let Some(end) = self.read.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = self.read.drain(..=end).collect();
                return Ok(Some(serde_json::from_slice(&line)?));
            }
            let frame = timeout(PATIENCE, self.body.frame())
                .await
                .with_context(|| format!("watch {}: no event", self.request))?;
            match frame {
                None => return Ok(None),
                Some(frame) => {
                    if let Ok(data) = frame?.into_data() {
                        self.read.extend_from_slice(&data);
                    }
                }
            }
        }
    }

    /// Checks the next event.
    ///
    /// # Errors
    /// With the event when it is another.
    pub async fn gives(&mut self, expected: &Value) -> Result<Value> {
        let event = self.next().await?;
        let event = event.with_context(|| format!("watch {}: it ended", self.request))?;
        if let Some(difference) = pattern::missing(&event, expected) {
            bail!("watch {}: {difference} in {event}", self.request);
        }
        Ok(event)
    }
}
