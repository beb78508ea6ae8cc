//! How long a crashing container waits before its next start, as a kubelet has it: none the first time, then 10
//! seconds doubling to 5 minutes, forgotten after a run of 10 minutes.

use std::time::Duration;

use tokio::time::Instant;

const INITIAL: Duration = Duration::from_secs(10);
const MAX: Duration = Duration::from_secs(300);
const FORGET_AFTER: Duration = Duration::from_secs(600);

/// The waiting of one container.
#[derive(Clone, Debug, Default)]
pub(super) struct Backoff {
    last: Option<(Duration, Instant)>,
}

impl Backoff {
    /// Until when a container that ended at `ended` must wait, and for how long in all; `None` for not at all.
    pub(super) fn wait(&self, ended: Instant) -> Option<(Instant, Duration)> {
        let (delay, updated) = self.last?;
        if ended.saturating_duration_since(updated) > FORGET_AFTER {
            return None;
        }
        Some((ended + delay, delay))
    }

    /// Notes that the container is restarted now.
    pub(super) fn restarted(&mut self, now: Instant) {
        let delay = match self.last {
            Some((delay, updated)) if now.saturating_duration_since(updated) <= FORGET_AFTER => {
                (delay * 2).min(MAX)
            }
            _ => INITIAL,
        };
        self.last = Some((delay, now));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_restart_is_immediate_and_the_next_ones_double_to_five_minutes() {
        let mut now = Instant::now();
        let mut backoff = Backoff::default();
        assert_eq!(backoff.wait(now), None);
        let mut waits = Vec::new();
        for _ in 0..7 {
            backoff.restarted(now);
            let ended = now + Duration::from_secs(1);
            let (until, delay) = backoff.wait(ended).unwrap();
            assert_eq!(until, ended + delay);
            waits.push(delay.as_secs());
            now = until;
        }
        assert_eq!(waits, [10, 20, 40, 80, 160, 300, 300]);
    }

    #[test]
    fn ten_minutes_of_running_clear_the_slate() {
        let start = Instant::now();
        let mut backoff = Backoff::default();
        backoff.restarted(start);
        let ended = start + FORGET_AFTER + Duration::from_secs(1);
        assert_eq!(backoff.wait(ended), None);
        backoff.restarted(ended);
        let (_, delay) = backoff.wait(ended).unwrap();
        assert_eq!(delay, INITIAL);
    }
}
