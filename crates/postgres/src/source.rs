//! What a source outside of the cluster says of itself: which system it is, and how far.

use howdah_types::{SystemIdentifier, Timeline};

use crate::history;
use crate::place::Place;
use crate::rewind::HISTORY;
use crate::session::{Error as SqlError, Session, column, parsed};
use crate::wal;

const WHAT: &str = "ask the source for its state";

const STATE: &str = "\
SELECT (SELECT system_identifier::text FROM pg_catalog.pg_control_system()) AS system,
  CASE WHEN pg_catalog.pg_is_in_recovery() THEN NULL
    ELSE pg_catalog.pg_current_wal_flush_lsn()::text END AS flushed,
  CASE WHEN pg_catalog.pg_is_in_recovery() THEN NULL
    ELSE pg_catalog.pg_walfile_name(pg_catalog.pg_current_wal_flush_lsn()) END AS wal_file";

/// Why a source is not known.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It could not be asked.
    #[error("ask the source")]
    Sql(#[source] SqlError),
    /// It is a standby itself, or says nothing that can be understood.
    #[error("the source is no primary")]
    NotPrimary,
    /// Its newest timeline has no history that can be understood.
    #[error("the history of the source's timeline {0} is not there or cannot be understood")]
    History(Timeline),
}

impl Session {
    /// Asked of a source with a role that may read files there: its system, and the end of its WAL.
    pub async fn source(&self) -> Result<(SystemIdentifier, Place), Error> {
        let row = self.row(WHAT, STATE, &[]).await.map_err(Error::Sql)?;
        let system = parsed(WHAT, &row, "system").map_err(Error::Sql)?;
        let lsn = parsed(WHAT, &row, "flushed").map_err(Error::Sql)?;
        let file: Option<&str> = column(WHAT, &row, "wal_file").map_err(Error::Sql)?;
        let timeline = file.and_then(wal::timeline_of_segment);
        let (Some(system), Some(lsn), Some(timeline)) = (system, lsn, timeline) else {
            return Err(Error::NotPrimary);
        };
        let history = self.history_of(timeline).await?;
        let place = Place {
            in_recovery: false,
            timeline,
            lsn,
            history,
        };
        Ok((system, place))
    }

    async fn history_of(&self, timeline: Timeline) -> Result<history::History, Error> {
        if timeline == Timeline::FIRST {
            return Ok(Vec::new());
        }
        let path = format!("pg_wal/{}", wal::history_name(timeline));
        let row = self.row(WHAT, HISTORY, &[&path]).await;
        let row = row.map_err(Error::Sql)?;
        let text: Option<&str> = column(WHAT, &row, "history").map_err(Error::Sql)?;
        text.and_then(|text| history::parse(text, timeline))
            .ok_or(Error::History(timeline))
    }
}
