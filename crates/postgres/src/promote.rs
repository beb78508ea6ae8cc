//! A standby becomes a primary, on a timeline of the caller's choice.

use std::time::Duration;

use howdah_types::{Lsn, Timeline};

use crate::files;
use crate::history;
use crate::instance::Instance;
use crate::placeholder;
use crate::session::{self, Session, column, parsed};
use crate::wal;

const WHAT: &str = "promote";
/// How often it is looked whether the promotion is over.
const LOOK: Duration = Duration::from_millis(5);
/// The most numbers that may be left out; each is a file that every standby fetches.
const GAP_MAX: u32 = 1000;

/// Why there is no new primary.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Postgres could not be asked or told.
    #[error("promote postgres")]
    Sql(#[source] session::Error),
    /// A file operation went wrong.
    #[error("make way for the timeline")]
    File(#[source] files::Error),
    /// It is no standby.
    #[error("postgres is no standby")]
    NotStandby,
    /// The wanted timeline cannot come after one that is already known.
    #[error("timeline {wanted} is not above timeline {newest}, which is known already")]
    NotAbove {
        /// The wanted timeline.
        wanted: Timeline,
        /// The newest that is known.
        newest: Timeline,
    },
    /// The wanted timeline is too far above the known ones.
    #[error("timeline {wanted} is more than {GAP_MAX} above timeline {newest}")]
    TooFar {
        /// The wanted timeline.
        wanted: Timeline,
        /// The newest that is known.
        newest: Timeline,
    },
    /// The standby follows a newer timeline, but has not got to where it begins. Postgres would write
    /// a history by which it had. After [`Instance::forget_timelines`] it can be promoted.
    #[error("the standby is at {at}, before {fork}, where timeline {known} begins that it follows")]
    Ahead {
        /// The timeline that it follows.
        known: Timeline,
        /// Where that one begins.
        fork: Lsn,
        /// How far the standby is.
        at: Lsn,
    },
    /// Postgres took another timeline than the wanted one.
    #[error("postgres took timeline {taken} instead of {wanted}")]
    OtherTimeline {
        /// The wanted timeline.
        wanted: Timeline,
        /// The one that it took.
        taken: Timeline,
    },
    /// The promotion is not over; it may still come to its end, on the wanted timeline.
    #[error("postgres is no primary {} seconds after it was told", .0.as_secs())]
    NotYet(Duration),
}

const BEFORE: &str = "\
SELECT pg_catalog.pg_is_in_recovery() AS standby,
  pg_catalog.pg_last_wal_replay_lsn()::text AS replayed,
  (SELECT timeline_id::text FROM pg_catalog.pg_control_checkpoint()) AS oldest,
  GREATEST((SELECT timeline_id FROM pg_catalog.pg_control_checkpoint()),
    (SELECT min_recovery_end_timeline FROM pg_catalog.pg_control_recovery()))::text AS newest";

const PROMOTE: &str = "SELECT pg_catalog.pg_promote(false) AS told";

const AFTER: &str = "\
SELECT CASE WHEN pg_catalog.pg_is_in_recovery() THEN NULL
  ELSE pg_catalog.pg_walfile_name(pg_catalog.pg_current_wal_flush_lsn()) END AS wal_file";

/// What a standby says before its promotion.
#[derive(Debug)]
struct Before {
    /// The timeline of its last restart point, below which no number matters.
    oldest: Timeline,
    newest: Timeline,
    replayed: Lsn,
}

impl Instance {
    /// Promotes the running standby, which must receive nothing any longer, to a primary on exactly
    /// that timeline, and returns when it can be written to. `session` is one with it. After
    /// [`Error::NotYet`] or [`Error::Sql`] it may still become one, on that timeline; after
    /// [`Error::OtherTimeline`] it has, on a wrong one; otherwise it was not told to.
    pub async fn promote(
        &self,
        session: &Session,
        timeline: Timeline,
        patience: Duration,
    ) -> Result<(), Error> {
        let before = before(session).await?;
        let data = self.layout().data();
        files::blocking(move || Ok(make_way(&data, &before, timeline)))
            .await
            .map_err(Error::File)??;
        if let Err(error) = session.rows(WHAT, PROMOTE, &[]).await {
            // It may have been told all the same, and must then find the numbers taken. If it was
            // not, the next attempt or the next start clears up.
            return Err(Error::Sql(error));
        }
        let taken = tokio::time::timeout(patience, taken(session))
            .await
            .map_err(|_| Error::NotYet(patience))??;
        if taken != timeline {
            let wanted = timeline;
            return Err(Error::OtherTimeline { wanted, taken });
        }
        Ok(())
    }
}

impl Instance {
    /// Makes a stopped standby follow no timeline above `kept` when it starts; tells whether it knew
    /// any. Their histories go to a folder beside the data directory.
    pub async fn forget_timelines(&self, kept: Timeline) -> Result<bool, files::Error> {
        let (data, to) = (self.layout().data(), self.layout().own().join("forgotten"));
        files::blocking(move || placeholder::forget(&data, kept, &to)).await
    }
}

async fn before(session: &Session) -> Result<Before, Error> {
    let read = async {
        let row = session.row(WHAT, BEFORE, &[]).await?;
        if !column::<bool>(WHAT, &row, "standby")? {
            return Ok(None);
        }
        let replayed: Option<Lsn> = parsed(WHAT, &row, "replayed")?;
        let oldest: Option<Timeline> = parsed(WHAT, &row, "oldest")?;
        let newest: Option<Timeline> = parsed(WHAT, &row, "newest")?;
        Ok(Some(Before {
            oldest: oldest.unwrap_or(Timeline::FIRST),
            newest: newest.unwrap_or(Timeline::FIRST),
            replayed: replayed.unwrap_or_default(),
        }))
    };
    read.await.map_err(Error::Sql)?.ok_or(Error::NotStandby)
}

async fn taken(session: &Session) -> Result<Timeline, Error> {
    loop {
        let row = session.row(WHAT, AFTER, &[]).await.map_err(Error::Sql)?;
        let file: Option<&str> = column(WHAT, &row, "wal_file").map_err(Error::Sql)?;
        if let Some(timeline) = file.and_then(wal::timeline_of_segment) {
            return Ok(timeline);
        }
        tokio::time::sleep(LOOK).await;
    }
}

/// Sees to it that the wanted number is the first one free.
fn make_way(data: &camino::Utf8Path, before: &Before, wanted: Timeline) -> Result<(), Error> {
    let histories = placeholder::histories(data).map_err(Error::File)?;
    let newest = placeholder::newest_real(&histories)
        .map_or(before.newest, |newest| newest.max(before.newest));
    if wanted <= newest {
        return Err(Error::NotAbove { wanted, newest });
    }
    if wanted.number() - newest.number() > GAP_MAX {
        return Err(Error::TooFar { wanted, newest });
    }
    check_reached(data, newest, before.newest, before.replayed)?;
    // What an attempt at a higher number left behind would lead past the wanted one.
    let above = histories.range(wanted..).map(|(timeline, _)| *timeline);
    placeholder::remove(data, above).map_err(Error::File)?;
    let between = (before.oldest.number() + 1..wanted.number()).filter_map(Timeline::new);
    let free: Vec<Timeline> = between
        .filter(|timeline| !histories.contains_key(timeline))
        .collect();
    placeholder::place(data, &free).map_err(Error::File)
}

/// Checks that the standby has reached the newest timeline that it may follow.
fn check_reached(
    data: &camino::Utf8Path,
    known: Timeline,
    own: Timeline,
    at: Lsn,
) -> Result<(), Error> {
    let Ok(history) = history::read(data, known) else {
        return Ok(());
    };
    // One that does not come from ours is not followed.
    if !history.iter().any(|(timeline, _)| *timeline == own) {
        return Ok(());
    }
    match history.last() {
        Some((_, fork)) if at < *fork => Err(Error::Ahead {
            known,
            fork: *fork,
            at,
        }),
        _ => Ok(()),
    }
}
