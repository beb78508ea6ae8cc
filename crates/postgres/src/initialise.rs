//! A new database system.

use crate::files;
use crate::instance::Instance;
use crate::programs;
use crate::staging::{Kind, Staging};

/// How long `initdb` may take.
const INITDB: std::time::Duration = std::time::Duration::from_secs(600);

/// Why no new database system was made.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is something in the data directory.
    #[error("the data directory is not empty")]
    NotEmpty,
    /// A file operation went wrong.
    #[error("make the data directory")]
    File(#[source] files::Error),
    /// `initdb` went wrong.
    #[error("run initdb")]
    Program(#[source] programs::Error),
}

impl Instance {
    /// Makes a new database system, which appears as a whole or not at all. The superuser gets a
    /// random password that nobody knows.
    pub async fn initialise(&self) -> Result<(), Error> {
        let layout = self.layout().clone();
        let (staging, password) = files::blocking(move || {
            let password = layout.own().join("initial-password");
            files::write(&password, &random_password(), 0o600)?;
            Ok((Staging::create(&layout, Kind::Initdb)?, password))
        })
        .await
        .map_err(Error::File)?;
        let made = self.initdb(&staging, &password).await;
        let layout = self.layout().clone();
        files::blocking(move || files::remove_file_if_present(&password))
            .await
            .map_err(Error::File)?;
        let installing = staging.clone();
        let installed = match made {
            Ok(()) => files::blocking(move || installing.install(&layout))
                .await
                .map_err(|error| match error.kind() {
                    std::io::ErrorKind::DirectoryNotEmpty | std::io::ErrorKind::AlreadyExists => {
                        Error::NotEmpty
                    }
                    _ => Error::File(error),
                }),
            Err(error) => Err(error),
        };
        if installed.is_err() {
            files::blocking(move || staging.discard())
                .await
                .map_err(Error::File)?;
        }
        installed
    }

    async fn initdb(&self, staging: &Staging, password: &camino::Utf8Path) -> Result<(), Error> {
        let mut command = self.programs().command("initdb");
        command
            .args(["--encoding=UTF8", "--locale=C.UTF-8", "--lc-messages=C"])
            .args(["--data-checksums", "--auth-local=peer"])
            .arg("--auth-host=scram-sha-256")
            // All of it is synced at once before it gets its name.
            .arg("--no-sync")
            .arg(format!("--username={}", self.identity().superuser))
            .arg(format!("--pwfile={password}"))
            .arg(format!("--pgdata={}", staging.data()));
        programs::run(command, "initdb", Some(INITDB))
            .await
            .map(drop)
            .map_err(Error::Program)
    }
}

fn random_password() -> String {
    format!(
        "{:032x}{:032x}\n",
        rand::random::<u128>(),
        rand::random::<u128>()
    )
}
