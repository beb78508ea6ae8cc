//! Keys and certificates with which the instances of a cluster know each other.
//!
//! Every cluster has an authority of its own, whose key only the operator reads. All instances show
//! one certificate. It is renewed long before it ends, by the same authority, so that members with
//! the old one and members with the new one go on to trust each other.

use std::sync::Arc;
use std::time::Duration;

use howdah_plan::credentials::Credentials;
use howdah_plan::peer::{CA_CERTIFICATE, CA_KEY, CERTIFICATE, KEY};
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

const DAY: u64 = 24 * 60 * 60;

/// Life of the certificate that instances show.
const LEAF: Duration = Duration::from_secs(360 * DAY);

/// The certificate is renewed when only this is left: a third of its life.
const RENEWED_BEFORE: Duration = Duration::from_secs(120 * DAY);

/// Life of the authority, a hundred years: it is of one cluster, whose members trust no other, and to
/// change it they would have to stop trusting each other for a moment.
const AUTHORITY: Duration = Duration::from_secs(100 * 365 * DAY);

/// Clocks may differ; what is new must be valid everywhere.
const BACK: Duration = Duration::from_secs(DAY);

/// The largest text that is looked at; ours are a tenth of it.
const MOST_BYTES: usize = 16 * 1024;

/// A certificate could not be made.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("generate a key")]
    Key(#[source] rcgen::Error),
    #[error("issue a certificate for {host}")]
    Issue {
        host: String,
        #[source]
        source: rcgen::Error,
    },
}

/// What has to be done about stored keys and certificates.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Nothing.
    Good,
    /// The certificate ends soon, or is damaged; its authority is the same.
    Renewed(Credentials),
    /// What was stored is of no use: damaged, or of somebody else.
    Replaced(Credentials),
}

/// Judges what is stored, and makes what is needed. `now` counts from the Unix epoch.
pub(crate) fn judge(stored: &Credentials, host: &str, now: Duration) -> Result<Verdict, Error> {
    let Some(authority) = Authority::read(stored) else {
        return replace(host, now);
    };
    let leaf = pair(stored, CERTIFICATE, KEY);
    if leaf.is_some_and(|leaf| authority.vouches(&leaf, host, &[now, now + RENEWED_BEFORE])) {
        return Ok(Verdict::Good);
    }
    let renewed = authority.issue(host, now)?;
    let last = now + LEAF - BACK;
    let holds = pair(&renewed, CERTIFICATE, KEY)
        .is_some_and(|leaf| authority.vouches(&leaf, host, &[now, last]));
    if holds {
        Ok(Verdict::Renewed(renewed))
    } else {
        replace(host, now)
    }
}

/// A new authority and a certificate by it.
fn replace(host: &str, now: Duration) -> Result<Verdict, Error> {
    let key = generate()?;
    let certificate = authority_params(now)
        .self_signed(&key)
        .map_err(refused(host))?;
    let authority = Authority {
        certificate: certificate.der().clone(),
        pem: certificate.pem(),
        key_pem: key.serialize_pem(),
        key,
    };
    authority.issue(host, now).map(Verdict::Replaced)
}

/// The authority of one cluster.
struct Authority {
    certificate: CertificateDer<'static>,
    pem: String,
    key: KeyPair,
    key_pem: String,
}

impl Authority {
    /// The stored one, if certificate and key belong together.
    fn read(stored: &Credentials) -> Option<Self> {
        let (certificate, _) = pair(stored, CA_CERTIFICATE, CA_KEY)?;
        let pem = stored.get(CA_CERTIFICATE)?.clone();
        let key_pem = stored.get(CA_KEY)?.clone();
        Some(Self {
            certificate,
            pem,
            key: KeyPair::from_pem(&key_pem).ok()?,
            key_pem,
        })
    }

    /// All keys of the Secret, with a new certificate for the instances.
    fn issue(&self, host: &str, now: Duration) -> Result<Credentials, Error> {
        let mut params = CertificateParams::new([host.to_owned()]).map_err(refused(host))?;
        params.distinguished_name = DistinguishedName::new();
        params
            .distinguished_name
            .push(DnType::CommonName, "howdah-member");
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![
            ExtendedKeyUsagePurpose::ServerAuth,
            ExtendedKeyUsagePurpose::ClientAuth,
        ];
        params.use_authority_key_identifier_extension = true;
        live(&mut params, now, LEAF);
        let key = generate()?;
        let issuer = Issuer::new(authority_params(now), &self.key);
        let certificate = params.signed_by(&key, &issuer).map_err(refused(host))?;
        Ok([
            (CA_CERTIFICATE, self.pem.clone()),
            (CA_KEY, self.key_pem.clone()),
            (CERTIFICATE, certificate.pem()),
            (KEY, key.serialize_pem()),
        ]
        .map(|(key, value)| (key.to_owned(), value))
        .into())
    }

    /// Whether members that trust this authority accept a certificate at all these times, from a
    /// server of that name and from a client.
    fn vouches(&self, leaf: &Pair, host: &str, times: &[Duration]) -> bool {
        let mut roots = RootCertStore::empty();
        let Ok(name) = ServerName::try_from(host) else {
            return false;
        };
        if roots.add(self.certificate.clone()).is_err() {
            return false;
        }
        let roots = Arc::new(roots);
        let server = WebPkiServerVerifier::builder_with_provider(roots.clone(), provider()).build();
        let client = WebPkiClientVerifier::builder_with_provider(roots, provider()).build();
        let (Ok(server), Ok(client)) = (server, client) else {
            return false;
        };
        times.iter().all(|time| {
            let time = UnixTime::since_unix_epoch(*time);
            let (certificate, _) = leaf;
            server
                .verify_server_cert(certificate, &[], &name, &[], time)
                .is_ok()
                && client.verify_client_cert(certificate, &[], time).is_ok()
        })
    }
}

type Pair = (CertificateDer<'static>, PrivateKeyDer<'static>);

/// A certificate and its key, if both can be read and belong together.
fn pair(stored: &Credentials, certificate: &str, key: &str) -> Option<Pair> {
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
fn authority_params(now: Duration) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params
        .distinguished_name
        .push(DnType::CommonName, "howdah-members");
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    live(&mut params, now, AUTHORITY);
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

fn refused(host: &str) -> impl FnOnce(rcgen::Error) -> Error {
    let host = host.to_owned();
    move |source| Error::Issue { host, source }
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(aws_lc_rs::default_provider())
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOST: &str = "members.a.default";
    const NOW: Duration = Duration::from_secs(1_800_000_000);

    fn made(host: &str, now: Duration) -> Credentials {
        match judge(&Credentials::new(), host, now).unwrap() {
            Verdict::Replaced(made) => made,
            other => panic!("not made anew: {other:?}"),
        }
    }

    fn days(days: u64) -> Duration {
        Duration::from_secs(days * DAY)
    }

    #[test]
    fn what_was_made_is_good_for_two_thirds_of_its_life() {
        let made = made(HOST, NOW);
        for later in [days(0), days(238)] {
            assert_eq!(judge(&made, HOST, NOW + later).unwrap(), Verdict::Good);
        }
        let Verdict::Renewed(renewed) = judge(&made, HOST, NOW + days(240)).unwrap() else {
            panic!("not renewed");
        };
        assert_eq!(renewed[CA_CERTIFICATE], made[CA_CERTIFICATE]);
        assert_eq!(renewed[CA_KEY], made[CA_KEY]);
        assert_ne!(renewed[CERTIFICATE], made[CERTIFICATE]);
        assert_ne!(renewed[KEY], made[KEY]);
    }

    #[test]
    fn members_with_the_old_certificate_and_with_the_new_one_trust_each_other() {
        let made = made(HOST, NOW);
        let later = NOW + days(300);
        let Verdict::Renewed(renewed) = judge(&made, HOST, later).unwrap() else {
            panic!("not renewed");
        };
        for (trusts, shows) in [(&made, &renewed), (&renewed, &made)] {
            let authority = Authority::read(trusts).unwrap();
            let leaf = pair(shows, CERTIFICATE, KEY).unwrap();
            assert!(authority.vouches(&leaf, HOST, &[later]));
        }
    }

    #[test]
    fn a_certificate_that_has_ended_is_renewed_by_the_same_authority() {
        let made = made(HOST, NOW);
        let verdict = judge(&made, HOST, NOW + days(1000)).unwrap();
        assert!(matches!(verdict, Verdict::Renewed(new) if new[CA_KEY] == made[CA_KEY]));
    }

    #[test]
    fn only_the_name_and_the_times_it_was_made_for_are_vouched_for() {
        let made = made(HOST, NOW);
        let authority = Authority::read(&made).unwrap();
        let leaf = pair(&made, CERTIFICATE, KEY).unwrap();
        assert!(authority.vouches(&leaf, HOST, &[NOW, NOW + days(358)]));
        assert!(!authority.vouches(&leaf, HOST, &[NOW + days(361)]));
        assert!(!authority.vouches(&leaf, HOST, &[NOW - days(2)]));
        assert!(!authority.vouches(&leaf, "members.b.default", &[NOW]));
        assert!(!authority.vouches(&leaf, "a", &[NOW]));
    }

    #[test]
    fn a_damaged_certificate_is_renewed_and_a_damaged_authority_replaced() {
        let good = made(HOST, NOW);
        let other = made(HOST, NOW);
        for key in [CERTIFICATE, KEY] {
            for damage in ["", "x", other[key].as_str(), good[CA_CERTIFICATE].as_str()] {
                let mut damaged = good.clone();
                damaged.insert(key.to_owned(), damage.to_owned());
                let verdict = judge(&damaged, HOST, NOW).unwrap();
                assert!(matches!(verdict, Verdict::Renewed(_)), "{key}: {damage}");
            }
        }
        let long = "x".repeat(MOST_BYTES + 1);
        for key in [CA_CERTIFICATE, CA_KEY] {
            for damage in ["", &long, other[key].as_str(), good[CERTIFICATE].as_str()] {
                let mut damaged = good.clone();
                damaged.insert(key.to_owned(), damage.to_owned());
                let verdict = judge(&damaged, HOST, NOW).unwrap();
                assert!(matches!(verdict, Verdict::Replaced(_)), "{key}: {damage}");
            }
        }
    }

    #[test]
    fn a_secret_of_another_cluster_gets_the_right_name() {
        let other = made("members.b.default", NOW);
        let verdict = judge(&other, HOST, NOW).unwrap();
        assert!(matches!(verdict, Verdict::Renewed(_)));
    }

    #[test]
    fn a_certificate_that_is_no_authority_is_replaced() {
        let good = made(HOST, NOW);
        let mut wrong = good.clone();
        wrong.insert(CA_CERTIFICATE.to_owned(), good[CERTIFICATE].clone());
        wrong.insert(CA_KEY.to_owned(), good[KEY].clone());
        let verdict = judge(&wrong, HOST, NOW).unwrap();
        assert!(matches!(verdict, Verdict::Replaced(_)));
    }
}
