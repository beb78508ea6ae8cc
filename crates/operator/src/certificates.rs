//! Authorities, and the certificates that they issue.
//!
//! Nothing is parsed but by what verifies it later: a certificate is good if those who trust the authority accept
//! it, now and until it is looked at again.

use std::sync::Arc;
use std::time::Duration;

use howdah_plan::credentials::Credentials;
use howdah_plan::peer::{CA_CERTIFICATE, CA_KEY};
use jiff::Timestamp;
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa,
    Issuer, KeyPair, KeyUsagePurpose,
};
use rustls::RootCertStore;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::ServerCertVerifier as _;
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::server::WebPkiClientVerifier;
use rustls::sign::CertifiedKey;

pub(crate) const DAY: u64 = 24 * 60 * 60;

/// The authority of one cluster. It lives a hundred years: its members trust no other, and to change it they would
/// have to stop trusting each other for a moment.
pub(crate) const MEMBERS: Kind = Kind {
    title: "howdah-members",
    life: Duration::from_secs(100 * 365 * DAY),
};

/// Clocks may differ; what is new must be valid everywhere.
pub(crate) const BACK: Duration = Duration::from_secs(DAY);

/// The time since the Unix epoch.
pub(crate) fn now() -> Duration {
    Duration::try_from(Timestamp::now().as_duration()).unwrap_or_default()
}

/// The largest text that is looked at; ours are a tenth of it.
pub(crate) const MOST_BYTES: usize = 64 * 1024;

/// A certificate could not be made.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("generate a key")]
    Key(#[source] rcgen::Error),
    #[error("make an authority")]
    Authority(#[source] rcgen::Error),
    #[error("issue a certificate for {host}")]
    Issue {
        host: String,
        #[source]
        source: rcgen::Error,
    },
    #[error("the authority's own certificate is of no use")]
    NoAuthority,
    #[error(
        "the certificate and the key in spec.postgres.ssl cannot be read, or do not belong together"
    )]
    Given,
}

/// What a certificate is for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Purpose<'a> {
    /// Its names and addresses, at least one.
    pub(crate) hosts: &'a [String],
    /// What people read in it.
    pub(crate) title: &'a str,
    /// True if who shows it may be a client too.
    pub(crate) client: bool,
    /// How long it is valid.
    pub(crate) life: Duration,
}

/// A sort of authorities.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Kind {
    /// What people read in its certificate.
    pub(crate) title: &'static str,
    /// How long it is valid.
    pub(crate) life: Duration,
}

/// An authority.
pub(crate) struct Authority {
    kind: Kind,
    certificate: CertificateDer<'static>,
    pub(crate) pem: String,
    key: KeyPair,
    pub(crate) key_pem: String,
}

impl Authority {
    /// A new one.
    pub(crate) fn new(kind: Kind, now: Duration) -> Result<Self, Error> {
        let key = generate()?;
        let certificate = authority_params(kind, now)
            .self_signed(&key)
            .map_err(Error::Authority)?;
        Ok(Self {
            kind,
            certificate: certificate.der().clone(),
            pem: certificate.pem(),
            key_pem: key.serialize_pem(),
            key,
        })
    }

    /// The stored one of a cluster, if certificate and key belong together.
    pub(crate) fn read(stored: &Credentials) -> Option<Self> {
        let (certificate, _) = pair(stored, CA_CERTIFICATE, CA_KEY)?;
        let pem = stored.get(CA_CERTIFICATE)?.clone();
        let key_pem = stored.get(CA_KEY)?.clone();
        Some(Self {
            kind: MEMBERS,
            certificate,
            pem,
            key: KeyPair::from_pem(&key_pem).ok()?,
            key_pem,
        })
    }

    /// A new certificate and its key.
    pub(crate) fn issue(
        &self,
        purpose: Purpose<'_>,
        now: Duration,
    ) -> Result<(String, String), Error> {
        let host = purpose.hosts.first().map_or("", String::as_str);
        let refused = || {
            let host = host.to_owned();
            move |source| Error::Issue { host, source }
        };
        let mut params = CertificateParams::new(purpose.hosts).map_err(refused())?;
        params.distinguished_name = DistinguishedName::new();
        params
            .distinguished_name
            .push(DnType::CommonName, purpose.title);
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        if purpose.client {
            let usages = &mut params.extended_key_usages;
            usages.push(ExtendedKeyUsagePurpose::ClientAuth);
        }
        params.use_authority_key_identifier_extension = true;
        live(&mut params, now, purpose.life);
        let key = generate()?;
        let issuer = Issuer::new(authority_params(self.kind, now), &self.key);
        let certificate = params.signed_by(&key, &issuer).map_err(refused())?;
        Ok((certificate.pem(), key.serialize_pem()))
    }

    /// Whether those who trust this authority accept a certificate for its purpose at all these times.
    pub(crate) fn vouches(&self, leaf: &Pair, purpose: Purpose<'_>, times: &[Duration]) -> bool {
        vouches(&self.certificate, leaf, purpose, times)
    }
}

/// Whether those who trust an authority accept a certificate for its purpose at all these times.
pub(crate) fn vouches(
    authority: &CertificateDer<'static>,
    leaf: &Pair,
    purpose: Purpose<'_>,
    times: &[Duration],
) -> bool {
    let mut roots = RootCertStore::empty();
    let names: Result<Vec<_>, _> = purpose
        .hosts
        .iter()
        .map(|host| ServerName::try_from(host.as_str()))
        .collect();
    let Ok(names) = names else {
        return false;
    };
    if roots.add(authority.clone()).is_err() {
        return false;
    }
    let roots = Arc::new(roots);
    let server = WebPkiServerVerifier::builder_with_provider(roots.clone(), provider()).build();
    let client = WebPkiClientVerifier::builder_with_provider(roots, provider()).build();
    let (Ok(server), Ok(client)) = (server, client) else {
        return false;
    };
    let (certificate, _) = leaf;
    times.iter().all(|time| {
        let time = UnixTime::since_unix_epoch(*time);
        let as_server = names.iter().all(|name| {
            let verified = server.verify_server_cert(certificate, &[], name, &[], time);
            verified.is_ok()
        });
        let verified = client.verify_client_cert(certificate, &[], time);
        as_server && (!purpose.client || verified.is_ok())
    })
}

/// A certificate and its private key.
pub(crate) type Pair = (CertificateDer<'static>, PrivateKeyDer<'static>);

/// A certificate and its key, if both can be read and belong together.
pub(crate) fn pair(stored: &Credentials, certificate: &str, key: &str) -> Option<Pair> {
    let text = |key: &str| {
        let text = stored.get(key)?;
        (text.len() <= MOST_BYTES).then_some(text.as_bytes())
    };
    let certificate = CertificateDer::from_pem_slice(text(certificate)?).ok()?;
    let key = PrivateKeyDer::from_pem_slice(text(key)?).ok()?;
    let chain = vec![certificate.clone()];
    let together = CertifiedKey::from_der(chain, key.clone_key(), &provider()).ok()?;
    together.keys_match().ok()?;
    Some((certificate, key))
}

/// The same at every renewal, except for its time, which no verifier looks at in an issuer's name.
fn authority_params(kind: Kind, now: Duration) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params
        .distinguished_name
        .push(DnType::CommonName, kind.title);
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    live(&mut params, now, kind.life);
    params
}

fn live(params: &mut CertificateParams, now: Duration, life: Duration) {
    let start = rcgen::date_time_ymd(1970, 1, 1) + now.saturating_sub(BACK);
    params.not_before = start;
    params.not_after = start + life;
}

fn generate() -> Result<KeyPair, Error> {
    KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).map_err(Error::Key)
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(aws_lc_rs::default_provider())
}
