//! Credentials and certificates that the user keeps in Secrets of their own.

use super::Scope;
use crate::cert_manager;
use crate::credentials::Credentials;
use crate::invalid::Invalid;
use crate::references::{SOURCE_CLUSTER, wanted_secret_keys};
use crate::server_tls::{self, ServerTls};

/// The values of all Secret keys that fill a key of the credentials Secret.
pub(super) fn provided(scope: Scope<'_>) -> Result<Credentials, Vec<Invalid>> {
    let mut provided = Credentials::new();
    let mut problems = Vec::new();
    for wanted in wanted_secret_keys(scope.spec()) {
        let selector = &wanted.selector;
        let at = (selector.name.clone(), selector.key.clone());
        let field = wanted.field;
        match scope.inputs.references.secret_keys.get(&at) {
            Some(value) if value.is_empty() => problems.push(Invalid::config(
                field,
                format!(
                    "key \"{}\" of Secret \"{}\" is empty",
                    selector.key, selector.name
                ),
            )),
            Some(value) => {
                provided.extend(wanted.credential.map(|key| (key.to_owned(), value.clone())));
            }
            // One Secret is named by one field, so it is told once.
            None if field == SOURCE_CLUSTER => {
                let problem = Invalid::config(
                    field,
                    format!(
                        "SGCluster \"{}\" named in {field} does not exist in namespace \"{}\", or its Secret \
                         of the same name lacks credentials; create it or remove the reference",
                        selector.name, scope.namespace,
                    ),
                );
                if !problems.contains(&problem) {
                    problems.push(problem);
                }
            }
            None => problems.push(Invalid::config(
                field,
                format!(
                    "key \"{}\" of Secret \"{}\" named in {field} does not exist in namespace \
                     \"{}\"; create it or remove the reference",
                    selector.key, selector.name, scope.namespace,
                ),
            )),
        }
    }
    if problems.is_empty() {
        Ok(provided)
    } else {
        Err(problems)
    }
}

/// Where the certificate that clients see comes from. A key that is missing is told by [`provided`].
pub(super) fn server_tls(scope: Scope<'_>) -> Result<ServerTls, Vec<Invalid>> {
    let ssl = &scope.spec().postgres.ssl;
    let references = scope.inputs.references;
    let tls = server_tls::server_tls(ssl, |name, key| {
        let at = (name.to_owned(), key.to_owned());
        references.secret_keys.get(&at).cloned()
    })?;
    let issuer = scope.annotations().map_or(Ok(None), cert_manager::issuer)?;
    tls.by(issuer, ssl.duration.is_some(), &references.cert_manager)
}
