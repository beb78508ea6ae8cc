//! The pooler's limits on its clients, told as Postgres tells its own.
//!
//! PgBouncer refuses a client that is one too many with 08P01, a violation of the protocol, as nearly everything that
//! it says itself. Drivers retry, and people alert, by the code of Postgres for it: 53300. It is given here and not
//! by counting clients in the filter, because only the pooler knows what counts towards which of its limits.

use howdah_pgwire::SqlState;
use howdah_pgwire::backend::field;

use crate::report::{self, fatal};

/// What PgBouncer says when there are as many clients as it may have, of all, of a database or of a user.
const SAID: [&str; 3] = [
    "no more connections allowed (max_client_conn)",
    "client connections exceeded (max_db_client_connections)",
    "client connections exceeded (max_user_client_connections)",
];

/// One client too many for the pooler.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Crowded(&'static str);

impl Crowded {
    /// What the client is told instead.
    pub const SQLSTATE: SqlState = SqlState::TOO_MANY_CONNECTIONS;

    /// Reads the body of an ErrorResponse.
    pub(crate) fn of(body: &[u8]) -> Option<Self> {
        let code = SqlState::PROTOCOL_VIOLATION;
        if report::field(body, field::CODE)? != code.as_str().as_bytes() {
            return None;
        }
        let message = report::field(body, field::MESSAGE)?;
        let mut said = SAID.into_iter();
        said.find(|said| said.as_bytes() == message).map(Self)
    }

    /// The ErrorResponse for the client, which names the limit as the pooler does.
    #[must_use]
    pub fn response(self) -> Vec<u8> {
        let message = format!("sorry, too many clients already: {}", self.0);
        fatal(Self::SQLSTATE, &message)
    }
}
