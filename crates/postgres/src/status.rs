//! What a running Postgres says about itself.

use howdah_types::{Lsn, SystemIdentifier, Timeline};

use crate::session::{Error, Session, column, parsed};
use crate::wal;

const WHAT: &str = "ask postgres for its status";

/// The state of a running Postgres.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Status {
    /// The database system.
    pub system: Option<SystemIdentifier>,
    /// Its version as a number, 180006 for 18.6.
    pub server_version: u32,
    /// When the postmaster started, in ISO 8601 as Postgres prints it.
    pub started_at: String,
    /// The timeline that it writes or follows.
    pub timeline: Option<Timeline>,
    /// Primary or standby, with its positions.
    pub standing: Standing,
}

/// What a running Postgres is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    /// Writable.
    Primary {
        /// The end of the WAL.
        location: Lsn,
        /// Who streams from it.
        replicas: Vec<ReplicaStatus>,
    },
    /// In recovery.
    Standby {
        /// How far it is.
        position: XlogPosition,
        /// Its WAL receiver, if one runs.
        receiver: Option<ReceiverStatus>,
    },
}

/// How far a standby is.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct XlogPosition {
    /// The end of the WAL that was received since the start.
    pub received: Option<Lsn>,
    /// The end of the WAL that was replayed.
    pub replayed: Option<Lsn>,
    /// When the last replayed transaction was committed.
    pub replayed_at: Option<String>,
    /// True if replay is paused.
    pub paused: bool,
}

/// The WAL receiver of a standby.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReceiverStatus {
    /// `streaming` when all is well.
    pub state: String,
    /// The timeline that it receives.
    pub timeline: Option<Timeline>,
}

/// A standby as its primary sees it (`pg_stat_replication`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReplicaStatus {
    /// The name that the standby gives, that of its instance.
    pub application: String,
    /// Its address.
    pub address: Option<String>,
    /// The role it came with.
    pub user: String,
    /// `streaming` when all is well.
    pub state: String,
    /// `async` or `sync`.
    pub sync_state: String,
    /// Its rank among synchronous standbys.
    pub sync_priority: i32,
    /// The end of the WAL that it has replayed.
    pub replayed: Option<Lsn>,
}

/// Names are qualified: the search path may have been set by a user.
const STATUS: &str = "\
SELECT pg_catalog.pg_is_in_recovery() AS standby,
  (SELECT system_identifier::text FROM pg_catalog.pg_control_system()) AS system,
  pg_catalog.current_setting('server_version_num') AS version,
  pg_catalog.to_char(pg_catalog.pg_postmaster_start_time(), 'YYYY-MM-DD HH24:MI:SS.USTZH:TZM') AS started_at,
  CASE WHEN pg_catalog.pg_is_in_recovery() THEN NULL
    ELSE pg_catalog.pg_current_wal_flush_lsn()::text END AS location,
  CASE WHEN pg_catalog.pg_is_in_recovery() THEN NULL
    ELSE pg_catalog.pg_walfile_name(pg_catalog.pg_current_wal_flush_lsn()) END AS wal_file,
  (SELECT timeline_id::text FROM pg_catalog.pg_control_checkpoint()) AS checkpoint_timeline,
  pg_catalog.pg_last_wal_receive_lsn()::text AS received,
  pg_catalog.pg_last_wal_replay_lsn()::text AS replayed,
  pg_catalog.to_char(pg_catalog.pg_last_xact_replay_timestamp(), 'YYYY-MM-DD HH24:MI:SS.USTZH:TZM') AS replayed_at,
  CASE WHEN pg_catalog.pg_is_in_recovery() THEN pg_catalog.pg_is_wal_replay_paused()
    ELSE false END AS paused,
  r.status AS receiver, NULLIF(r.received_tli, 0)::text AS receiver_timeline
FROM (SELECT 1) AS one LEFT JOIN pg_catalog.pg_stat_wal_receiver AS r ON true";

const REPLICAS: &str = "\
SELECT application_name, client_addr::text AS address, usename::text AS usename, state,
  sync_state, sync_priority, replay_lsn::text AS replayed
FROM pg_catalog.pg_stat_replication WHERE application_name <> 'pg_basebackup'
ORDER BY application_name, pid";

impl Session {
    /// Asks for the state of the server.
    pub async fn status(&self) -> Result<Status, Error> {
        let row = self.row(WHAT, STATUS, &[]).await?;
        let checkpoint_timeline = parsed(WHAT, &row, "checkpoint_timeline")?;
        let (standing, timeline) = if column(WHAT, &row, "standby")? {
            let receiver = receiver(&row)?;
            let timeline = receiver.as_ref().and_then(|receiver| receiver.timeline);
            let position = XlogPosition {
                received: parsed(WHAT, &row, "received")?,
                replayed: parsed(WHAT, &row, "replayed")?,
                replayed_at: column(WHAT, &row, "replayed_at")?,
                paused: column(WHAT, &row, "paused")?,
            };
            (Standing::Standby { position, receiver }, timeline)
        } else {
            let location = parsed(WHAT, &row, "location")?.unwrap_or_default();
            let file: Option<&str> = column(WHAT, &row, "wal_file")?;
            let replicas = self.replicas().await?;
            let standing = Standing::Primary { location, replicas };
            (standing, file.and_then(wal::timeline_of_segment))
        };
        Ok(Status {
            system: parsed(WHAT, &row, "system")?,
            server_version: parsed(WHAT, &row, "version")?.unwrap_or_default(),
            started_at: column(WHAT, &row, "started_at")?,
            timeline: timeline.or(checkpoint_timeline),
            standing,
        })
    }

    async fn replicas(&self) -> Result<Vec<ReplicaStatus>, Error> {
        let rows = self.rows(WHAT, REPLICAS, &[]).await?;
        rows.iter()
            .map(|row| {
                Ok(ReplicaStatus {
                    application: column(WHAT, row, "application_name")?,
                    address: column(WHAT, row, "address")?,
                    user: column(WHAT, row, "usename")?,
                    state: column(WHAT, row, "state")?,
                    sync_state: column(WHAT, row, "sync_state")?,
                    sync_priority: column(WHAT, row, "sync_priority")?,
                    replayed: parsed(WHAT, row, "replayed")?,
                })
            })
            .collect()
    }
}

fn receiver(row: &tokio_postgres::Row) -> Result<Option<ReceiverStatus>, Error> {
    let timeline = parsed(WHAT, row, "receiver_timeline")?;
    let state: Option<String> = column(WHAT, row, "receiver")?;
    Ok(state.map(|state| ReceiverStatus { state, timeline }))
}

impl Status {
    /// True if this is a standby that receives WAL as it is written.
    pub fn is_streaming(&self) -> bool {
        matches!(
            &self.standing,
            Standing::Standby { receiver: Some(receiver), .. } if receiver.state == "streaming"
        )
    }

    /// The newest position that this server holds.
    pub fn newest(&self) -> Option<Lsn> {
        match &self.standing {
            Standing::Primary { location, .. } => Some(*location),
            Standing::Standby { position, .. } => position.received.max(position.replayed),
        }
    }
}
