//! What a running server does at this moment, asked often and cheaply.

use crate::session::{Error, Session, column};

/// One query without locks and without reading a table.
const DUTY: &str = "\
SELECT pg_catalog.pg_is_in_recovery() AS in_recovery,
       pg_catalog.current_setting('primary_conninfo') <> '' AS has_upstream,
       EXISTS (SELECT FROM pg_catalog.pg_stat_get_activity(NULL) WHERE backend_type = 'walreceiver')
           AS receiving";

/// What a server does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Duty {
    /// True for a standby.
    pub in_recovery: bool,
    /// True if it is told to receive from somebody.
    pub has_upstream: bool,
    /// True as long as a WAL receiver lives.
    pub receiving: bool,
}

impl Session {
    /// Asks what the server does.
    pub async fn duty(&self) -> Result<Duty, Error> {
        const WHAT: &str = "ask what postgres does";
        let row = self.row(WHAT, DUTY, &[]).await?;
        Ok(Duty {
            in_recovery: column(WHAT, &row, "in_recovery")?,
            has_upstream: column(WHAT, &row, "has_upstream")?,
            receiving: column(WHAT, &row, "receiving")?,
        })
    }

    /// From here on this session's own commits wait for no standby. They are on the disk all the same.
    pub async fn wait_for_nobody(&self) -> Result<(), Error> {
        self.execute("wait for nobody", "SET synchronous_commit = local")
            .await
    }
}
