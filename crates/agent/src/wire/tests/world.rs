//! An authority, members, and a raw peer that does what no member would.

use std::collections::BTreeMap;
use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};
use howdah_ha::Epoch;
use howdah_ha::machine::{Boot, Holder, Member, Message};
use howdah_testkit::{LoopbackAddress, free_loopback_address, wait_until};
use rcgen::{BasicConstraints, CertificateParams, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair};
use tempfile::TempDir;
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio_rustls::client::TlsStream;

use crate::wire::credentials::{Credentials, Tls};
use crate::wire::{Incoming, PORT, Wire, WireConfig};

pub(super) const NAME: &str = "members.simple.default";
pub(super) const PATIENCE: Duration = Duration::from_secs(20);

/// Makes certificates.
pub(super) struct Authority {
    certificate: String,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    pub(super) fn new() -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        Self {
            certificate: params.self_signed(&key).unwrap().pem(),
            issuer: Issuer::new(params, key),
        }
    }

    /// Puts a new certificate with that name into a folder, as a kubelet would: complete or not at all.
    pub(super) fn issue(&self, folder: &Utf8Path, name: &str) {
        let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        params.extended_key_usages = vec![
            ExtendedKeyUsagePurpose::ServerAuth,
            ExtendedKeyUsagePurpose::ClientAuth,
        ];
        let key = KeyPair::generate().unwrap();
        let leaf = params.signed_by(&key, &self.issuer).unwrap().pem();
        for (file, text) in [
            ("ca.crt", self.certificate.clone()),
            ("tls.crt", leaf),
            ("tls.key", key.serialize_pem()),
        ] {
            let new = folder.join(format!("{file}.new"));
            std::fs::write(&new, text).unwrap();
            std::fs::rename(new, folder.join(file)).unwrap();
        }
    }
}

/// A folder for certificates.
pub(super) struct Folder(TempDir);

impl Folder {
    pub(super) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub(super) fn with(authority: &Authority, name: &str) -> Self {
        let folder = Self::new();
        authority.issue(&folder.path(), name);
        folder
    }

    pub(super) fn path(&self) -> Utf8PathBuf {
        Utf8PathBuf::try_from(self.0.path().to_owned()).unwrap()
    }

    /// As [`Self::tls`], with another authority trusted.
    pub(super) async fn tls_trusting(&self, authority: &Authority) -> Tls {
        std::fs::write(self.path().join("ca.crt"), &authority.certificate).unwrap();
        self.tls().await
    }

    /// Reads the files as a member does.
    pub(super) async fn tls(&self) -> Tls {
        let credentials = std::sync::Arc::new(Credentials::new(self.path(), NAME).unwrap());
        let fresh = tokio::spawn(std::sync::Arc::clone(&credentials).keep_fresh());
        let tls = credentials.get().await;
        fresh.abort();
        tls
    }
}

/// A member that runs.
pub(super) struct Node {
    pub(super) wire: Wire,
    pub(super) inbox: mpsc::Receiver<Incoming>,
    pub(super) place: Place,
}

/// Where a member runs.
pub(super) struct Place {
    pub(super) holder: Holder,
    pub(super) address: LoopbackAddress,
    pub(super) folder: Folder,
}

pub(super) fn holder(member: u16, boot: u64) -> Holder {
    Holder {
        member: Member(member),
        boot: Boot(boot),
    }
}

impl Place {
    pub(super) fn new(member: u16, folder: Folder) -> Self {
        Self {
            holder: holder(member, u64::from(member) + 100),
            address: free_loopback_address().unwrap(),
            folder,
        }
    }

    pub(super) fn start(self) -> Node {
        let (sender, inbox) = mpsc::channel(64);
        let config = WireConfig {
            bind: Some(self.address.ip()),
            port: PORT,
            cluster: "simple".parse().unwrap(),
            namespace: "default".to_owned(),
            me: self.holder,
            folder: self.folder.path(),
        };
        Node {
            wire: Wire::start(config, sender).unwrap(),
            inbox,
            place: self,
        }
    }
}

impl Node {
    pub(super) fn new(member: u16, authority: &Authority) -> Self {
        Place::new(member, Folder::with(authority, NAME)).start()
    }

    pub(super) fn knows(&self, peers: &[&Self]) {
        let address = |peer: &&Self| (peer.member(), peer.place.address.ip());
        let peers: BTreeMap<_, _> = peers.iter().map(address).collect();
        self.wire.set_peers(peers);
    }

    pub(super) fn member(&self) -> Member {
        self.place.holder.member
    }

    /// Ends the member's connections; its place stays.
    pub(super) fn stop(self) -> Place {
        self.place
    }

    /// The next thing that comes in.
    pub(super) async fn next(&mut self) -> Incoming {
        let next = tokio::time::timeout(PATIENCE, self.inbox.recv());
        next.await.expect("something comes in").unwrap()
    }

    /// A raw connection to this member, as `tls` makes it.
    pub(super) async fn raw(&self, tls: &Tls) -> TlsStream<TcpStream> {
        let stream = TcpStream::connect(self.place.address.port(PORT))
            .await
            .unwrap();
        let name = NAME.try_into().unwrap();
        tls.connector.connect(name, stream).await.unwrap()
    }
}

pub(super) fn message(number: u64) -> Message {
    Message::Canvassed {
        epoch: number.to_string().parse::<Epoch>().unwrap(),
        willing: None,
        promised: None,
    }
}

/// Sends until the other end has it: what is sent while there is no connection may be dropped.
pub(super) async fn deliver(from: &Node, to: &mut Node, number: u64) {
    let wanted = Incoming::Message(from.place.holder, message(number));
    let arrived = wait_until(PATIENCE, "a message", async || {
        from.wire.send(to.member(), message(number));
        match tokio::time::timeout(Duration::from_millis(100), to.inbox.recv()).await {
            Ok(Some(got)) if got == wanted => Ok(()),
            other => Err(format!("{other:?}")),
        }
    });
    arrived.await.unwrap();
}
