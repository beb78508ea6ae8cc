//! Envoy's admin address.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use howdah_testkit::wait_until;
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::config::ADMIN;
use crate::programs::PATIENCE;
use crate::world::World;

async fn request(address: SocketAddr, method: &str, path: &str) -> Result<(u16, String)> {
    let mut stream = TcpStream::connect(address).await?;
    let head = format!(
        "{method} {path} HTTP/1.1\r\nHost: admin\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).await?;
    let mut answer = Vec::new();
    let read = stream.read_to_end(&mut answer);
    tokio::time::timeout(Duration::from_secs(30), read).await??;
    let answer = String::from_utf8_lossy(&answer);
    let (head, body) = answer
        .split_once("\r\n\r\n")
        .context("an answer has a head")?;
    let status = head.split(' ').nth(1).context("an answer has a status")?;
    Ok((status.parse()?, body.to_owned()))
}

/// Asks for a path.
pub(crate) async fn get(address: SocketAddr, path: &str) -> Result<(u16, String)> {
    request(address, "GET", path).await
}

/// How many clients there are and wait, and for how long still.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Status {
    pub(crate) left: Option<f64>,
    pub(crate) sessions: i64,
    pub(crate) busy: i64,
    pub(crate) held: i64,
}

impl World {
    /// Has Envoy do something with its clients.
    pub(crate) async fn control(&self, method: &str, path: &str) -> Result<Status> {
        let (status, body) = request(self.at(ADMIN), method, path).await?;
        ensure!(status == 200, "{path}: {status}: {body}");
        // Its framing may be chunked.
        let json = body
            .lines()
            .find(|line| line.starts_with('{'))
            .with_context(|| format!("{body:?} holds JSON"))?;
        let value: Value = serde_json::from_str(json)?;
        let number = |name: &str| value[name].as_i64().with_context(|| name.to_owned());
        let left = value["secondsLeft"].as_f64();
        ensure!(value["holding"].as_bool() == Some(left.is_some()), "{json}");
        Ok(Status {
            left,
            sessions: number("sessions")?,
            busy: number("busy")?,
            held: number("held")?,
        })
    }

    /// The answer of the admin address to anything.
    pub(crate) async fn admin(&self, method: &str, path: &str) -> Result<(u16, String)> {
        request(self.at(ADMIN), method, path).await
    }

    /// Waits until clients are as the test says.
    pub(crate) async fn until(&self, what: &str, is: impl Fn(Status) -> bool) -> Result<Status> {
        wait_until(PATIENCE, what, async || {
            let status = self.control("GET", "/howdah/status").await?;
            if is(status) {
                return Ok(status);
            }
            bail!("{status:?}")
        })
        .await
    }

    /// A sample of the metrics, by name and labels; 0 if it is not there.
    pub(crate) async fn metric(&self, name: &str) -> Result<f64> {
        let (_, text) = get(self.at(ADMIN), "/stats/prometheus").await?;
        let values = text.lines().filter_map(|line| {
            let (sample, value) = line.rsplit_once(' ')?;
            let matches = sample == name || sample.strip_suffix("{}") == Some(name);
            matches.then(|| value.parse::<f64>().ok())?
        });
        Ok(values.sum())
    }

    /// Waits for a sample of the metrics: Envoy's threads do not count in step.
    pub(crate) async fn until_metric(&self, name: &str, wanted: f64) -> Result<()> {
        wait_until(PATIENCE, name, async || {
            let value = self.metric(name).await?;
            ensure!(value >= wanted, "{value} instead of {wanted}");
            anyhow::Ok(())
        })
        .await
    }

    /// Waits for a line of the access log that has all these words.
    pub(crate) async fn until_logged(&self, words: &[&str]) -> Result<Value> {
        let path = self.folder().join("access.log");
        wait_until(PATIENCE, "a line of the access log", async || {
            let text = std::fs::read_to_string(&path)?;
            let line = text
                .lines()
                .find(|line| words.iter().all(|word| line.contains(word)));
            let Some(line) = line else {
                bail!("{words:?} in no line of {text}")
            };
            Ok(serde_json::from_str(line)?)
        })
        .await
    }
}
