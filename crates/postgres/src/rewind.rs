//! A diverged copy is brought back onto its primary's history with `pg_rewind`.
//!
//! A marker file on the volume stands from before the first change to the copy until it is a standby
//! again, so that a copy that is half one and half the other is never started.

use camino::Utf8PathBuf;
use howdah_types::{Lsn, SystemIdentifier, Timeline};

use crate::configuration::Upstream;
use crate::control::{self, ControlData};
use crate::diverged;
use crate::files;
use crate::history;
use crate::instance::Instance;
use crate::layout::Layout;
use crate::postmaster;
use crate::programs;
use crate::quote;
use crate::session::{self, Session, column, parsed};
use crate::wal;

const WHAT: &str = "ask the source of a rewind for its state";
/// What `pg_rewind` says right before it changes the first file.
const CHANGES_BEGIN: &str = "need to copy";

/// Why a copy was not rewound.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A former postmaster still works in the directory.
    #[error("end the former postmaster")]
    LeftOver(#[source] postmaster::Error),
    /// The copy's control file tells nothing.
    #[error("read the control file of the copy")]
    Control(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The source could not be asked.
    #[error("ask the source of the rewind")]
    Source(#[source] session::Error),
    /// The source is no primary.
    #[error("the source of the rewind is not writable")]
    NotWritable,
    /// The source's control file does not name its timeline yet: it must make a checkpoint first.
    /// Worth another try in a moment.
    #[error("the source has made no checkpoint on timeline {0} yet")]
    NotCheckpointed(Timeline),
    /// The copy is on the source's own timeline, so there is nothing to rewind. To try would let a
    /// crashed copy recover by itself and write what the source never wrote.
    #[error("the copy is on the source's own timeline {0}, so there is nothing to rewind")]
    SameTimeline(Timeline),
    /// The source is another database system.
    #[error("the source of the rewind is another database system")]
    OtherSystem,
    /// A file operation went wrong.
    #[error("prepare or finish the rewind")]
    File(#[source] files::Error),
    /// `pg_rewind` gave up before it changed anything: the copy is what it was.
    #[error("rewind the copy, which is unchanged")]
    Refused(#[source] programs::Error),
    /// `pg_rewind` gave up half way: the copy is of no use any longer.
    #[error("rewind the copy, which is now unusable")]
    Failed(#[source] programs::Error),
}

const SOURCE: &str = "\
SELECT pg_catalog.pg_is_in_recovery() AS standby,
  (SELECT system_identifier::text FROM pg_catalog.pg_control_system()) AS system,
  (SELECT timeline_id::text FROM pg_catalog.pg_control_checkpoint()) AS checkpointed,
  CASE WHEN pg_catalog.pg_is_in_recovery() THEN NULL
    ELSE pg_catalog.pg_walfile_name(pg_catalog.pg_current_wal_flush_lsn()) END AS wal_file";

pub(crate) const HISTORY: &str = "\
SELECT pg_catalog.convert_from(pg_catalog.pg_read_binary_file($1, 0, 262144, true), 'UTF8') AS history";

impl Instance {
    /// Rewinds the stopped copy to where its history left that of the upstream, which must be a
    /// primary. `fork` is that position where it is known. What was written after it is kept aside.
    /// Afterwards the copy is a standby that must be configured. Dropping the future ends the rewind.
    pub async fn rewind(&self, upstream: &Upstream, fork: Option<Lsn>) -> Result<(), Error> {
        self.end_former_server().await.map_err(Error::LeftOver)?;
        let data = self.layout().data();
        let control = control::read(self.programs(), &data)
            .await
            .map_err(|error| Error::Control(Box::new(error)))?;
        let session = upstream.connect().await.map_err(Error::Source)?;
        let timeline = check_source(&session, control.system).await?;
        if timeline == control.timeline {
            return Err(Error::SameTimeline(timeline));
        }
        let fork = match fork {
            Some(fork) => Some(fork),
            None => self.find_fork(&session, timeline, &control).await?,
        };
        drop(session);
        self.write_passfile(upstream).await.map_err(Error::File)?;

        let layout = self.layout().clone();
        let kept = files::blocking(move || prepare(&layout, &control, fork))
            .await
            .map_err(Error::File)?;
        let rewound = self.run_pg_rewind(upstream).await;
        let failure = match rewound {
            Ok(()) => None,
            Err(error) => {
                let log = files::read_if_present(&self.layout().rewind_log());
                match log {
                    Ok(Some(log)) if !kept.unfinished && !log.contains(CHANGES_BEGIN) => {
                        Some(Error::Refused(error))
                    }
                    // The marker stays.
                    _ => return Err(Error::Failed(error)),
                }
            }
        };
        let layout = self.layout().clone();
        // A member's timeline is above all that were before. That of a source may be below those of this cluster,
        // whose leftovers would be taken for what comes next.
        let newest = (upstream.outside.is_some() && failure.is_none()).then_some(timeline);
        files::blocking(move || {
            if let Some(newest) = newest {
                forget_above(&layout, newest)?;
            }
            finish(&layout, &kept)
        })
        .await
        .map_err(Error::File)?;
        failure.map_or(Ok(()), Err)
    }

    async fn run_pg_rewind(&self, upstream: &Upstream) -> Result<(), programs::Error> {
        let source = format!(
            "{} dbname=postgres",
            upstream.conninfo_asking("pg_rewind", self.layout())
        );
        let mut command = self.programs().command("pg_rewind");
        command
            .arg(format!("--target-pgdata={}", self.layout().data()))
            .arg(format!("--source-server={source}"))
            // All of it is synced at once before the marker goes.
            .args(["--restore-target-wal", "--progress", "--no-sync"]);
        programs::run_logged(command, "pg_rewind", &self.layout().rewind_log()).await
    }

    /// Where the copy's history left the source's.
    async fn find_fork(
        &self,
        session: &Session,
        theirs: Timeline,
        control: &ControlData,
    ) -> Result<Option<Lsn>, Error> {
        let path = format!("pg_wal/{}", wal::history_name(theirs));
        let row = session
            .row(WHAT, HISTORY, &[&path])
            .await
            .map_err(Error::Source)?;
        let text: Option<&str> = column(WHAT, &row, "history").map_err(Error::Source)?;
        let their_history = text
            .and_then(|text| history::parse(text, theirs))
            .unwrap_or_default();
        let (data, ours) = (self.layout().data(), control.timeline);
        let our_history = tokio::task::spawn_blocking(move || history::read(&data, ours))
            .await
            .ok()
            .and_then(Result::ok)
            .unwrap_or_default();
        Ok(history::fork_of(
            (ours, our_history),
            (theirs, their_history),
        ))
    }
}

async fn check_source(session: &Session, system: SystemIdentifier) -> Result<Timeline, Error> {
    let row = session
        .row(WHAT, SOURCE, &[])
        .await
        .map_err(Error::Source)?;
    if parsed(WHAT, &row, "system").map_err(Error::Source)? != Some(system) {
        return Err(Error::OtherSystem);
    }
    let file: Option<&str> = column(WHAT, &row, "wal_file").map_err(Error::Source)?;
    let timeline = file
        .and_then(wal::timeline_of_segment)
        .ok_or(Error::NotWritable)?;
    let checkpointed = parsed(WHAT, &row, "checkpointed").map_err(Error::Source)?;
    if checkpointed != Some(timeline) {
        return Err(Error::NotCheckpointed(timeline));
    }
    Ok(timeline)
}

/// What must be put back after the rewind.
#[derive(Debug)]
struct Kept {
    configuration: Option<String>,
    /// An earlier rewind was cut short.
    unfinished: bool,
}

fn prepare(
    layout: &Layout,
    control: &ControlData,
    fork: Option<Lsn>,
) -> Result<Kept, files::Error> {
    let unfinished = unfinished(layout)?.is_some();
    let data = layout.data();
    diverged::link_all(&wal::folder(&data), &layout.rewind_wal())?;
    if !unfinished {
        diverged::keep(layout, control, fork)?;
    }
    let configuration = files::read_if_present(&layout.server_configuration())?;
    files::write(
        &layout.rewind_marker(),
        &format!("{}\n", control.system),
        0o600,
    )?;
    // A server that recovers on its own refuses to be a standby.
    for signal in [Layout::standby_signal(&data), data.join("recovery.signal")] {
        files::remove_file_if_present(&signal)?;
    }
    let own = configuration.as_deref().unwrap_or_default();
    let text = format!("{own}\n{}", settings_while_rewinding(layout));
    files::write(&layout.server_configuration(), &text, 0o600)?;
    Ok(Kept {
        configuration,
        unfinished,
    })
}

/// `pg_rewind` lets a crashed copy recover first, at whose end Postgres would drop WAL from before its
/// newest checkpoint, which is needed if the histories parted before that. What was dropped earlier is
/// not there to be kept, and what is, is read from where it was put aside.
fn settings_while_rewinding(layout: &Layout) -> String {
    let aside = layout.rewind_wal().as_str().replace('%', "%%");
    let command = format!("cp {}/%f \"%p\"", quote::shell(&aside));
    format!(
        "restore_command = {}\nwal_keep_size = '1TB'\nmax_slot_wal_keep_size = '-1'\n\
         archive_mode = 'off'\nsynchronous_standby_names = ''\n",
        quote::setting(&command)
    )
}

/// Removes the WAL of timelines that the source does not know. What diverged is kept elsewhere.
fn forget_above(layout: &Layout, newest: Timeline) -> Result<(), files::Error> {
    let folder = wal::folder(&layout.data());
    for name in files::names(&folder)? {
        let is_wal = name.len() >= 16 && name.is_char_boundary(8);
        let timeline = wal::timeline_of_segment(&name).filter(|_| is_wal);
        if timeline > Some(newest) {
            files::remove_file_if_present(&folder.join(name))?;
        }
    }
    Ok(())
}

fn finish(layout: &Layout, kept: &Kept) -> Result<(), files::Error> {
    let data = layout.data();
    files::write(&Layout::standby_signal(&data), "", 0o600)?;
    // Among what came from the source is its configuration.
    if let Some(configuration) = &kept.configuration {
        files::write(&layout.server_configuration(), configuration, 0o600)?;
    }
    files::sync_file_system(&data)?;
    files::remove_file_if_present(&layout.rewind_marker())?;
    files::sync_parent(&layout.rewind_marker())?;
    files::remove_tree(&layout.rewind_wal())
}

/// The database system whose copy was being rewound when that was cut short.
pub(crate) fn unfinished(
    layout: &Layout,
) -> Result<Option<Result<SystemIdentifier, Utf8PathBuf>>, files::Error> {
    let path = layout.rewind_marker();
    let text = files::read_if_present(&path)?;
    Ok(text.map(|text| text.trim().parse().map_err(|_| path)))
}
