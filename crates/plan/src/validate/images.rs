//! What the containers run: every image comes from the catalogue.

use howdah_types::PgVersion;
use howdah_types::catalogue::ComponentName;

use super::Scope;
use crate::invalid::Invalid;
use crate::proxy;
use crate::validated::Images;

/// The images of a version that was resolved from this catalogue, and of all that runs beside it.
pub(super) fn images(scope: Scope<'_>, version: Option<PgVersion>) -> Result<Images, Vec<Invalid>> {
    let catalogue = scope.inputs.catalogue;
    let mut images = Images::default();
    if !scope.spec().pods.disable_connection_pooling {
        images.pgbouncer = newest(scope, ComponentName::Pgbouncer, "disableConnectionPooling")?;
    }
    if proxy::wanted(scope.spec()) {
        images.envoy = newest(scope, ComponentName::Envoy, "disableEnvoy")?;
    }
    // What is wrong with the version is told elsewhere.
    let Some(version) = version else {
        return Ok(images);
    };
    let text = version.to_string();
    images.postgres = catalogue
        .find(ComponentName::Postgres, &text)
        .map(|component| component.image.clone())
        .unwrap_or_default();
    let tools = catalogue
        .find(ComponentName::PostgresUtil, &text)
        .or_else(|| {
            let major = u32::from(version.major().number());
            catalogue.newest_of_major(ComponentName::PostgresUtil, major)
        })
        .or_else(|| catalogue.newest(ComponentName::PostgresUtil));
    // The image of Postgres has the same tools.
    images.postgres_util = tools.map_or_else(
        || images.postgres.clone(),
        |component| component.image.clone(),
    );
    Ok(images)
}

/// The newest version of a component that clusters have unless they switch it off.
fn newest(scope: Scope<'_>, name: ComponentName, switch: &str) -> Result<String, Vec<Invalid>> {
    match scope.inputs.catalogue.newest(name) {
        Some(component) => Ok(component.image.clone()),
        None => {
            let field = format!("spec.pods.{switch}");
            let message = format!(
                "the catalogue of components has no {name}; add it, or do without by setting {field} to true"
            );
            Err(vec![Invalid::config(field, message)])
        }
    }
}
