//! Where everything of one instance lies: a fixed layout below a root, which is empty in a container.

use camino::{Utf8Path, Utf8PathBuf};

/// The paths of one instance.
#[derive(Debug, Clone)]
pub struct Layout {
    root: Utf8PathBuf,
}

impl Layout {
    /// The layout below `root`; an empty root gives the absolute paths of a container.
    pub fn below(root: impl Into<Utf8PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// The absolute container path `path` below the root. Joining would drop the root.
    pub fn resolve(&self, path: &str) -> Utf8PathBuf {
        let root = self.root.as_str().trim_end_matches('/');
        Utf8PathBuf::from(format!("{root}{path}"))
    }

    /// The mounted volume.
    pub fn volume(&self) -> Utf8PathBuf {
        self.resolve("/var/lib/postgresql")
    }

    /// The data directory, `PGDATA`.
    pub fn data(&self) -> Utf8PathBuf {
        self.volume().join("data")
    }

    /// The folder of the Unix socket, shared with the containers beside this one.
    pub fn sockets(&self) -> Utf8PathBuf {
        self.resolve("/var/run/postgresql")
    }

    /// The agent's own folder on the volume, beside the data directory so that no clone copies it.
    pub fn own(&self) -> Utf8PathBuf {
        self.volume().join("howdah")
    }

    /// The client authentication rules.
    pub fn hba(&self) -> Utf8PathBuf {
        self.own().join("pg_hba.conf")
    }

    /// The map from users of the operating system to roles.
    pub fn ident(&self) -> Utf8PathBuf {
        self.own().join("pg_ident.conf")
    }

    /// The password of the replication role, for libpq.
    pub fn passfile(&self) -> Utf8PathBuf {
        self.own().join("passfile")
    }

    /// The WAL of diverged histories, kept for people.
    pub fn diverged(&self) -> Utf8PathBuf {
        self.own().join("diverged")
    }

    pub(crate) fn rewind_marker(&self) -> Utf8PathBuf {
        self.own().join("rewinding")
    }

    pub(crate) fn rewind_wal(&self) -> Utf8PathBuf {
        self.own().join("rewind-wal")
    }

    pub(crate) fn rewind_log(&self) -> Utf8PathBuf {
        self.own().join("rewind.log")
    }

    pub(crate) fn lock(&self) -> Utf8PathBuf {
        self.own().join("lock")
    }

    pub(crate) fn server_configuration(&self) -> Utf8PathBuf {
        self.data().join("postgresql.conf")
    }

    pub(crate) fn standby_signal(data: &Utf8Path) -> Utf8PathBuf {
        data.join("standby.signal")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_root_gives_the_paths_of_a_container() {
        assert_eq!(Layout::below("").data(), "/var/lib/postgresql/data");
        assert_eq!(
            Layout::below("/pods/1/").sockets(),
            "/pods/1/var/run/postgresql"
        );
    }
}
