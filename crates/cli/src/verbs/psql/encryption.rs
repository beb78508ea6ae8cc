//! How the session is encrypted, and by what psql knows that it speaks to the cluster.

use std::collections::BTreeMap;
use std::io::Write;

use k8s_openapi::ByteString;
use tempfile::NamedTempFile;

use crate::error::Error;

/// Key of the certificate of the cluster's own authority in the Secret with its certificate.
const AUTHORITY: &str = "ca.crt";

/// What psql asks of the server's certificate. It is taken from the API, so it is as sure as that is.
pub(super) enum Encryption {
    /// One of the cluster's own authority, for the cluster's name; the file goes away when this is dropped.
    Verified(NamedTempFile),
    /// Any: it is the user's own, whose authority the cluster does not know.
    Required,
    /// The cluster has none.
    Off,
}

impl Encryption {
    /// Decides by the data of the Secret with the certificate, if there is one.
    pub(super) fn of(secret: Option<&BTreeMap<String, ByteString>>) -> Result<Self, Error> {
        let Some(data) = secret else {
            return Ok(Self::Off);
        };
        let Some(authority) = data.get(AUTHORITY) else {
            return Ok(Self::Required);
        };
        let local = |source| Error::Local {
            what: "write a temporary file with the certificate of the cluster's authority"
                .to_owned(),
            source,
        };
        let mut file = tempfile::Builder::new()
            .prefix("howdah-psql-")
            .suffix(".crt")
            .tempfile()
            .map_err(local)?;
        file.write_all(&authority.0).map_err(local)?;
        Ok(Self::Verified(file))
    }

    /// The variables by which libpq hears of it (PostgreSQL manual, 32.15 and 32.19).
    pub(super) fn variables(&self) -> Vec<(&'static str, String)> {
        match self {
            Self::Verified(file) => vec![
                ("PGSSLMODE", "verify-full".to_owned()),
                ("PGSSLROOTCERT", file.path().to_string_lossy().into_owned()),
            ],
            Self::Required => vec![("PGSSLMODE", "require".to_owned())],
            Self::Off => vec![("PGSSLMODE", "disable".to_owned())],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret(keys: &[&str]) -> BTreeMap<String, ByteString> {
        let entry = |key: &&str| ((*key).to_owned(), ByteString(b"content".to_vec()));
        keys.iter().map(entry).collect()
    }

    fn mode(secret: Option<&BTreeMap<String, ByteString>>) -> String {
        let found = Encryption::of(secret).unwrap();
        found.variables()[0].1.clone()
    }

    #[test]
    fn the_clusters_own_authority_is_asked_for_and_anothers_is_not_known() {
        assert_eq!(mode(None), "disable");
        assert_eq!(mode(Some(&secret(&["tls.crt", "tls.key"]))), "require");
        let own = secret(&["ca.crt", "tls.crt", "tls.key"]);
        assert_eq!(mode(Some(&own)), "verify-full");
    }

    #[test]
    fn the_authority_is_in_a_file_that_goes_away() {
        let found = Encryption::of(Some(&secret(&["ca.crt"]))).unwrap();
        let path = found.variables()[1].1.clone();
        assert_eq!(std::fs::read(&path).unwrap(), b"content");
        drop(found);
        assert!(!std::path::Path::new(&path).exists());
    }
}
