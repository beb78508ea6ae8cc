//! A copy of another member's database.

use std::path::Path;

use crate::configuration::{self, Configuration, Upstream};
use crate::files;
use crate::instance::Instance;
use crate::layout::Layout;
use crate::programs;
use crate::quote;
use crate::session;
use crate::staging::{self, Kind, Staging};

/// Why there is no copy.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The configuration names nobody to copy from.
    #[error("no upstream to copy from")]
    NoUpstream,
    /// The primary does not keep WAL for the copy.
    #[error("reserve WAL on the primary")]
    Slot(#[source] session::Error),
    /// A source outside of the cluster has another major version.
    #[error("the source runs version {found} of postgres, and this is version {programs}")]
    OtherMajor {
        /// That of the source.
        found: u32,
        /// That of the programs here.
        programs: u32,
    },
    /// The copying itself went wrong.
    #[error("copy the primary's database")]
    Program(#[source] programs::Error),
    /// A file operation went wrong.
    #[error("put the copy into place")]
    File(#[source] files::Error),
    /// The copy's configuration could not be written.
    #[error("configure the copy")]
    Configuration(#[source] configuration::Error),
}

impl Instance {
    /// Copies the database of the configured upstream. The copy takes the place of `data` when it is
    /// complete and on disk; what was there before is set aside, and stays until
    /// [`Instance::discard_replaced`]. No postmaster may run. Dropping the future ends the copying.
    pub async fn clone_from_upstream(&self, configuration: &Configuration) -> Result<(), Error> {
        let Some(upstream) = &configuration.upstream else {
            return Err(Error::NoUpstream);
        };
        let layout = self.layout().clone();
        let staging = files::blocking(move || {
            staging::remove_leftovers(&layout, Kind::Clone)?;
            Staging::create(&layout, Kind::Clone)
        })
        .await
        .map_err(Error::File)?;
        let copied = self.copy(upstream, &staging).await;
        let layout = self.layout().clone();
        let failed = copied.is_err();
        files::blocking(move || {
            if failed {
                return staging.discard();
            }
            staging::set_aside(&layout)?;
            staging.install(&layout)
        })
        .await
        .map_err(Error::File)?;
        copied?;
        self.configure(configuration)
            .await
            .map(drop)
            .map_err(Error::Configuration)
    }

    /// A copy of another version would be of no use, and may take hours. A source that cannot be asked is copied.
    async fn check_major(&self, upstream: &Upstream) -> Result<(), Error> {
        let programs = u32::from(self.programs().version().major().number());
        let Ok(session) = upstream.connect().await else {
            return Ok(());
        };
        let version = session.status().await.ok();
        let found = version.map_or(programs, |status| status.server_version / 10_000);
        if found == programs {
            Ok(())
        } else {
            Err(Error::OtherMajor { found, programs })
        }
    }

    async fn copy(&self, upstream: &Upstream, staging: &Staging) -> Result<(), Error> {
        let slot = self.identity().name.slot();
        let slot = Some(slot).filter(|_| upstream.outside.is_none());
        match &slot {
            Some(slot) => {
                let session = upstream.connect().await.map_err(Error::Slot)?;
                session.ensure_slot(slot).await.map_err(Error::Slot)?;
            }
            None => self.check_major(upstream).await?,
        }
        self.write_passfile(upstream).await.map_err(Error::File)?;
        // A copy writes more than a disk may take at once; the server's few seconds are for standbys.
        let conninfo = format!(
            "{} options={}",
            upstream.conninfo("pg_basebackup", self.layout()),
            quote::conninfo("-c wal_sender_timeout=60s"),
        );
        let mut command = self.programs().command("pg_basebackup");
        command
            .arg("--pgdata")
            .arg::<&Path>(staging.data().as_ref())
            .arg(format!("--dbname={conninfo}"))
            .args(["--wal-method=stream", "--checkpoint=fast", "--no-password"])
            // All of it is synced at once before it gets its name.
            .arg("--no-sync")
            // Without one of its own, the program makes one that ends with it.
            .args(slot.map(|slot| format!("--slot={slot}")));
        // No deadline: a copy may take hours, and a dead primary ends it through TCP.
        programs::run(command, "pg_basebackup", None)
            .await
            .map_err(Error::Program)?;
        let signal = Layout::standby_signal(&staging.data());
        files::blocking(move || files::write(&signal, "", 0o600))
            .await
            .map_err(Error::File)
    }
}
