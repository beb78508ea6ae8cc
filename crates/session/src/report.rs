//! Errors as they are on the wire: a field of one that a server sends, and our own, after which a connection is closed.

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

/// The value of a field, in the body of an ErrorResponse (54.8, Error and Notice Message Fields).
pub(crate) fn field(body: &[u8], code: u8) -> Option<&[u8]> {
    let mut fields = body.split(|byte| *byte == 0);
    fields.find_map(|field| field.strip_prefix(&[code]))
}
