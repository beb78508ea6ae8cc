//! A pocket in a temporary folder, and the tests that drive it.

mod access;
mod objects;

use camino::Utf8Path;
use howdah_pocket::{Config, Running};
use kube::Client;
use kube::config::{KubeConfigOptions, Kubeconfig};

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
