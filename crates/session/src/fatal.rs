//! Errors of our own, after which a connection is closed.

use howdah_pgwire::backend::{ErrorResponse, Report};
use howdah_pgwire::{Body as _, SqlState};

/// The ErrorResponse that says so (54.7).
pub(crate) fn fatal(code: SqlState, message: &str) -> Vec<u8> {
    let (mut scratch, mut out) = (Vec::new(), Vec::new());
    let report = Report::build(&mut scratch, "FATAL", code, message);
    let encoded = report.and_then(|report| ErrorResponse { report }.encode(&mut out));
    // A few words always fit into a message; without an answer the connection is closed all the same.
    encoded.map_or_else(|_error| Vec::new(), |()| out)
}
