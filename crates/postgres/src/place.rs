//! How far the WAL of a running server goes, exactly: what is compared before one is chosen.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use camino::Utf8Path;
use howdah_types::{Lsn, Timeline};
use tokio_postgres::Row;

use crate::duty::Duty;
use crate::files;
use crate::history::{self, History};
use crate::instance::Instance;
use crate::session::{self, Session, column, parsed};
use crate::wal;

const WHAT: &str = "ask postgres for the end of its WAL";
/// The length of a record's fixed part, below which no record is (`SizeOfXLogRecord`).
const RECORD_MIN: u32 = 24;

/// The end of a server's WAL on disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// True if the server recovered when it said so: it is a standby, or was one then.
    pub in_recovery: bool,
    /// The timeline of the newest record.
    pub timeline: Timeline,
    /// The end of the newest complete record that is on disk.
    pub lsn: Lsn,
    /// The parents of the timeline, the oldest first, each with the position at which it was left.
    pub history: Vec<(Timeline, Lsn)>,
}

/// Why the end of the WAL is not known.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Postgres could not be asked.
    #[error("ask postgres for the end of its WAL")]
    Sql(#[source] session::Error),
    /// The files of the WAL could not be read.
    #[error("look for the end of the WAL in its files")]
    File(#[source] io::Error),
    /// The history of the timeline is not there or cannot be understood.
    #[error("find the history of the timeline")]
    History(#[source] Box<dyn std::error::Error + Send + Sync>),
}

const ENDS: &str = "\
SELECT pg_catalog.pg_is_in_recovery() AS standby,
  CASE WHEN pg_catalog.pg_is_in_recovery() THEN NULL
    ELSE pg_catalog.pg_current_wal_flush_lsn()::text END AS flushed,
  CASE WHEN pg_catalog.pg_is_in_recovery() THEN NULL
    ELSE pg_catalog.pg_walfile_name(pg_catalog.pg_current_wal_flush_lsn()) END AS wal_file,
  pg_catalog.pg_last_wal_receive_lsn()::text AS received,
  (SELECT wait_event IN ('RecoveryWalStream', 'RecoveryRetrieveRetryInterval')
    FROM pg_catalog.pg_stat_activity WHERE backend_type = 'startup') AS waits,
  pg_catalog.pg_last_wal_replay_lsn()::text AS replayed,
  GREATEST((SELECT timeline_id FROM pg_catalog.pg_control_checkpoint()),
    (SELECT min_recovery_end_timeline FROM pg_catalog.pg_control_recovery()),
    (SELECT received_tli FROM pg_catalog.pg_stat_wal_receiver))::text AS timeline,
  pg_catalog.pg_size_bytes(pg_catalog.current_setting('wal_segment_size')) AS segment_size";

/// What a standby says.
#[derive(Debug)]
struct Standby {
    replayed: Lsn,
    received: Option<Lsn>,
    /// The newest timeline that it names.
    timeline: Timeline,
    segment_size: u64,
}

enum Ends {
    Primary { timeline: Timeline, flushed: Lsn },
    Standby(Standby),
    NotYet,
}

impl Instance {
    /// What the server does, and the end of its WAL if that is known and fits: a server that is promoted between
    /// the two answers is neither a standby on a primary's timeline nor the other way round.
    pub async fn look(&self, session: &Session) -> Result<(Duty, Option<Place>), Error> {
        let duty = session.duty().await.map_err(Error::Sql)?;
        let place = self.place(session).await?;
        let fits = |place: &Place| place.in_recovery == duty.in_recovery;
        Ok((duty, place.filter(fits)))
    }

    /// The end of the WAL of the running server. Of a standby only when it has replayed everything
    /// that it has, none before: a commit that it has acknowledged is below that end then, and it
    /// could be promoted without delay.
    pub async fn place(&self, session: &Session) -> Result<Option<Place>, Error> {
        let row = session.row(WHAT, ENDS, &[]).await.map_err(Error::Sql)?;
        let ends = ends(&row).map_err(Error::Sql)?;
        let data = self.layout().data();
        let looking = tokio::task::spawn_blocking(move || look(&data, ends));
        looking
            .await
            .map_err(|ended| Error::File(io::Error::other(ended)))?
    }
}

fn ends(row: &Row) -> Result<Ends, session::Error> {
    let file: Option<&str> = column(WHAT, row, "wal_file")?;
    let flushed: Option<Lsn> = parsed(WHAT, row, "flushed")?;
    if let (Some(timeline), Some(flushed)) = (file.and_then(wal::timeline_of_segment), flushed) {
        return Ok(Ends::Primary { timeline, flushed });
    }
    let segment_size: i64 = column(WHAT, row, "segment_size")?;
    let replayed: Option<Lsn> = parsed(WHAT, row, "replayed")?;
    let waits: Option<bool> = column(WHAT, row, "waits")?;
    let timeline: Option<Timeline> = parsed(WHAT, row, "timeline")?;
    let (Some(replayed), Some(true), Some(timeline)) = (replayed, waits, timeline) else {
        return Ok(Ends::NotYet);
    };
    Ok(Ends::Standby(Standby {
        replayed,
        received: parsed(WHAT, row, "received")?,
        timeline,
        segment_size: segment_size.unsigned_abs(),
    }))
}

fn look(data: &Utf8Path, ends: Ends) -> Result<Option<Place>, Error> {
    let in_recovery = matches!(ends, Ends::Standby(_));
    let (timeline, lsn) = match ends {
        Ends::NotYet => return Ok(None),
        Ends::Primary { timeline, flushed } => (timeline, flushed),
        Ends::Standby(standby) => {
            let names = files::names(&wal::folder(data))
                .map_err(|error| Error::File(io::Error::other(error)))?;
            if has_more(data, &names, &standby).map_err(Error::File)? {
                return Ok(None);
            }
            let end = standby.replayed;
            let held = wal::segment_before(end, standby.segment_size)
                .and_then(|number| newest_with(&names, number, standby.segment_size));
            (standby.timeline.max(held.unwrap_or(standby.timeline)), end)
        }
    };
    let history: History =
        history::read(data, timeline).map_err(|error| Error::History(Box::new(error)))?;
    let (timeline, history) = history::settle(timeline, history, lsn);
    Ok(Some(Place {
        in_recovery,
        timeline,
        lsn,
        history,
    }))
}

/// The newest timeline that has a file for that segment. Files that wait for later WAL have later
/// numbers, so they are not mistaken for it.
fn newest_with(names: &[String], number: u64, segment_size: u64) -> Option<Timeline> {
    names
        .iter()
        .filter_map(|name| wal::parse_segment_name(name, segment_size))
        .filter(|(_, found)| *found == number)
        .map(|(timeline, _)| timeline)
        .max()
}

/// True if a complete record follows the replayed ones. The startup process may not have woken up
/// yet for one that was just received; the beginning of one whose rest never came is none.
fn has_more(data: &Utf8Path, names: &[String], standby: &Standby) -> io::Result<bool> {
    let Some(received) = standby.received.filter(|end| *end > standby.replayed) else {
        return Ok(false);
    };
    let size = standby.segment_size;
    let start = wal::start_after(standby.replayed, size);
    if start.bytes() + 4 > received.bytes() {
        return Ok(false);
    }
    let number = start.bytes().checked_div(size).unwrap_or_default();
    let Some(name) = newest_with(names, number, size)
        .and_then(|timeline| wal::segment_name(timeline, number, size))
    else {
        return Ok(false);
    };
    let mut length = [0; 4];
    File::open(wal::folder(data).join(name))?.read_exact_at(
        &mut length,
        start.bytes().checked_rem(size).unwrap_or_default(),
    )?;
    let length = u32::from_ne_bytes(length);
    Ok(length >= RECORD_MIN && wal::record_end(start, length, size) <= received)
}
