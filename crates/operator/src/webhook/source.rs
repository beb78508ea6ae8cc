//! Every operator's part: the certificate that it shows, from the leader's Secret or from a folder.

use std::io;
use std::path::Path;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt as _;
use howdah_plan::credentials::Credentials;
use k8s_openapi::api::core::v1::Secret;
use kube::runtime::WatchStreamExt as _;
use kube::runtime::watcher::watch_object;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::fs::File;
use tokio::io::AsyncReadExt as _;
use tokio::sync::watch;
use tokio::time::sleep;
use tokio_rustls::TlsAcceptor;
use tracing::{info, warn};

use super::SECRET;
use super::generation::CURRENT;
use crate::certificates::MOST_BYTES;
use crate::cluster::{Chain, contents};
use crate::config::Certificate;
use crate::context::Context;

/// How often a folder is looked at, and how often before there is a certificate.
const PERIOD: Duration = Duration::from_secs(10);
const FIRST: Duration = Duration::from_secs(1);

const CERTIFICATE: &str = CURRENT[1];
const KEY: &str = CURRENT[2];

/// None before there is a certificate.
pub(super) type Shown = Option<TlsAcceptor>;

/// Gives what is to be shown to new connections, for as long as it is polled.
pub(super) async fn follow(context: &Context, from: &Certificate, to: watch::Sender<Shown>) {
    let showing = Showing {
        seen: Credentials::new(),
        to,
    };
    match from {
        Certificate::Own => follow_secret(context, showing).await,
        Certificate::Folder(folder) => follow_folder(folder, showing).await,
    }
}

async fn follow_secret(context: &Context, mut showing: Showing) {
    let api = context.api::<Secret>(&context.config.namespace);
    let mut changes = pin!(watch_object(api, SECRET).default_backoff());
    while let Some(change) = changes.next().await {
        match change {
            // The leader makes it, or makes it again; until then what was shown is as good as before.
            Ok(None) => {}
            Ok(Some(secret)) => showing.show(contents(&secret)),
            Err(error) => warn!(error = %Chain(&error), "webhook certificate not read"),
        }
    }
}

async fn follow_folder(folder: &Path, mut showing: Showing) {
    loop {
        match read(folder).await {
            Ok(content) => showing.show(content),
            Err(error) => warn!(error = %Chain(&error), "webhook certificate not read"),
        }
        let waiting = showing.to.borrow().is_none();
        sleep(if waiting { FIRST } else { PERIOD }).await;
    }
}

struct Showing {
    seen: Credentials,
    to: watch::Sender<Shown>,
}

impl Showing {
    fn show(&mut self, mut content: Credentials) {
        content.retain(|key, _| key == CERTIFICATE || key == KEY);
        if content == self.seen {
            return;
        }
        match acceptor(&content) {
            Some(acceptor) => {
                info!("webhook certificate loaded");
                self.to.send_replace(Some(acceptor));
            }
            None => warn!("webhook certificate of no use"),
        }
        self.seen = content;
    }
}

#[derive(Debug, thiserror::Error)]
#[error("read {path}")]
struct Error {
    path: String,
    #[source]
    source: io::Error,
}

async fn read(folder: &Path) -> Result<Credentials, Error> {
    let mut content = Credentials::new();
    for name in [CERTIFICATE, KEY] {
        content.insert(name.to_owned(), file(&folder.join(name)).await?);
    }
    Ok(content)
}

async fn file(path: &Path) -> Result<String, Error> {
    let read = async {
        let mut text = String::new();
        let most = u64::try_from(MOST_BYTES).unwrap_or(u64::MAX);
        let file = File::open(path).await?;
        file.take(most).read_to_string(&mut text).await?;
        Ok(text)
    };
    read.await.map_err(|source| Error {
        path: path.display().to_string(),
        source,
    })
}

/// What shows a certificate; none if it is of no use.
pub(super) fn acceptor(content: &Credentials) -> Shown {
    let text = |key: &str| {
        let text = content.get(key)?;
        (text.len() <= MOST_BYTES).then_some(text.as_bytes())
    };
    let chain = CertificateDer::pem_slice_iter(text(CERTIFICATE)?);
    let chain = chain.collect::<Result<Vec<_>, _>>().ok()?;
    let key = PrivateKeyDer::from_pem_slice(text(KEY)?).ok()?;
    let mut config =
        rustls::ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .ok()?
            .with_no_client_auth()
            .with_single_cert(chain, key)
            .ok()?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Some(TlsAcceptor::from(Arc::new(config)))
}

#[cfg(test)]
mod tests {
    use super::super::generation::judge;
    use super::*;

    fn made() -> Credentials {
        let hosts = [super::super::host("n")];
        let now = Duration::from_secs(1_800_000_000);
        judge(&Credentials::new(), &hosts, now, true)
            .unwrap()
            .unwrap()
    }

    #[test]
    fn what_is_of_no_use_takes_the_place_of_nothing() {
        let (to, shown) = watch::channel(None);
        let mut showing = Showing {
            seen: Credentials::new(),
            to,
        };
        showing.show(Credentials::new());
        assert!(shown.borrow().is_none());
        let good = made();
        showing.show(good.clone());
        assert!(shown.borrow().is_some());
        for (key, damage) in [(KEY, "x"), (KEY, &made()[KEY]), (CERTIFICATE, "")] {
            let mut damaged = good.clone();
            damaged.insert(key.to_owned(), damage.to_owned());
            assert!(acceptor(&damaged).is_none(), "{key}");
            showing.show(damaged);
            assert!(shown.borrow().is_some());
        }
        let long = "x".repeat(MOST_BYTES + 1);
        assert!(acceptor(&[(KEY.to_owned(), long)].into()).is_none());
    }

    #[tokio::test]
    async fn a_folder_is_read_as_far_as_it_may_be() {
        let folder = howdah_testkit::TempWorld::new().unwrap();
        let path = folder.path().as_std_path();
        assert!(read(path).await.is_err());
        for (name, text) in [
            (CERTIFICATE, "c".to_owned()),
            (KEY, "k".repeat(MOST_BYTES + 9)),
        ] {
            tokio::fs::write(path.join(name), text).await.unwrap();
        }
        let content = read(path).await.unwrap();
        assert_eq!(content[CERTIFICATE], "c");
        assert_eq!(content[KEY].len(), MOST_BYTES);
    }
}
