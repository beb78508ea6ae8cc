//! What Envoy shows to whoever reaches its Pod.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use howdah_e2e::Cluster;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// Far longer than any page takes.
const LIMIT: Duration = Duration::from_secs(30);

/// The metrics of one instance's Envoy.
pub(super) struct Metrics {
    address: String,
}

impl Metrics {
    pub(super) async fn of(cluster: &Cluster<'_>, pod: &str) -> Result<Self> {
        let target = cluster.instance_target(pod).await?;
        let host = target.address.split(':').next().unwrap_or_default();
        Ok(Self {
            address: format!("{host}:8001"),
        })
    }

    /// One metric of Howdah's or of a listener, by its name and labels after the prefix.
    pub(super) async fn value(&self, name: &str) -> Result<f64> {
        let page = self.ask("GET", "/stats/prometheus").await?;
        let line = page.lines().find_map(|line| {
            let (label, value) = line.rsplit_once(' ')?;
            label.ends_with(name).then_some(value)
        });
        let value = line.with_context(|| format!("there is no {name}"))?;
        Ok(value.trim().parse()?)
    }

    /// Whoever reaches more of it can stop Envoy, or hold all clients.
    pub(super) async fn are_all_that_is_shown(&self) -> Result<()> {
        for (method, path, status) in [
            ("GET", "/ready", 200),
            ("GET", "/", 404),
            ("GET", "/config_dump", 404),
            ("GET", "/certs", 404),
            ("GET", "/stats", 404),
            ("GET", "/stats/prometheus/../../config_dump", 404),
            ("GET", "//config_dump", 404),
            ("POST", "/quitquitquit", 404),
            ("POST", "/ready", 404),
            ("POST", "/howdah/hold?seconds=600", 404),
        ] {
            let answer = self.ask(method, path).await?;
            let expected = format!("HTTP/1.1 {status} ");
            ensure!(answer.starts_with(&expected), "{method} {path}: {answer}");
        }
        Ok(())
    }

    async fn ask(&self, method: &str, path: &str) -> Result<String> {
        let address = &self.address;
        let asked = async {
            let mut stream = TcpStream::connect(address).await?;
            let request = format!(
                "{method} {path} HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
            );
            stream.write_all(request.as_bytes()).await?;
            let mut answer = String::new();
            stream.read_to_string(&mut answer).await?;
            anyhow::Ok(answer)
        };
        timeout(LIMIT, asked)
            .await
            .with_context(|| format!("{address} does not answer"))?
    }
}
