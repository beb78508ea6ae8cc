//! Whether the API of a kubeconfig answers.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use camino::Utf8Path;
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};

/// A start with many Pods may take this long.
const PATIENCE: Duration = Duration::from_secs(60);
const ATTEMPT: Duration = Duration::from_secs(5);
const PAUSE: Duration = Duration::from_millis(250);

/// Returns when the API has answered, or with the last problem when it does not in time.
pub(crate) async fn wait_until_it_answers(kubeconfig: &Utf8Path) -> Result<()> {
    let start = Instant::now();
    loop {
        let problem = match tokio::time::timeout(ATTEMPT, ask(kubeconfig)).await {
            Ok(Ok(())) => return Ok(()),
            Ok(Err(problem)) => problem,
            Err(elapsed) => anyhow::Error::new(elapsed),
        };
        if start.elapsed() > PATIENCE {
            return Err(problem);
        }
        tokio::time::sleep(PAUSE).await;
    }
}

async fn ask(path: &Utf8Path) -> Result<()> {
    let kubeconfig = Kubeconfig::read_from(path)?;
    let config = Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await?;
    let client = Client::try_from(config)?;
    client
        .apiserver_version()
        .await
        .context("ask for the version")?;
    Ok(())
}
