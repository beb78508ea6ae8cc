//! What can be run, as the installation says it in a ConfigMap.

use howdah_plan::Invalid;
use howdah_types::catalogue::Catalogue;
use k8s_openapi::api::core::v1::ConfigMap;

use super::Error;
use crate::context::Context;

/// Key of the catalogue in its ConfigMap.
const CATALOGUE_KEY: &str = "catalogue.yaml";

/// The catalogue, or what is wrong with it.
pub(crate) async fn read(context: &Context) -> Result<Result<Catalogue, Vec<Invalid>>, Error> {
    let (namespace, name) = (&context.config.namespace, &context.config.catalogue);
    let what = format!("ConfigMap {name}");
    let api = context.api::<ConfigMap>(namespace);
    let found = api.get_opt(name).await.map_err(Error::read(&what))?;
    let wrong = |why: String| {
        let message = format!("{what} in namespace \"{namespace}\" {why}");
        vec![Invalid::config(format!("ConfigMap/{name}"), message)]
    };
    let text = found.and_then(|map| map.data?.remove(CATALOGUE_KEY));
    Ok(match text {
        None => Err(wrong(format!(
            "has no {CATALOGUE_KEY}, so nothing can be run"
        ))),
        Some(text) => {
            serde_saphyr::from_str(&text).map_err(|error| wrong(format!("cannot be read: {error}")))
        }
    })
}
