//! The certificates of the members, read again when their files change.

use std::io;
use std::os::unix::fs::MetadataExt;
use std::sync::Arc;
use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};
use rustls::client::Resumption;
use rustls::client::danger::HandshakeSignatureValid;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime, pem};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::server::{NoServerSessionStorage, ParsedCertificate, WebPkiClientVerifier};
use rustls::{
    ClientConfig, DigitallySignedStruct, DistinguishedName, RootCertStore, ServerConfig,
    SignatureScheme,
};
use tokio::sync::watch;
use tokio_rustls::{TlsAcceptor, TlsConnector};

use crate::chain::Complaint;

const AUTHORITIES: &str = "ca.crt";
const CERTIFICATE: &str = "tls.crt";
const KEY: &str = "tls.key";
/// The largest file that is read.
const LONGEST: u64 = 256 << 10;
/// How often the files are looked at.
const LOOK: Duration = Duration::from_secs(1);

/// What connections are made with.
#[derive(Clone)]
pub(super) struct Tls {
    pub(super) connector: TlsConnector,
    pub(super) acceptor: TlsAcceptor,
}

/// Files that cannot be used.
#[derive(Debug, thiserror::Error)]
pub(super) enum Error {
    #[error("read {path}")]
    Read {
        path: Utf8PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("{0} is too large")]
    TooLarge(Utf8PathBuf),
    #[error("{0} changes while it is read")]
    Changing(Utf8PathBuf),
    #[error("understand {file}")]
    Pem {
        file: &'static str,
        #[source]
        source: pem::Error,
    },
    #[error("use the certificates")]
    Tls(#[source] rustls::Error),
    #[error("use the authorities")]
    Authorities(#[source] rustls::server::VerifierBuilderError),
}

/// The certificates in use.
pub(super) struct Credentials {
    folder: Utf8PathBuf,
    name: ServerName<'static>,
    current: watch::Sender<Option<Tls>>,
}

impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Credentials")
            .field("folder", &self.folder)
            .finish_non_exhaustive()
    }
}

/// A file that is replaced has another inode; one that is written has another time.
pub(super) type Stamps = [Option<(u64, i64, i64, u64)>; 3];

impl Credentials {
    /// Certificates from that folder, of members with that name. Nothing is read yet.
    pub(super) fn new(folder: Utf8PathBuf, name: &str) -> io::Result<Self> {
        let name = ServerName::try_from(name.to_owned());
        Ok(Self {
            folder,
            name: name.map_err(io::Error::other)?,
            current: watch::Sender::new(None),
        })
    }

    /// The name that every member's certificate has.
    pub(super) fn name(&self) -> ServerName<'static> {
        self.name.clone()
    }

    /// What connections are made with, waited for.
    pub(super) async fn get(&self) -> Tls {
        loop {
            let mut current = self.current.subscribe();
            // Fails only when the sender is gone, which is part of this value.
            if let Ok(tls) = current.wait_for(Option::is_some).await
                && let Some(tls) = tls.clone()
            {
                return tls;
            }
        }
    }

    /// Looks at the files for as long as it runs, away from the threads that must not wait for a disk.
    pub(super) async fn keep_fresh(self: Arc<Self>) {
        let mut complaint = Complaint::default();
        let mut used: Option<Stamps> = None;
        let mut looks = tokio::time::interval(LOOK);
        loop {
            looks.tick().await;
            let this = Arc::clone(&self);
            let read = tokio::task::spawn_blocking(move || this.changed(used));
            match read.await {
                Ok(Ok(Some((stamps, tls)))) => {
                    used = Some(stamps);
                    complaint.clear();
                    self.current.send_replace(Some(tls));
                    tracing::info!("certificates of the members are in use");
                }
                Ok(Err(error)) => {
                    if let Some(error) = complaint.new_one(&error) {
                        tracing::warn!(error, "certificates of the members cannot be used yet");
                    }
                }
                // Unchanged; or the runtime ends.
                Ok(Ok(None)) | Err(_) => {}
            }
        }
    }

    pub(super) fn changed(&self, used: Option<Stamps>) -> Result<Option<(Stamps, Tls)>, Error> {
        let stamps = self.stamps();
        if used == Some(stamps) {
            return Ok(None);
        }
        let tls = self.load()?;
        if stamps != self.stamps() {
            return Err(Error::Changing(self.folder.clone()));
        }
        Ok(Some((stamps, tls)))
    }

    fn stamps(&self) -> Stamps {
        [AUTHORITIES, CERTIFICATE, KEY].map(|file| {
            let meta = self.folder.join(file).metadata().ok()?;
            Some((meta.ino(), meta.mtime(), meta.mtime_nsec(), meta.size()))
        })
    }

    fn load(&self) -> Result<Tls, Error> {
        let roots = certificates(&self.folder, AUTHORITIES)?;
        let chain = certificates(&self.folder, CERTIFICATE)?;
        let key = PrivateKeyDer::from_pem_slice(&read(&self.folder.join(KEY))?)
            .map_err(|source| Error::Pem { file: KEY, source })?;
        let mut store = RootCertStore::empty();
        store.add_parsable_certificates(roots);
        let store = Arc::new(store);
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let connector = client(&store, &provider, chain.clone(), key.clone_key())?;
        let acceptor = self.server(&store, &provider, chain, key)?;
        Ok(Tls {
            connector: TlsConnector::from(Arc::new(connector)),
            acceptor: TlsAcceptor::from(Arc::new(acceptor)),
        })
    }

    fn server(
        &self,
        roots: &Arc<RootCertStore>,
        provider: &Arc<CryptoProvider>,
        chain: Vec<CertificateDer<'static>>,
        key: PrivateKeyDer<'static>,
    ) -> Result<ServerConfig, Error> {
        let verifier =
            WebPkiClientVerifier::builder_with_provider(Arc::clone(roots), Arc::clone(provider))
                .build()
                .map_err(Error::Authorities)?;
        let members = Members {
            verifier,
            name: self.name(),
        };
        let mut config = ServerConfig::builder_with_provider(Arc::clone(provider))
            .with_protocol_versions(&[&rustls::version::TLS13])
            .map_err(Error::Tls)?
            .with_client_cert_verifier(Arc::new(members))
            .with_single_cert(chain, key)
            .map_err(Error::Tls)?;
        // Connections are rare, and each one shall be looked at.
        config.session_storage = Arc::new(NoServerSessionStorage {});
        config.send_tls13_tickets = 0;
        Ok(config)
    }
}

fn client(
    roots: &Arc<RootCertStore>,
    provider: &Arc<CryptoProvider>,
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
) -> Result<ClientConfig, Error> {
    let mut config = ClientConfig::builder_with_provider(Arc::clone(provider))
        .with_protocol_versions(&[&rustls::version::TLS13])
        .map_err(Error::Tls)?
        .with_root_certificates(Arc::clone(roots))
        .with_client_auth_cert(chain, key)
        .map_err(Error::Tls)?;
    config.resumption = Resumption::disabled();
    Ok(config)
}

fn certificates(
    folder: &Utf8Path,
    file: &'static str,
) -> Result<Vec<CertificateDer<'static>>, Error> {
    let text = read(&folder.join(file))?;
    CertificateDer::pem_slice_iter(&text)
        .collect::<Result<_, _>>()
        .map_err(|source| Error::Pem { file, source })
}

fn read(path: &Utf8Path) -> Result<Vec<u8>, Error> {
    let failed = |source| Error::Read {
        path: path.to_owned(),
        source,
    };
    if path.metadata().map_err(failed)?.len() > LONGEST {
        return Err(Error::TooLarge(path.to_owned()));
    }
    std::fs::read(path).map_err(failed)
}

/// Lets in clients whose certificate the authority made for the members of this cluster. The name is
/// asked of servers by rustls itself, but never of clients.
#[derive(Debug)]
struct Members {
    verifier: Arc<dyn ClientCertVerifier>,
    name: ServerName<'static>,
}

impl ClientCertVerifier for Members {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        self.verifier.root_hint_subjects()
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, rustls::Error> {
        let verified = self
            .verifier
            .verify_client_cert(end_entity, intermediates, now)?;
        let parsed = ParsedCertificate::try_from(end_entity)?;
        rustls::client::verify_server_name(&parsed, &self.name)?;
        Ok(verified)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.verifier
            .verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.verifier
            .verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.verifier.supported_verify_schemes()
    }
}
