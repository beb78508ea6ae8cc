//! Tells the operator which components this machine offers.

use std::collections::BTreeMap;
use std::fs;

use anyhow::{Context, Result};
use camino::Utf8Path;
use howdah_operator::Config;
use howdah_types::catalogue::FILE_NAME;
use k8s_openapi::api::core::v1::{ConfigMap, Namespace};
use kube::api::{ObjectMeta, Patch, PatchParams};
use kube::{Api, Client};

/// The owner of what this program writes for its user.
const FIELD_MANAGER: &str = "howdah";

/// Writes the catalogue of the components folder into the ConfigMap that the operator reads.
pub(super) async fn publish(client: &Client, config: &Config, components: &Utf8Path) -> Result<()> {
    let path = components.join(FILE_NAME);
    let text = fs::read_to_string(&path).with_context(|| format!("read {path}"))?;
    let params = PatchParams::apply(FIELD_MANAGER).force();
    let namespace = Namespace {
        metadata: ObjectMeta {
            name: Some(config.namespace.clone()),
            ..ObjectMeta::default()
        },
        ..Namespace::default()
    };
    Api::<Namespace>::all(client.clone())
        .patch(&config.namespace, &params, &Patch::Apply(&namespace))
        .await
        .with_context(|| format!("create namespace {}", config.namespace))?;
    let catalogue = ConfigMap {
        metadata: ObjectMeta {
            name: Some(config.catalogue.clone()),
            ..ObjectMeta::default()
        },
        data: Some(BTreeMap::from([(FILE_NAME.to_owned(), text)])),
        ..ConfigMap::default()
    };
    Api::<ConfigMap>::namespaced(client.clone(), &config.namespace)
        .patch(&config.catalogue, &params, &Patch::Apply(&catalogue))
        .await
        .with_context(|| format!("write ConfigMap {}", config.catalogue))?;
    Ok(())
}
