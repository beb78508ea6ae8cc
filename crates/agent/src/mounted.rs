//! The mounted files: configuration and credentials. They change while the agent runs.

use std::os::unix::fs::MetadataExt;
use std::sync::Arc;

use camino::{Utf8Path, Utf8PathBuf};
use howdah_postgres::{Credential, Credentials, Layout};

use crate::server_tls::ServerTls;

const PARAMETERS: &str = "/etc/howdah/postgres/postgresql.conf";
const HBA: &str = "/etc/howdah/postgres/pg_hba.conf";
/// The same for a Postgres that sees Envoy's connections instead of those of clients.
const HBA_BEHIND_PROXY: &str = "/etc/howdah/postgres/pg_hba-behind-envoy.conf";
/// What Envoy is told; there is none where clients come in without it.
const PROXY: &str = "/etc/howdah/proxy/envoy.json";
/// How the cluster replicates. Clusters of before had no such file.
const REPLICATION: &str = "/etc/howdah/postgres/ha.json";
/// What the connection pooler is told; there is none where clients go to Postgres itself.
const POOLING: &str = "/etc/howdah/pooling/pgbouncer.ini";
const FORWARD: &str = "/etc/howdah/pooling/pgbouncer-forward.ini";
/// The certificate that clients see, and its key.
const SSL: [&str; 2] = ["/etc/howdah/ssl/tls.crt", "/etc/howdah/ssl/tls.key"];
const CREDENTIALS: &str = "/etc/howdah/credentials";

/// Keys of the credentials, for the pooler's own users.
const POOLER_ADMIN: [&str; 2] = ["PGBOUNCER_ADMIN_USERNAME", "pgbouncer-admin-password"];
const POOLER_STATS: [&str; 2] = ["PGBOUNCER_STATS_USERNAME", "pgbouncer-stats-password"];

/// A mounted file that cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("read {path}")]
    Read {
        path: Utf8PathBuf,
        #[source]
        source: std::io::Error,
    },
    #[error("{0} is empty")]
    Empty(Utf8PathBuf),
    #[error("write {path}")]
    Write {
        path: Utf8PathBuf,
        #[source]
        source: std::io::Error,
    },
}

/// What the files say.
#[derive(Debug, Clone)]
pub(crate) struct Mounted {
    /// Counts the changes.
    pub(crate) generation: u64,
    pub(crate) parameters: String,
    pub(crate) hba: String,
    pub(crate) hba_behind_proxy: Option<String>,
    pub(crate) credentials: Credentials,
    pub(crate) replication: Option<String>,
    pub(crate) pooling: Option<Arc<Pooling>>,
    pub(crate) server_tls: Option<ServerTls>,
    pub(crate) proxy: Option<String>,
}

/// What the connection pooler is told, and who may look into it.
#[derive(Debug)]
pub(crate) struct Pooling {
    pub(crate) settings: String,
    /// The same, for clients that are sent on to another member.
    pub(crate) forward: String,
    pub(crate) admin: Credential,
    pub(crate) stats: Credential,
}

/// Reads the files, again when they changed.
#[derive(Debug)]
pub(crate) struct Files {
    layout: Layout,
    seen: Vec<Option<Stamp>>,
    generation: u64,
}

/// A file that is replaced has another inode; one that is written has another time.
type Stamp = (u64, i64, i64, u64);

impl Files {
    pub(crate) fn new(layout: Layout) -> Self {
        Self {
            layout,
            seen: Vec::new(),
            generation: 0,
        }
    }

    /// The files' content if it may have changed since the last call that gave some.
    ///
    /// A kubelet replaces all files of a volume at once, so a change in the middle of reading shows
    /// in the stamps, and the next call reads again.
    pub(crate) fn changed(&mut self) -> Result<Option<Mounted>, Error> {
        let stamps = self.stamps();
        if stamps == self.seen {
            return Ok(None);
        }
        let mounted = self.read()?;
        if stamps != self.stamps() {
            return Ok(None);
        }
        // Whoever learns of a change finds the certificate in place.
        if let Some(tls) = &mounted.server_tls {
            tls.write(&self.layout)?;
        }
        self.seen = stamps;
        self.generation += 1;
        Ok(Some(mounted))
    }

    fn read(&self) -> Result<Mounted, Error> {
        let credential = |kind: &str| {
            Ok(Credential {
                name: self.credential(&format!("{kind}-username"))?,
                password: self.credential(&format!("{kind}-password"))?.into(),
            })
        };
        Ok(Mounted {
            generation: self.generation + 1,
            parameters: read(&self.layout.resolve(PARAMETERS))?,
            hba: read(&self.layout.resolve(HBA))?,
            credentials: Credentials {
                superuser: credential("superuser")?,
                replication: credential("replication")?,
                authenticator: credential("authenticator")?,
            },
            hba_behind_proxy: self.optional(HBA_BEHIND_PROXY)?,
            replication: self.optional(REPLICATION)?,
            proxy: self.optional(PROXY)?,
            pooling: self.pooling()?.map(Arc::new),
            server_tls: self.server_tls()?,
        })
    }

    /// A file that not every Pod has.
    fn optional(&self, path: &str) -> Result<Option<String>, Error> {
        let path = self.layout.resolve(path);
        if path.exists() {
            read(&path).map(Some)
        } else {
            Ok(None)
        }
    }

    fn server_tls(&self) -> Result<Option<ServerTls>, Error> {
        let [certificate, key] = SSL;
        let Some(certificate) = self.optional(certificate)? else {
            return Ok(None);
        };
        let key = read(&self.layout.resolve(key))?;
        Ok(Some(ServerTls::new(&certificate, &key)))
    }

    fn pooling(&self) -> Result<Option<Pooling>, Error> {
        let Some(settings) = self.optional(POOLING)? else {
            return Ok(None);
        };
        let user = |[name, password]: [&str; 2]| {
            Ok(Credential {
                name: self.credential(name)?,
                password: self.credential(password)?.into(),
            })
        };
        Ok(Some(Pooling {
            settings,
            forward: read(&self.layout.resolve(FORWARD))?,
            admin: user(POOLER_ADMIN)?,
            stats: user(POOLER_STATS)?,
        }))
    }

    fn credential(&self, key: &str) -> Result<String, Error> {
        let path = self.layout.resolve(&format!("{CREDENTIALS}/{key}"));
        match read(&path)?.trim_end_matches('\n') {
            "" => Err(Error::Empty(path)),
            text => Ok(text.to_owned()),
        }
    }

    fn stamps(&self) -> Vec<Option<Stamp>> {
        let keys = ["superuser", "replication", "authenticator"]
            .into_iter()
            .flat_map(|kind| ["username", "password"].map(|what| format!("{kind}-{what}")))
            .chain(
                [POOLER_ADMIN, POOLER_STATS]
                    .concat()
                    .into_iter()
                    .map(str::to_owned),
            )
            .map(|key| format!("{CREDENTIALS}/{key}"));
        [
            PARAMETERS,
            HBA,
            HBA_BEHIND_PROXY,
            PROXY,
            REPLICATION,
            POOLING,
            FORWARD,
            SSL[0],
            SSL[1],
        ]
        .map(str::to_owned)
        .into_iter()
        .chain(keys)
        .map(|path| stamp(&self.layout.resolve(&path)))
        .collect()
    }
}

fn stamp(path: &Utf8Path) -> Option<Stamp> {
    let meta = path.metadata().ok()?;
    Some((meta.ino(), meta.mtime(), meta.mtime_nsec(), meta.size()))
}

fn read(path: &Utf8Path) -> Result<String, Error> {
    std::fs::read_to_string(path).map_err(|source| Error::Read {
        path: path.to_owned(),
        source,
    })
}

#[cfg(test)]
pub(crate) mod tests {
    use secrecy::ExposeSecret;

    use super::*;

    /// Files of an instance, without those that not every Pod has.
    pub(crate) fn mounted() -> Mounted {
        let credential = || Credential {
            name: "a".to_owned(),
            password: "b".to_owned().into(),
        };
        Mounted {
            generation: 1,
            parameters: String::new(),
            hba: String::new(),
            hba_behind_proxy: None,
            credentials: Credentials {
                superuser: credential(),
                replication: credential(),
                authenticator: credential(),
            },
            replication: None,
            pooling: None,
            server_tls: None,
            proxy: None,
        }
    }

    #[test]
    fn files_are_read_once_per_change() {
        let folder = tempfile::tempdir().unwrap();
        let layout = Layout::below(Utf8Path::from_path(folder.path()).unwrap());
        let mut files = Files::new(layout.clone());
        assert!(matches!(
            files.changed(),
            Err(Error::Read { .. }) | Ok(None)
        ));
        let write = |path: &str, text: &str| {
            let path = layout.resolve(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        };
        write(PARAMETERS, "work_mem = '1MB'\n");
        write(HBA, "");
        for kind in ["superuser", "replication", "authenticator"] {
            write(&format!("{CREDENTIALS}/{kind}-username"), kind);
            write(&format!("{CREDENTIALS}/{kind}-password"), "first\n");
        }
        let mounted = files.changed().unwrap().unwrap();
        assert_eq!(mounted.generation, 1);
        assert_eq!(mounted.credentials.replication.name, "replication");
        assert_eq!(
            mounted.credentials.replication.password.expose_secret(),
            "first"
        );
        assert!(files.changed().unwrap().is_none());
        write(&format!("{CREDENTIALS}/replication-password"), "second");
        let mounted = files.changed().unwrap().unwrap();
        assert_eq!(mounted.generation, 2);
        assert_eq!(
            mounted.credentials.replication.password.expose_secret(),
            "second"
        );
        write(&format!("{CREDENTIALS}/replication-password"), "");
        assert!(matches!(files.changed(), Err(Error::Empty(_))));
    }
}
