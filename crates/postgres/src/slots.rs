//! Physical replication slots.

use std::collections::BTreeSet;

use crate::session::{Error, Session, column};

const CREATE: &str = "\
SELECT pg_catalog.pg_create_physical_replication_slot($1, true)
WHERE NOT EXISTS (SELECT FROM pg_catalog.pg_replication_slots WHERE slot_name = $1)";

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
