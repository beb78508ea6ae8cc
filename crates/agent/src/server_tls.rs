//! The certificate that clients see, in the form that Postgres and the pooler read.
//!
//! One file holds certificate and key, so that one rename replaces both, and a server that reads them in between
//! never sees halves of two. It belongs to the user that servers run as, which they insist on.

use aws_lc_rs::digest::{SHA256, digest};
use howdah_postgres::Layout;
use secrecy::{ExposeSecret as _, SecretString};

use crate::mounted::Error;
use crate::replace::replace;

/// The folder that other containers of the Pod share.
const FOLDER: &str = "/etc/howdah/tls";
const FILE: &str = "server.pem";

/// The certificate and its key.
#[derive(Debug, Clone)]
pub(crate) struct ServerTls {
    pem: SecretString,
    /// Another one for every certificate.
    pub(crate) fingerprint: String,
}

impl ServerTls {
    pub(crate) fn new(certificate: &str, key: &str) -> Self {
        let hash = digest(&SHA256, certificate.as_bytes());
        let hex = hash.as_ref().iter().take(8);
        Self {
            pem: format!("{}\n{}\n", certificate.trim_end(), key.trim_end()).into(),
            fingerprint: hex.map(|byte| format!("{byte:02x}")).collect(),
        }
    }

    /// The certificate with its chain, and the key.
    pub(crate) fn pem(&self) -> &SecretString {
        &self.pem
    }

    /// Puts the file in place.
    pub(crate) fn write(&self, layout: &Layout) -> Result<(), Error> {
        let folder = layout.resolve(FOLDER);
        replace(&folder, FILE, self.pem.expose_secret()).map_err(|source| Error::Write {
            path: folder.join(FILE),
            source,
        })
    }

    /// Lines for `postgresql.conf`. The comment makes every certificate a change.
    pub(crate) fn parameters(&self, layout: &Layout) -> String {
        let path = layout.resolve(FOLDER).join(FILE);
        let path = path.as_str().replace('\'', "''");
        let fingerprint = &self.fingerprint;
        format!(
            "# certificate {fingerprint}\nssl = 'on'\nssl_cert_file = '{path}'\nssl_key_file = '{path}'\n"
        )
    }
}
