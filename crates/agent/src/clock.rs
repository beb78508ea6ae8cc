//! The clock of the decision machine.

use std::time::Duration;

use howdah_ha::Instant;
use nix::time::{ClockId, clock_gettime};

/// Now, on the clock that also counts while the machine is suspended.
pub(crate) fn now() -> Instant {
    let boot_time = clock_gettime(ClockId::CLOCK_BOOTTIME).map(Duration::from);
    // The call cannot fail for a clock that the kernel has had since 2.6.39.
    let nanos = boot_time.unwrap_or_default().as_nanos();
    Instant::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
}

/// The instant in nanoseconds of that clock.
pub(crate) fn nanos(at: Instant) -> u64 {
    let since = at.since(Instant::from_nanos(0));
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
}
