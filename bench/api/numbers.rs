//! Times, and what is said of them.

use std::time::Duration;

use parking_lot::Mutex;

/// Times measured by several tasks.
#[derive(Default)]
pub(crate) struct Times(Mutex<Vec<Duration>>);

impl Times {
    /// Adds one.
    pub(crate) fn add(&self, time: Duration) {
        self.0.lock().push(time);
    }

    /// How many there are.
    pub(crate) fn count(&self) -> usize {
        self.0.lock().len()
    }

    /// The median, the 99th of a hundred and the longest.
    pub(crate) fn show(&self) -> String {
        let mut times = self.0.lock();
        times.sort_unstable();
        let part = |percent: usize| {
            let at = times.len() * percent / 100;
            let time = times.get(at.min(times.len().saturating_sub(1)));
            time.map_or(0.0, |time| time.as_secs_f64() * 1e3)
        };
        format!(
            "p50 {:.2} ms, p99 {:.2} ms, max {:.1} ms",
            part(50),
            part(99),
            part(100)
        )
    }
}
