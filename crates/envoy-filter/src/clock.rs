//! The clock that times are measured by.

use std::sync::OnceLock;
use std::time::Instant;

use howdah_session::Micros;

/// Microseconds since the module first looked.
pub(crate) fn now() -> Micros {
    static START: OnceLock<Instant> = OnceLock::new();
    let start = START.get_or_init(Instant::now);
    u64::try_from(start.elapsed().as_micros()).unwrap_or(u64::MAX)
}
