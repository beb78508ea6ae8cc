//! The content of the service binding.

use howdah_api::ClusterSpec;

use crate::invalid::Invalid;
use crate::references::References;
use crate::validated::Binding;

pub(super) fn binding(
    spec: &ClusterSpec,
    references: &References,
) -> Result<Binding, Vec<Invalid>> {
    let given = spec
        .configurations
        .as_ref()
        .and_then(|c| c.binding.clone())
        .unwrap_or_default();
    let login = match (given.username, given.password) {
        (None, None) => None,
        // A key that is missing is reported where all Secret keys are checked.
        (Some(username), Some(selector)) => {
            let password = references.secret_keys.get(&(selector.name, selector.key));
            Some((username, password.cloned().unwrap_or_default()))
        }
        _ => {
            return Err(vec![Invalid::config(
                "spec.configurations.binding",
                "username and password belong together; set both, or neither for the superuser",
            )]);
        }
    };
    Ok(Binding {
        provider: given.provider.unwrap_or_else(|| "stackgres".to_owned()),
        database: given.database.unwrap_or_else(|| "postgres".to_owned()),
        login,
    })
}
