//! The end of clients' sessions.

use std::time::Duration;

use crate::session::{Error, Session, column};

const WHAT: &str = "end the sessions of clients";
/// How often it is looked whether they are gone.
const LOOK: Duration = Duration::from_millis(10);

/// The agent's own sessions are those of the superuser that came through the local socket with the
/// agent's name; there, nobody else is that superuser but by the agent's leave.
const END: &str = "\
SELECT count(*) AS left, count(*) FILTER (WHERE pg_catalog.pg_terminate_backend(a.pid)) AS told
FROM pg_catalog.pg_stat_activity AS a
WHERE a.backend_type = 'client backend' AND a.pid <> pg_catalog.pg_backend_pid()
  AND NOT (a.usename = current_user AND a.client_addr IS NULL AND a.client_port = -1
    AND a.application_name = pg_catalog.current_setting('application_name'))";

impl Session {
    /// Ends every client's session but the agent's own and those that stream, and waits until they
    /// are gone. New ones may come unless the configuration keeps them out. Tells how many there were.
    pub async fn end_clients(&self) -> Result<u64, Error> {
        let ending = async {
            let mut most = 0;
            loop {
                let row = self.row(WHAT, END, &[]).await?;
                let left: i64 = column(WHAT, &row, "left")?;
                most = most.max(left.unsigned_abs());
                if left == 0 {
                    return Ok(most);
                }
                tokio::time::sleep(LOOK).await;
            }
        };
        self.in_time(WHAT, ending).await
    }
}
