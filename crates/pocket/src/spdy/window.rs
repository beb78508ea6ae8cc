//! How much may be sent before the peer has made room (SPDY/3, section 2.6.8; SPDY/3.1 adds the window of a session).

use parking_lot::Mutex;
use tokio::sync::Notify;

/// What a window begins with.
pub(super) const INITIAL: i64 = 64 * 1024;
/// No window may grow beyond this.
const LARGEST: i64 = (1 << 31) - 1;

/// The room of one stream, or of all.
#[derive(Debug)]
pub(super) struct Window {
    left: Mutex<i64>,
    grown: Notify,
}

impl Window {
    pub(super) fn new(size: i64) -> Self {
        Self {
            left: Mutex::new(size),
            grown: Notify::new(),
        }
    }

    /// The peer has made room, or less of it; whether such a window can exist.
    pub(super) fn grow(&self, delta: i64) -> bool {
        let mut left = self.left.lock();
        *left = left.saturating_add(delta);
        self.grown.notify_waiters();
        *left <= LARGEST
    }

    /// Takes as much of `wanted` as there is room for, at least one, and waits for that if it must. A peer that does
    /// not keep windows is not waited for, but counted.
    pub(super) async fn take(&self, wanted: usize, is_kept: impl Fn() -> bool) -> usize {
        loop {
            // Registered before the look, so that no growth is missed.
            let grown = self.grown.notified();
            {
                let mut left = self.left.lock();
                let wanted_now = i64::try_from(wanted).unwrap_or(i64::MAX);
                let taken = match is_kept() {
                    true => wanted_now.min(*left),
                    false => wanted_now,
                };
                if taken > 0 || wanted == 0 {
                    *left = left.saturating_sub(taken);
                    return usize::try_from(taken).unwrap_or_default();
                }
            }
            grown.await;
        }
    }

    /// Gives back what was taken and not used.
    pub(super) fn give_back(&self, count: usize) {
        self.grow(i64::try_from(count).unwrap_or_default());
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt as _;

    use super::*;

    #[tokio::test]
    async fn no_more_is_taken_than_there_is_room() {
        let window = Window::new(10);
        assert_eq!(window.take(7, || true).await, 7);
        assert_eq!(window.take(7, || true).await, 3);
        let mut waiting = Box::pin(window.take(7, || true));
        assert_eq!(waiting.as_mut().now_or_never(), None);
        assert!(window.grow(5));
        assert_eq!(waiting.await, 5);
    }

    #[tokio::test]
    async fn a_peer_without_windows_is_not_waited_for() {
        let window = Window::new(1);
        assert_eq!(window.take(100, || false).await, 100);
        // What was sent meanwhile counts once the peer begins to keep windows.
        assert!(window.grow(99));
        assert_eq!(window.take(1, || true).now_or_never(), None);
    }

    #[test]
    fn a_window_cannot_grow_without_end() {
        let window = Window::new(INITIAL);
        assert!(window.grow(LARGEST - INITIAL));
        assert!(!window.grow(1));
    }
}
