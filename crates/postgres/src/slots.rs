//! Physical replication slots.

use std::collections::BTreeSet;

use howdah_types::Lsn;

use crate::session::{Error, Session, column};

const CREATE: &str = "\
SELECT pg_catalog.pg_create_physical_replication_slot($1, true)
WHERE NOT EXISTS (SELECT FROM pg_catalog.pg_replication_slots WHERE slot_name = $1)";

/// A slot never goes back, and on a standby not past what is replayed.
const ADVANCE: &str = "\
SELECT pg_catalog.pg_replication_slot_advance(slot_name, target)
FROM (SELECT slot_name, restart_lsn, active, LEAST($2::text::pg_catalog.pg_lsn,
    CASE WHEN pg_catalog.pg_is_in_recovery() THEN pg_catalog.pg_last_wal_replay_lsn()
    ELSE pg_catalog.pg_current_wal_flush_lsn() END) AS target
  FROM pg_catalog.pg_replication_slots
  WHERE slot_name = $1 AND slot_type = 'physical') AS slot
WHERE NOT active AND restart_lsn < target";

const LIST: &str = "\
SELECT slot_name::text AS name FROM pg_catalog.pg_replication_slots
WHERE slot_type = 'physical' AND NOT temporary";

const DROP: &str = "\
SELECT pg_catalog.pg_drop_replication_slot(slot_name) FROM pg_catalog.pg_replication_slots
WHERE slot_name = $1 AND slot_type = 'physical' AND NOT active";

impl Session {
    /// Creates a physical slot that keeps WAL from now on; one that exists is left as it is.
    pub async fn ensure_slot(&self, name: &str) -> Result<(), Error> {
        self.rows("create a replication slot", CREATE, &[&name])
            .await
            .map(drop)
    }

    /// Makes a physical slot that nobody uses keep WAL only from that position on; tells whether it
    /// kept more before. Works on a standby too, where slots keep WAL for members that may stream from
    /// it one day; nobody else moves them there.
    pub async fn advance_slot(&self, name: &str, to: Lsn) -> Result<bool, Error> {
        let rows = self
            .rows(
                "advance a replication slot",
                ADVANCE,
                &[&name, &to.to_string()],
            )
            .await?;
        Ok(!rows.is_empty())
    }

    /// Drops a physical slot unless somebody uses it; tells whether it was dropped.
    pub async fn drop_idle_slot(&self, name: &str) -> Result<bool, Error> {
        let rows = self.rows("drop a replication slot", DROP, &[&name]).await?;
        Ok(!rows.is_empty())
    }

    /// The names of all lasting physical slots.
    pub async fn slots(&self) -> Result<BTreeSet<String>, Error> {
        const WHAT: &str = "list replication slots";
        let rows = self.rows(WHAT, LIST, &[]).await?;
        rows.iter().map(|row| column(WHAT, row, "name")).collect()
    }
}
