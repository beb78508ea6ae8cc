//! A pocket in a temporary folder, and the tests that drive it.

mod access;
mod controllers;
mod objects;
mod reach;

use std::time::Duration;

use camino::Utf8Path;
use howdah_pocket::{Config, Running};
use howdah_testkit::wait_until;
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Api, Client};

const PATIENCE: Duration = Duration::from_secs(20);

/// A running pocket that is gone with its folder.
pub(crate) struct Pocket {
    pub(crate) running: Running,
    pub(crate) dir: tempfile::TempDir,
}

impl Pocket {
    pub(crate) async fn start() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let root = Utf8Path::from_path(dir.path()).unwrap();
        let mut config = Config::new(root.join("state"), root.join("components"));
        config.port = 0;
        let running = howdah_pocket::start(config).await.unwrap();
        Self { running, dir }
    }

    /// A client over HTTPS with the admin's certificate.
    pub(crate) async fn https(&self) -> Client {
        let config = Kubeconfig::read_from(self.running.kubeconfig_path()).unwrap();
        let options = KubeConfigOptions::default();
        let config = kube::Config::from_custom_kubeconfig(config, &options)
            .await
            .unwrap();
        Client::try_from(config).unwrap()
    }

    pub(crate) async fn stop(self) {
        self.running.shutdown().await;
    }
}

/// Waits until an object is there in the state that the check wants.
pub(crate) async fn becomes<K>(api: &Api<K>, name: &str, check: impl Fn(&K) -> bool) -> K
where
    K: Clone + std::fmt::Debug + serde::de::DeserializeOwned,
{
    let found = wait_until(PATIENCE, name, async || match api.get_opt(name).await {
        Ok(Some(object)) if check(&object) => Ok(object),
        Ok(found) => Err(format!("{found:?}")),
        Err(error) => Err(error.to_string()),
    });
    found.await.unwrap()
}

/// Waits until an object is gone.
pub(crate) async fn gone<K>(api: &Api<K>, name: &str)
where
    K: Clone + std::fmt::Debug + serde::de::DeserializeOwned,
{
    let gone = wait_until(PATIENCE, name, async || match api.get_opt(name).await {
        Ok(None) => Ok(()),
        Ok(Some(_)) => Err("still there".to_owned()),
        Err(error) => Err(error.to_string()),
    });
    gone.await.unwrap();
}
