//! One cluster in a world: its objects, its instances, its rows.

mod check;

use anyhow::{Context, Result, ensure};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde_json::Value;

use crate::api::{Api, Kind, text};
use crate::manifest::Manifest;
use crate::sql::{Sql, Target};
use crate::wait::eventually;
use crate::world::{Tool, World};

pub use check::condition;

/// A cluster, by name.
#[derive(Clone, Copy)]
pub struct Cluster<'w> {
    world: &'w World,
    name: &'w str,
}

impl<'w> Cluster<'w> {
    pub(crate) const fn new(world: &'w World, name: &'w str) -> Self {
        Self { world, name }
    }

    /// Its name.
    #[must_use]
    pub const fn name(&self) -> &str {
        self.name
    }

    /// The labels that everything made for it carries.
    #[must_use]
    pub fn labels(&self) -> String {
        format!("stackgres.io/cluster-name={}", self.name)
    }

    /// The SGCluster.
    ///
    /// # Errors
    /// When there is none.
    pub async fn object(&self) -> Result<Value> {
        self.api().await?.get(Kind::CLUSTERS, self.name).await
    }

    /// Its Pods by name.
    ///
    /// # Errors
    /// When they cannot be listed.
    pub async fn pods(&self) -> Result<Vec<Value>> {
        let labels = format!("{},stackgres.io/cluster=true", self.labels());
        self.api().await?.list(Kind::PODS, &labels).await
    }

    /// The names of its Pods, the primary first.
    ///
    /// # Errors
    /// When they cannot be listed.
    pub async fn instances(&self) -> Result<Vec<String>> {
        let mut pods = self.pods().await?;
        pods.sort_by_key(|pod| text(pod, "/metadata/labels/role") != "primary");
        let name = |pod: &Value| text(pod, "/metadata/name").to_owned();
        Ok(pods.iter().map(name).collect())
    }

    /// Applies a manifest of this cluster.
    ///
    /// # Errors
    /// When it is refused.
    pub async fn apply(&self, tool: Tool, manifest: &Manifest) -> Result<()> {
        self.world.apply(tool, &manifest.text()).await.map(drop)
    }

    /// Waits until the SGCluster's condition has this status, and returns the condition.
    ///
    /// # Errors
    /// When it has not in time.
    pub async fn wait_for_condition(&self, kind: &str, status: &str) -> Result<Value> {
        let what = format!("condition {kind}={status} of {}", self.name);
        eventually(&what, async || {
            let object = self.object().await?;
            let found = condition(&object, kind).context("it has no such condition")?;
            ensure!(found["status"] == status, "{found}");
            Ok(found.clone())
        })
        .await
    }

    /// Where a Service of the cluster leads to: the empty suffix is the primary's.
    ///
    /// # Errors
    /// When the Service has no address.
    pub async fn service_target(&self, suffix: &str) -> Result<Target> {
        let name = format!("{}{suffix}", self.name);
        let service = self.api().await?.get(Kind::SERVICES, &name).await?;
        let address = text(&service, "/spec/clusterIP");
        ensure!(!address.is_empty(), "Service {name} has no address");
        self.target(address).await
    }

    /// Where an instance is.
    ///
    /// # Errors
    /// When it has no address.
    pub async fn instance_target(&self, pod: &str) -> Result<Target> {
        let object = self.api().await?.get(Kind::PODS, pod).await?;
        let address = text(&object, "/status/podIP");
        ensure!(!address.is_empty(), "{pod} has no address");
        self.target(address).await
    }

    /// A connection through a Service of the cluster: the empty suffix is the primary's.
    ///
    /// # Errors
    /// When it does not lead to Postgres.
    pub async fn service(&self, suffix: &str) -> Result<Sql> {
        Sql::connect(&self.service_target(suffix).await?).await
    }

    /// A connection to one instance.
    ///
    /// # Errors
    /// When it does not answer.
    pub async fn instance(&self, pod: &str) -> Result<Sql> {
        Sql::connect(&self.instance_target(pod).await?).await
    }

    async fn target(&self, address: &str) -> Result<Target> {
        let secret = self.api().await?.get(Kind::SECRETS, self.name).await?;
        let encoded = text(&secret, "/data/superuser-password");
        let password = BASE64_STANDARD
            .decode(encoded)
            .context("the password is base64")?;
        Ok(Target {
            address: format!("{address}:5432"),
            password: String::from_utf8(password)?,
        })
    }

    /// Writes a row through the primary's Service. The table is made when it is missing.
    ///
    /// # Errors
    /// When the write is not acknowledged.
    pub async fn write(&self, value: &str) -> Result<()> {
        let sql = self.service("").await?;
        sql.execute("CREATE TABLE IF NOT EXISTS notes (value text PRIMARY KEY)")
            .await?;
        sql.execute(&format!("INSERT INTO notes VALUES ('{value}')"))
            .await
    }

    /// Waits until an instance has these rows.
    ///
    /// # Errors
    /// When it has not in time.
    pub async fn wait_for_rows(&self, pod: &str, rows: &[&str]) -> Result<()> {
        eventually(&format!("rows {rows:?} on {pod}"), async || {
            let sql = self.instance(pod).await?;
            let found = sql.values("SELECT value FROM notes").await?;
            let missing: Vec<_> = rows
                .iter()
                .filter(|row| !found.iter().any(|it| it == *row))
                .collect();
            ensure!(missing.is_empty(), "{missing:?} are missing in {found:?}");
            Ok(())
        })
        .await
    }

    /// Waits until all instances have these rows.
    ///
    /// # Errors
    /// When one has not in time.
    pub async fn wait_for_rows_everywhere(&self, rows: &[&str]) -> Result<()> {
        for pod in self.instances().await? {
            self.wait_for_rows(&pod, rows).await?;
        }
        Ok(())
    }

    /// Waits until all instances show this value of a parameter.
    ///
    /// # Errors
    /// When one does not in time.
    pub async fn wait_for_parameter(&self, parameter: &str, value: &str) -> Result<()> {
        eventually(&format!("{parameter} = {value}"), async || {
            for pod in self.instances().await? {
                let sql = self.instance(&pod).await?;
                let seen = sql.value(&format!("SHOW {parameter}")).await?;
                ensure!(seen == value, "{pod} has {seen}");
            }
            Ok(())
        })
        .await
    }

    async fn api(&self) -> Result<Api> {
        self.world.api().await
    }
}
