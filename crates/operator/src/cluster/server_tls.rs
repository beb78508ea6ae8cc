//! The Secret with the certificate that clients see: made once, renewed before it ends, or filled with the user's.

use std::collections::BTreeSet;
use std::time::Duration;

use howdah_api::cert_manager::Certificate;
use howdah_plan::ValidatedCluster;
use howdah_plan::build::{certificate, ssl_secret};
use howdah_plan::cert_manager::is_asked;
use howdah_plan::credentials::Credentials;
use howdah_plan::names::Names;
use howdah_plan::server_tls::{ServerTls, hosts};
use k8s_openapi::api::core::v1::Service;
use kube::ResourceExt as _;
use kube::api::DeleteParams;
use tracing::info;

use super::Error;
use super::credentials::contents;
use super::dereference::Found;
use super::ensure::applied;
use super::peer::{LOOKED_AT, keep_metadata, renew, replace};
use crate::certificates::now;
use crate::context::Context;
use crate::server_tls::{content, is_foreign};

/// How soon a cert-manager that was missing is looked for again.
const INSTALLED_MEANWHILE: Duration = Duration::from_secs(5 * 60);

/// Makes sure that the Secret holds what it should. `members` is the content of the members' own.
pub(super) async fn ensure(
    context: &Context,
    found: &Found,
    valid: &ValidatedCluster,
    members: &Credentials,
) -> Result<(), Error> {
    let name = Names(&valid.name).ssl();
    let secrets = &found.owned.secrets;
    let stored = secrets.iter().find(|secret| secret.name_any() == name);
    let known = stored.map(contents).unwrap_or_default();
    let mut hosts = hosts(&valid.name, &valid.namespace);
    let services = found.owned.services.iter();
    let ours = services.filter(|service| hosts.contains(&service.name_any()));
    let addresses = addresses(ours);
    hosts.extend(addresses);
    let wanted = content(&valid.server_tls, &known, members, &hosts, now());
    let wanted = wanted.map_err(Error::ServerCertificate)?;
    if let ServerTls::Issued { issuer, asked, .. } = &valid.server_tls {
        let planned = certificate(valid, issuer, *asked, &hosts);
        let stored = found.references.cert_manager.certificate.as_slice();
        applied(context, &found.namespace, stored, &planned).await?;
    } else if is_foreign(&known, members) && wanted.as_ref() != Some(&known) {
        // It may be what cert-manager made before the cluster asked for something else.
        withdraw(context, found, valid).await?;
    }
    let Some(wanted) = wanted else {
        return Ok(());
    };
    let planned = ssl_secret(valid, &wanted);
    match stored {
        Some(stored) if stored.data == planned.data => {
            keep_metadata(context, found, stored, &planned).await
        }
        // A merge would keep the authority of a certificate that was ours before.
        Some(stored) if stored.immutable != Some(true) && known.keys().eq(wanted.keys()) => {
            info!(secret = name, "renewing the certificate that clients see");
            renew(context, found, stored, &planned).await
        }
        stored => replace(context, found, stored, &planned).await,
    }
}

/// Takes the order to cert-manager back, if there is one: else it would write its Secret for ever.
async fn withdraw(context: &Context, found: &Found, valid: &ValidatedCluster) -> Result<(), Error> {
    let name = Names(&valid.name).issued();
    let api = context.api::<Certificate>(&found.namespace);
    match api.delete(&name, &DeleteParams::default()).await {
        Err(kube::Error::Api(status)) if status.is_not_found() => Ok(()),
        Err(error) => Err(Error::write(format!("Certificate {name}"))(error)),
        Ok(_) => {
            info!(
                certificate = name,
                "taking back what cert-manager was asked for"
            );
            Ok(())
        }
    }
}

/// Where clients reach the Services when they use no names.
fn addresses<'a>(services: impl Iterator<Item = &'a Service>) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for service in services {
        let spec = service.spec.iter();
        let own = spec.flat_map(|spec| spec.cluster_ips.iter().flatten().chain(&spec.cluster_ip));
        found.extend(own.filter(|ip| *ip != "None").cloned());
        let status = service.status.as_ref();
        let balancer = status.and_then(|status| status.load_balancer.as_ref());
        for ingress in balancer.iter().flat_map(|b| b.ingress.iter().flatten()) {
            found.extend(ingress.ip.clone());
            found.extend(ingress.hostname.clone());
        }
    }
    found
}

/// When a cluster is looked at again although nothing happens: several times before a certificate must be renewed.
pub(super) fn looked_at(found: &Found, valid: &ValidatedCluster) -> Duration {
    let asked = is_asked(found.cluster.annotations());
    if asked && !found.references.cert_manager.installed {
        return INSTALLED_MEANWHILE;
    }
    match &valid.server_tls {
        ServerTls::Own(life) => LOOKED_AT.min(*life / 12),
        ServerTls::Off | ServerTls::Given { .. } | ServerTls::Issued { .. } => LOOKED_AT,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn addresses_are_those_of_the_services_and_of_what_balances_them() {
        let services: Vec<Service> = serde_json::from_value(json!([
            {"spec": {"clusterIP": "10.0.0.1", "clusterIPs": ["10.0.0.1", "fd00::1"]}},
            {"spec": {"clusterIP": "None"}},
            {"spec": {}, "status": {"loadBalancer": {"ingress": [
                {"ip": "192.0.2.1"}, {"hostname": "db.example.org"},
            ]}}},
        ]))
        .unwrap();
        let found: Vec<_> = addresses(services.iter()).into_iter().collect();
        assert_eq!(
            found,
            ["10.0.0.1", "192.0.2.1", "db.example.org", "fd00::1"]
        );
    }
}
