//! How many connections there may be, and who has to go when there are too many.
//!
//! A connection without a request under way can be closed at any time; its client connects
//! again. So strangers who connect and say nothing never keep others out.

use std::collections::BTreeMap;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;

/// The places for connections.
#[derive(Clone)]
pub(super) struct Places {
    free: Arc<Semaphore>,
    idle: Arc<Mutex<Idle>>,
}

/// Connections without a request, in the order in which they became idle.
#[derive(Default)]
struct Idle {
    next: u64,
    waiting: BTreeMap<u64, CancellationToken>,
}

/// The place of one connection.
pub(super) struct Place {
    idle: Arc<Mutex<Idle>>,
    /// Cancelled when the place is needed by somebody else.
    evicted: CancellationToken,
    state: Mutex<State>,
    _permit: OwnedSemaphorePermit,
}

#[derive(Default)]
struct State {
    busy: usize,
    /// The ticket among the idle ones.
    ticket: Option<u64>,
}

/// Held while a request is under way, until the last byte of its answer.
pub(super) struct Busy(Arc<Place>);

impl Places {
    pub(super) fn new(count: usize) -> Self {
        Self {
            free: Arc::new(Semaphore::new(count)),
            idle: Arc::default(),
        }
    }

    /// Waits for a place; when all are taken, the connection that is idle the longest goes.
    pub(super) async fn take(&self) -> Option<Arc<Place>> {
        if self.free.available_permits() == 0 {
            let oldest = self.idle.lock().waiting.pop_first();
            if let Some((_, connection)) = oldest {
                connection.cancel();
            }
        }
        let permit = Arc::clone(&self.free).acquire_owned().await.ok()?;
        let place = Arc::new(Place {
            idle: Arc::clone(&self.idle),
            evicted: CancellationToken::new(),
            state: Mutex::default(),
            _permit: permit,
        });
        place.rest(&mut place.state.lock());
        Some(place)
    }
}

impl Place {
    /// Ends when the connection has to go.
    pub(super) async fn evicted(&self) {
        self.evicted.cancelled().await;
    }

    /// A request begins.
    pub(super) fn busy(self: &Arc<Self>) -> Busy {
        let mut state = self.state.lock();
        state.busy += 1;
        if let Some(ticket) = state.ticket.take() {
            self.idle.lock().waiting.remove(&ticket);
        }
        Busy(Arc::clone(self))
    }

    fn rest(&self, state: &mut State) {
        let mut idle = self.idle.lock();
        let ticket = idle.next;
        idle.next += 1;
        idle.waiting.insert(ticket, self.evicted.clone());
        state.ticket = Some(ticket);
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if let Some(ticket) = self.state.lock().ticket.take() {
            self.idle.lock().waiting.remove(&ticket);
        }
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        let mut state = self.0.state.lock();
        state.busy -= 1;
        if state.busy == 0 {
            self.0.rest(&mut state);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_one_that_is_idle_the_longest_makes_place() {
        let places = Places::new(2);
        let first = places.take().await.unwrap();
        let second = places.take().await.unwrap();
        // The first has been busy since, so the second waits longer.
        drop(first.busy());
        let waiting = tokio::spawn({
            let places = places.clone();
            async move { places.take().await.unwrap() }
        });
        second.evicted().await;
        assert!(!first.evicted.is_cancelled());
        drop(second);
        let third = waiting.await.unwrap();
        // Nobody who is at work is sent away.
        let (one, two) = (first.busy(), third.busy());
        let mut waiting = Box::pin(places.take());
        assert!(futures::poll!(&mut waiting).is_pending());
        drop(one);
        assert!(futures::poll!(&mut waiting).is_pending());
        drop(two);
        assert!(!first.evicted.is_cancelled() && !third.evicted.is_cancelled());
        drop((first, third));
        assert!(waiting.await.is_some());
    }
}
