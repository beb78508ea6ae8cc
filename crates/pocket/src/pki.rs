//! The cluster's own certificates: one authority, the server's certificate, the admin's.
//!
//! The authority is made once. The other two are issued anew at every start, so they never get
//! old on a machine that is ever restarted; copies of an earlier admin certificate stay valid.

mod subject;

use std::io::Write as _;
use std::net::IpAddr;
use std::os::unix::fs::OpenOptionsExt as _;

use camino::{Utf8Path, Utf8PathBuf};
use jiff::civil::Date;
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, SanType,
};

pub(crate) use subject::Subject;

const AUTHORITY_YEARS: i16 = 10;
const LEAF_YEARS: i16 = 5;

/// Why there are no certificates.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file of the folder could not be read or written.
    #[error("access {path}")]
    File {
        /// The file.
        path: Utf8PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// A key or certificate could not be made or understood.
    #[error("make certificate for {subject}")]
    Certificate {
        /// Whose certificate.
        subject: String,
        /// What the library said.
        #[source]
        source: rcgen::Error,
    },
    /// The random source of the system failed.
    #[error("random source unavailable")]
    Random,
}

/// A certificate with its key, both as PEM text.
pub(crate) struct Pair {
    pub(crate) certificate: String,
    pub(crate) key: String,
}

/// The authority of one state folder.
pub(crate) struct Authority {
    pub(crate) certificate: String,
    issuer: Issuer<'static, KeyPair>,
    today: Date,
    /// Signs the tokens of ServiceAccounts.
    pub(crate) token_key: Vec<u8>,
}

impl Authority {
    /// Loads the authority from its folder, or makes it.
    pub(crate) fn open(folder: &Utf8Path, today: Date) -> Result<Self, Error> {
        let path = |name: &str| folder.join(name);
        let name = "howdah-ca";
        let (key_path, certificate_path) = (path("ca.key"), path("ca.crt"));
        if !certificate_path.exists() {
            let key = generate(name)?;
            let params = authority_params(today);
            let certificate = params.self_signed(&key).map_err(refused(name))?;
            // The certificate comes last: with it the pair is complete.
            write_secret(&key_path, &key.serialize_pem())?;
            write_secret(&certificate_path, &certificate.pem())?;
        }
        let certificate = read(&certificate_path)?;
        let key = KeyPair::from_pem(&read(&key_path)?).map_err(refused(name))?;
        // Only name and key of the authority go into what it signs.
        let issuer = Issuer::new(authority_params(today), key);
        let token_key = token_key(&path("token.key"))?;
        Ok(Self {
            certificate,
            issuer,
            today,
            token_key,
        })
    }

    /// A certificate for a server at these addresses and names.
    pub(crate) fn server(&self, addresses: &[IpAddr], names: &[&str]) -> Result<Pair, Error> {
        let subject = "kube-apiserver";
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let mut params = CertificateParams::new(names).map_err(refused(subject))?;
        params
            .subject_alt_names
            .extend(addresses.iter().map(|ip| SanType::IpAddress(*ip)));
        params.distinguished_name.push(DnType::CommonName, subject);
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        self.issue(params, subject)
    }

    /// A certificate for a user in a group.
    pub(crate) fn client(&self, user: &str, group: &str) -> Result<Pair, Error> {
        let mut params = CertificateParams::default();
        params
            .distinguished_name
            .push(DnType::OrganizationName, group);
        params.distinguished_name.push(DnType::CommonName, user);
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        self.issue(params, user)
    }

    fn issue(&self, mut params: CertificateParams, subject: &str) -> Result<Pair, Error> {
        valid(&mut params, self.today, LEAF_YEARS);
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.use_authority_key_identifier_extension = true;
        let key = generate(subject)?;
        let certificate = params
            .signed_by(&key, &self.issuer)
            .map_err(refused(subject))?;
        Ok(Pair {
            certificate: certificate.pem(),
            key: key.serialize_pem(),
        })
    }
}

fn authority_params(today: Date) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = rcgen::DistinguishedName::new();
    params
        .distinguished_name
        .push(DnType::CommonName, "howdah-ca");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    valid(&mut params, today, AUTHORITY_YEARS);
    params
}

/// Valid from yesterday, as clocks may differ, for some years.
fn valid(params: &mut CertificateParams, today: Date, years: i16) {
    let yesterday = today.yesterday().unwrap_or(today);
    // A day that exists in every month, so that the end exists too.
    let month = u8::try_from(yesterday.month()).unwrap_or(1);
    let day = u8::try_from(yesterday.day().min(28)).unwrap_or(1);
    let moment = |year: i16| rcgen::date_time_ymd(i32::from(year), month, day);
    params.not_before = moment(yesterday.year());
    params.not_after = moment(yesterday.year() + years);
}

fn generate(subject: &str) -> Result<KeyPair, Error> {
    KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).map_err(refused(subject))
}

fn refused(subject: &str) -> impl FnOnce(rcgen::Error) -> Error {
    let subject = subject.to_owned();
    move |source| Error::Certificate { subject, source }
}

fn token_key(path: &Utf8Path) -> Result<Vec<u8>, Error> {
    if !path.exists() {
        let mut bytes = [0_u8; 32];
        aws_lc_rs::rand::fill(&mut bytes).map_err(|_| Error::Random)?;
        let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        write_secret(path, &hex)?;
    }
    Ok(read(path)?.into_bytes())
}

fn read(path: &Utf8Path) -> Result<String, Error> {
    std::fs::read_to_string(path).map_err(|source| Error::File {
        path: path.to_owned(),
        source,
    })
}

/// Writes a file that only its owner may read, all of it or nothing.
pub(crate) fn write_secret(path: &Utf8Path, text: &str) -> Result<(), Error> {
    let temporary = path.with_extension("new");
    let write = || {
        let mut options = std::fs::OpenOptions::new();
        options.write(true).create(true).truncate(true).mode(0o600);
        let mut file = options.open(&temporary)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        std::fs::rename(&temporary, path)
    };
    write().map_err(|source| Error::File {
        path: path.to_owned(),
        source,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_authority_survives_and_signs_with_the_same_key() {
        let dir = tempfile::tempdir().unwrap();
        let folder = Utf8Path::from_path(dir.path()).unwrap();
        let today = jiff::civil::date(2026, 11, 30);
        let first = Authority::open(folder, today).unwrap();
        let again = Authority::open(folder, today).unwrap();
        assert_eq!(first.certificate, again.certificate);
        assert_eq!(first.token_key, again.token_key);
        let admin = again.client("admin", "system:masters").unwrap();
        let der = rustls_pemfile::certs(&mut admin.certificate.as_bytes())
            .next()
            .unwrap()
            .unwrap();
        let subject = Subject::parse(&der).unwrap();
        assert_eq!(
            (subject.name.as_str(), &*subject.groups),
            ("admin", &["system:masters".to_owned()][..])
        );
    }
}
