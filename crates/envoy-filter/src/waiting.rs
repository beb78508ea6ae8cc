//! The connections that wait: for their client's first packet, or because clients are held.
//!
//! Shared by all threads of Envoy. A connection is entered and left by its own thread; the order to let clients go
//! comes from Envoy's main thread or, when its time is up, from a thread of the module's own, which is started with
//! the first connection and sleeps until the next deadline.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use parking_lot::{Condvar, Mutex};

use crate::abi::Scheduler;

/// What a connection is called for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Call {
    /// Clients are let go.
    Resume,
    /// The time for the first packet is up.
    Expired,
}

impl Call {
    const fn number(self) -> u64 {
        match self {
            Self::Resume => 1,
            Self::Expired => 2,
        }
    }

    /// What a number means that has come back through Envoy.
    pub(crate) const fn of(number: u64) -> Option<Self> {
        match number {
            1 => Some(Self::Resume),
            2 => Some(Self::Expired),
            _ => None,
        }
    }
}

/// A connection's place among those that wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ticket {
    /// Its client is to send a first packet.
    Opening(Instant, u64),
    /// Its client is held.
    Held(u64),
}

/// The connections that wait.
pub(crate) struct Waiting<S> {
    state: Mutex<State<S>>,
    changed: Condvar,
    /// Whether clients are to be held, for a look without the lock. It is only ever set with the lock.
    holding: AtomicBool,
}

struct State<S> {
    next: u64,
    /// By deadline, and by number where that is the same.
    opening: BTreeMap<(Instant, u64), S>,
    held: BTreeMap<u64, S>,
    hold_until: Option<Instant>,
    clock_runs: bool,
}

/// Those of the module.
pub(crate) static WAITING: Waiting<Scheduler> = Waiting::new();

/// What can be called on a connection's own thread.
pub(crate) trait Reach: Send {
    /// Has it called.
    fn reach(&self, call: Call);
}

impl Reach for Scheduler {
    fn reach(&self, call: Call) {
        self.call(call.number());
    }
}

impl<S: Reach> Waiting<S> {
    const fn new() -> Self {
        Self {
            state: Mutex::new(State {
                next: 0,
                opening: BTreeMap::new(),
                held: BTreeMap::new(),
                hold_until: None,
                clock_runs: false,
            }),
            changed: Condvar::new(),
            holding: AtomicBool::new(false),
        }
    }

    /// Whether clients are to be held.
    pub(crate) fn is_holding(&self) -> bool {
        self.holding.load(Ordering::Relaxed)
    }

    /// Enters a connection whose client is to send its first packet by then.
    pub(crate) fn open(&self, connection: S, deadline: Instant) -> Ticket {
        let mut state = self.state.lock();
        let id = state.number();
        state.opening.insert((deadline, id), connection);
        let first = state.opening.first_key_value();
        let first = first.is_some_and(|(key, _)| *key == (deadline, id));
        drop(state);
        if first {
            self.changed.notify_one();
        }
        Ticket::Opening(deadline, id)
    }

    /// Enters a connection whose client is held, unless clients have just been let go.
    pub(crate) fn hold(&self, connection: impl FnOnce() -> S) -> Option<Ticket> {
        let mut state = self.state.lock();
        state.hold_until?;
        let id = state.number();
        state.held.insert(id, connection());
        Some(Ticket::Held(id))
    }

    /// Takes a connection out, if it is still there.
    pub(crate) fn leave(&self, ticket: Ticket) {
        let mut state = self.state.lock();
        let gone = match ticket {
            Ticket::Opening(deadline, id) => state.opening.remove(&(deadline, id)),
            Ticket::Held(id) => state.held.remove(&id),
        };
        drop(state);
        drop(gone);
    }

    /// Holds clients from now on, but no longer than until then.
    pub(crate) fn begin(&self, until: Instant) {
        let mut state = self.state.lock();
        state.hold_until = Some(until);
        self.holding.store(true, Ordering::Relaxed);
        drop(state);
        self.changed.notify_one();
    }

    /// Lets all clients go.
    pub(crate) fn end(&self) {
        self.release(&mut self.state.lock());
    }

    /// How long clients are still held, and how many are.
    pub(crate) fn status(&self, now: Instant) -> (Option<f64>, usize) {
        let state = self.state.lock();
        let left = |until: Instant| until.saturating_duration_since(now).as_secs_f64();
        (state.hold_until.map(left), state.held.len())
    }

    fn release(&self, state: &mut State<S>) {
        state.hold_until = None;
        self.holding.store(false, Ordering::Relaxed);
        for connection in std::mem::take(&mut state.held).into_values() {
            connection.reach(Call::Resume);
        }
    }

    /// Does what is due, and says when the next is.
    fn tick(&self, state: &mut State<S>, now: Instant) -> Option<Instant> {
        if state.hold_until.is_some_and(|until| until <= now) {
            self.release(state);
        }
        while let Some(first) = state.opening.first_entry()
            && first.key().0 <= now
        {
            first.remove().reach(Call::Expired);
        }
        let opening = state.opening.first_key_value();
        let opening = opening.map(|((deadline, _), _)| *deadline);
        opening.into_iter().chain(state.hold_until).min()
    }
}

impl<S> State<S> {
    fn number(&mut self) -> u64 {
        self.next = self.next.wrapping_add(1);
        self.next
    }
}

impl Waiting<Scheduler> {
    /// Starts the thread that keeps the deadlines, once.
    pub(crate) fn start_clock(&'static self) -> std::io::Result<()> {
        let mut state = self.state.lock();
        if !state.clock_runs {
            let name = "howdah-clock".to_owned();
            std::thread::Builder::new()
                .name(name)
                .spawn(|| self.run_clock())?;
            state.clock_runs = true;
        }
        Ok(())
    }

    fn run_clock(&self) {
        let mut state = self.state.lock();
        loop {
            match self.tick(&mut state, Instant::now()) {
                Some(next) => {
                    self.changed.wait_until(&mut state, next);
                }
                None => self.changed.wait(&mut state),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use pretty_assertions::assert_eq;

    use super::*;

    /// Writes down what it is called for.
    #[derive(Clone, Default)]
    struct Note(Arc<Mutex<Vec<Call>>>);

    impl Reach for Note {
        fn reach(&self, call: Call) {
            self.0.lock().push(call);
        }
    }

    fn world() -> (Waiting<Note>, Note, Instant) {
        (Waiting::new(), Note::default(), Instant::now())
    }

    #[test]
    fn held_connections_are_called_once_when_clients_are_let_go() {
        let (waiting, note, now) = world();
        assert!(waiting.hold(|| note.clone()).is_none());
        waiting.begin(now + Duration::from_secs(5));
        assert!(waiting.is_holding());
        assert!(waiting.hold(|| note.clone()).is_some());
        let left = waiting.hold(|| note.clone()).unwrap();
        assert_eq!(waiting.status(now), (Some(5.0), 2));
        waiting.leave(left);
        waiting.end();
        assert!(!waiting.is_holding());
        waiting.end();
        assert_eq!(*note.0.lock(), [Call::Resume]);
        assert_eq!(waiting.status(now), (None, 0));
        // One that decided to hold before, and comes after.
        assert!(waiting.hold(|| note.clone()).is_none());
    }

    #[test]
    fn nobody_is_held_longer_than_was_said() {
        let (waiting, note, now) = world();
        let until = now + Duration::from_secs(5);
        waiting.begin(until);
        assert!(waiting.hold(|| note.clone()).is_some());
        let before = until - Duration::from_nanos(1);
        assert_eq!(waiting.tick(&mut waiting.state.lock(), before), Some(until));
        assert_eq!(waiting.tick(&mut waiting.state.lock(), until), None);
        assert_eq!(*note.0.lock(), [Call::Resume]);
    }

    #[test]
    fn connections_without_a_first_packet_expire_in_their_order() {
        let (waiting, note, now) = world();
        let later = now + Duration::from_secs(1);
        let ticket = waiting.open(note.clone(), now);
        waiting.leave(ticket);
        waiting.open(note.clone(), later);
        waiting.open(note.clone(), now);
        assert_eq!(waiting.tick(&mut waiting.state.lock(), now), Some(later));
        assert_eq!(*note.0.lock(), [Call::Expired]);
        assert_eq!(waiting.tick(&mut waiting.state.lock(), later), None);
        assert_eq!(*note.0.lock(), [Call::Expired, Call::Expired]);
    }

    #[test]
    fn calls_come_back_as_they_were_sent() {
        for call in [Call::Resume, Call::Expired] {
            assert_eq!(Call::of(call.number()), Some(call));
        }
        assert_eq!(Call::of(0), None);
    }
}
