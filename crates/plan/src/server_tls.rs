//! The Secret with the certificate that clients see: its keys, and the names that it is for.
//!
//! Keys and certificates are made by the operator, or are the user's own.

use std::time::Duration;

use howdah_api::cert_manager::IssuerRef;
use howdah_api::cluster::PostgresSsl;
use howdah_types::{ClusterName, IsoDuration};

use crate::cert_manager::{CertManager, Made};
use crate::invalid::Invalid;
use crate::names::Names;

/// Key of the certificate, with its chain.
pub const CERTIFICATE: &str = "tls.crt";
/// Key of its private key.
pub const KEY: &str = "tls.key";
/// Key of the certificate of the authority, by which clients know the server.
pub const CA_CERTIFICATE: &str = "ca.crt";

/// The keys that the instances see.
pub(crate) const MOUNTED: [&str; 2] = [CERTIFICATE, KEY];

/// Life of a certificate whose user asks for none.
const LIFE: Duration = Duration::from_secs(365 * DAY);
const DAY: u64 = 24 * 60 * 60;
/// Limits of what users ask for: shorter ones would end while Pods still wait for the new one.
const SHORTEST: Duration = Duration::from_secs(60 * 60);
const LONGEST: Duration = Duration::from_secs(100 * 365 * DAY);

/// Where the certificate comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ServerTls {
    /// There is none: clients are not encrypted.
    Off,
    /// The operator makes one, which is valid for so long.
    Own(Duration),
    /// cert-manager makes one.
    Issued {
        /// Who signs it.
        issuer: IssuerRef,
        /// How long the user asks for.
        asked: Option<Duration>,
        /// The life of the operator's own, which is there until cert-manager has made one.
        own: Duration,
        /// What cert-manager has made so far.
        made: Option<Made>,
    },
    /// The user's own certificate, and its key.
    Given {
        /// With its chain.
        certificate: String,
        /// The private key.
        key: String,
    },
}

/// Decides by what the manifest says; `given` reads the keys of Secrets, which were found to be there.
pub(crate) fn server_tls(
    ssl: &PostgresSsl,
    given: impl Fn(&str, &str) -> Option<String>,
) -> Result<ServerTls, Vec<Invalid>> {
    if !ssl.enabled {
        return Ok(ServerTls::Off);
    }
    let own = [
        &ssl.certificate_secret_key_selector,
        &ssl.private_key_secret_key_selector,
    ];
    if let [Some(certificate), Some(key)] = own {
        let read = |at: &howdah_api::SecretKeySelector| given(&at.name, &at.key);
        if let (Some(certificate), Some(key)) = (read(certificate), read(key)) {
            return Ok(ServerTls::Given { certificate, key });
        }
    }
    let Some(text) = &ssl.duration else {
        return Ok(ServerTls::Own(LIFE));
    };
    let wrong = |why: String| vec![Invalid::config("spec.postgres.ssl.duration", why)];
    let life: IsoDuration = text.parse().map_err(|error| wrong(format!("{error}")))?;
    let life = life.as_duration();
    if (SHORTEST..=LONGEST).contains(&life) {
        Ok(ServerTls::Own(life))
    } else {
        Err(wrong("must be from one hour to a hundred years".to_owned()))
    }
}

impl ServerTls {
    /// The same by cert-manager, if the cluster asks for that and it is there.
    pub(crate) fn by(
        self,
        issuer: Option<IssuerRef>,
        asked: bool,
        found: &CertManager,
    ) -> Result<Self, Vec<Invalid>> {
        match (self, issuer) {
            (Self::Own(own), Some(issuer)) if found.installed => Ok(Self::Issued {
                issuer,
                asked: asked.then_some(own),
                own,
                made: found.made.clone(),
            }),
            (Self::Given { .. }, Some(_)) => Err(vec![Invalid::config(
                "spec.postgres.ssl.certificateSecretKeySelector",
                "the annotations ask cert-manager for a certificate, too: remove the annotation or the selectors",
            )]),
            (tls, _) => Ok(tls),
        }
    }
}

/// The names of a cluster's Services, as clients write them in the same namespace and elsewhere.
pub fn hosts(cluster: &ClusterName, namespace: &str) -> Vec<String> {
    let names = Names(cluster);
    let services = [names.cluster(), names.primary_alias(), names.replicas()];
    services
        .iter()
        .flat_map(|service| {
            let zones = ["", ".svc", ".svc.cluster.local"];
            let elsewhere = zones.map(|zone| format!("{service}.{namespace}{zone}"));
            std::iter::once(service.clone()).chain(elsewhere)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use pretty_assertions::assert_eq;
    use serde_json::{Value, json};

    use super::*;

    fn of(ssl: Value) -> Result<ServerTls, Vec<Invalid>> {
        let ssl = serde_json::from_value(ssl).unwrap();
        server_tls(&ssl, |name, key| Some(format!("{name}/{key}")))
    }

    #[test]
    fn a_certificate_is_the_users_or_lives_as_long_as_they_ask() {
        assert_eq!(of(json!({})), Ok(ServerTls::Own(LIFE)));
        assert_eq!(
            of(json!({"enabled": false, "duration": "x"})),
            Ok(ServerTls::Off)
        );
        assert_eq!(
            of(json!({"duration": "P90D"})),
            Ok(ServerTls::Own(Duration::from_secs(90 * DAY)))
        );
        let own = json!({
            "certificateSecretKeySelector": {"name": "s", "key": "c"},
            "privateKeySecretKeySelector": {"name": "s", "key": "k"},
        });
        let given = ServerTls::Given {
            certificate: "s/c".to_owned(),
            key: "s/k".to_owned(),
        };
        assert_eq!(of(own), Ok(given));
    }

    #[test]
    fn a_life_that_cannot_be_kept_is_refused() {
        for (text, good) in [
            ("PT1H", true),
            ("PT59M", false),
            ("P36500D", true),
            ("P36501D", false),
            ("1y", false),
        ] {
            assert_eq!(of(json!({"duration": text})).is_ok(), good, "{text}");
        }
    }

    #[test]
    fn the_names_are_those_that_clients_write() {
        let names = hosts(&"a".parse().unwrap(), "n");
        assert_eq!(names.len(), 12);
        for name in [
            "a",
            "a.n",
            "a.n.svc",
            "a.n.svc.cluster.local",
            "a-primary.n",
            "a-replicas",
        ] {
            assert!(names.iter().any(|known| known == name), "{name}");
        }
    }
}
