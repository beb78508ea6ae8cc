//! The machine's notion of time.

use std::ops::Add;

use serde::{Deserialize, Serialize};
use std::time::Duration;

/// A point on a clock that never steps, chosen by the driver (`CLOCK_BOOTTIME`), in nanoseconds
/// since any fixed point. Instants of different members cannot be compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Instant(u64);

impl Instant {
    /// The instant that many nanoseconds after the clock's zero.
    pub const fn from_nanos(nanos: u64) -> Self {
        Self(nanos)
    }

    /// How long `self` is after `earlier`; zero if it is not.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }
}

impl Add<Duration> for Instant {
    type Output = Self;

    fn add(self, duration: Duration) -> Self {
        Self(
            self.0
                .saturating_add(u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)),
        )
    }
}
