//! Requests over a connection that is kept, and watches.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use futures::io::{AsyncBufRead, AsyncBufReadExt as _};
use http::Request;
use kube::Client;
use kube::client::Body;
use kube::config::{Config, KubeConfigOptions, Kubeconfig};

use crate::numbers::Times;

/// About the size of a small Pod.
const FILLING: usize = 700;
/// Stands before the time at which an object was sent, in its JSON.
const SENT: &str = "\"sent\":\"";

/// What watchers watch.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Watched {
    /// There are none.
    Nothing,
    /// Each a namespace of its own.
    Namespace,
    /// Each all namespaces, so each sees every write.
    Everything,
}

impl Watched {
    /// In words.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Nothing => "no watchers",
            Self::Namespace => "100 watchers of a namespace each",
            Self::Everything => "100 watchers of everything",
        }
    }
}

/// A client that has its own connection.
pub(crate) struct Connection(Client);

impl Connection {
    /// A client for the server of a kubeconfig.
    pub(crate) async fn open(kubeconfig: &str) -> Result<Self> {
        let config = Kubeconfig::read_from(kubeconfig)?;
        let options = KubeConfigOptions::default();
        let config = Config::from_custom_kubeconfig(config, &options).await?;
        Ok(Self(Client::try_from(config)?))
    }

    pub(crate) async fn create_namespace(&self, at: usize) -> Result<()> {
        let body = format!("{{\"metadata\":{{\"name\":\"n{at}\"}}}}");
        self.send("POST", "/api/v1/namespaces", body)
            .await
            .map(drop)
    }

    /// Creates an object.
    pub(crate) async fn create(&self, at: usize, namespace: usize) -> Result<()> {
        let path = format!("/api/v1/namespaces/n{namespace}/configmaps");
        self.send("POST", &path, object(at, 0)).await.map(drop)
    }

    /// Replaces an object; it then holds the time since the origin.
    pub(crate) async fn replace(&self, at: usize, namespace: usize, origin: Instant) -> Result<()> {
        let path = format!("/api/v1/namespaces/n{namespace}/configmaps/o{at}");
        let sent = origin.elapsed().as_nanos();
        self.send("PUT", &path, object(at, sent)).await.map(drop)
    }

    /// Lists the objects of all namespaces; returns the bytes of the answer.
    pub(crate) async fn list(&self) -> Result<usize> {
        self.send("GET", "/api/v1/configmaps", String::new()).await
    }

    /// Sends a request and reads the whole answer.
    async fn send(&self, method: &str, path: &str, body: String) -> Result<usize> {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header("content-type", "application/json")
            .body(Body::from(body.into_bytes()))?;
        let answer = self.0.send(request).await?;
        let status = answer.status();
        let bytes = answer.into_body().collect_bytes().await?;
        ensure!(status.is_success(), "{method} {path}: {status}");
        Ok(bytes.len())
    }
}

fn object(at: usize, sent: u128) -> String {
    let filling = "x".repeat(FILLING);
    format!(
        "{{\"metadata\":{{\"name\":\"o{at}\",\"labels\":{{\"app\":\"bench\"}}}},\
         \"data\":{{\"filling\":\"{filling}\",{SENT}{sent}\"}}}}"
    )
}

/// An open watch.
pub(crate) struct Watch<R>(R);

impl Watch<()> {
    /// Opens a watch from now on.
    pub(crate) async fn open(
        connection: &Connection,
        watched: Watched,
        namespace: usize,
    ) -> Result<Watch<impl AsyncBufRead + Send + use<>>> {
        let path = match watched {
            Watched::Namespace => format!("/api/v1/namespaces/n{namespace}/configmaps"),
            Watched::Nothing | Watched::Everything => "/api/v1/configmaps".to_owned(),
        };
        let list = Request::get(format!("{path}?limit=1")).body(Vec::new())?;
        let list = connection.0.request_text(list).await?;
        let list: serde_json::Value = serde_json::from_str(&list)?;
        let at = list["metadata"]["resourceVersion"].as_str();
        let at = at.context("the revision of a list")?;
        let watch = format!("{path}?watch=1&resourceVersion={at}");
        let request = Request::get(watch).body(Vec::new())?;
        Ok(Watch(connection.0.request_stream(request).await?))
    }
}

impl<R: AsyncBufRead + Send> Watch<R> {
    /// Notes for each event how long ago it was sent.
    pub(crate) async fn read(self, origin: Instant, times: Arc<Times>) {
        let mut lines = Box::pin(self.0);
        let mut line = Vec::new();
        while lines
            .read_until(b'\n', &mut line)
            .await
            .is_ok_and(|bytes| bytes > 0)
        {
            let now = origin.elapsed();
            if let Some(sent) = sent(&line) {
                times.add(now.saturating_sub(sent));
            }
            line.clear();
        }
    }
}

/// The time in an object.
fn sent(line: &[u8]) -> Option<Duration> {
    // It stands behind the filling; looking at that would be most of the work of a watcher.
    let (mark, line) = (SENT.as_bytes(), line.get(FILLING..)?);
    let at = line.windows(mark.len()).position(|part| part == mark)?;
    let digits = line[at + mark.len()..]
        .iter()
        .take_while(|byte| byte.is_ascii_digit());
    let nanos = digits.fold(0_u64, |sum, digit| sum * 10 + u64::from(digit - b'0'));
    Some(Duration::from_nanos(nanos))
}
