//! One connection: puts what Envoy tells into the words of the session, and the session's answers into Envoy's.
//!
//! Hooks can run inside each other: closing a connection and handing its bytes on call other hooks before they return.
//! So all state is in cells, and no borrow is held while anything is done to the connection.

use std::cell::{Cell, RefCell};
use std::ffi::CStr;
use std::ops::Range;
use std::sync::Arc;
use std::time::Instant;

use howdah_session::{Crowded, Event, Flow, Greeting, Opening, Refusal, Reply, Session};

use super::config::Config;
use super::standing::Counted;
use crate::abi::{Close, Level, Network, Status};
use crate::clock;
use crate::waiting::{Ticket, WAITING};

/// A name in the access log is cut off here.
const LONGEST_NAME: usize = 128;

/// A client's connection.
pub(super) struct Connection {
    config: Arc<Config>,
    session: RefCell<Session>,
    /// How many bytes at the front of Envoy's buffer the session has been told of.
    told: Cell<usize>,
    /// The server has sent something, so the filters behind take all that is handed to them.
    answered: Cell<bool>,
    ticket: Cell<Option<Ticket>>,
    active: Cell<bool>,
    done: Cell<bool>,
    counted: Counted,
}

/// What the first packet led to, without borrowing from it.
enum First {
    More,
    Decline,
    Session { size: usize },
    Cancel,
    Farewell,
    Refuse(Refusal),
}

impl Connection {
    pub(super) fn new(config: Arc<Config>) -> Self {
        Self {
            config,
            session: RefCell::new(Session::new(false)),
            told: Cell::new(0),
            answered: Cell::new(false),
            ticket: Cell::new(None),
            active: Cell::new(false),
            done: Cell::new(false),
            counted: Counted::new(),
        }
    }

    /// The connection is there. The filters behind are kept from dialling the server until the client says who it is.
    ///
    /// A tcp_proxy with its default settings keeps Envoy from reading until it has dialled, so there it has to.
    pub(super) fn opened(&self, envoy: Network) -> Status {
        *self.session.borrow_mut() = Session::new(envoy.is_tls());
        if WAITING.start_clock().is_err() {
            self.finish(envoy, Close::Now, "howdah_no_clock");
            return Status::Stop;
        }
        let deadline = Instant::now() + self.config.startup_timeout;
        let ticket = WAITING.open(envoy.scheduler(), deadline);
        self.ticket.set(Some(ticket));
        if envoy.reads() {
            return Status::Stop;
        }
        self.config.warn_of_early_dialling(envoy);
        Status::Continue
    }

    /// The client has sent something, or nothing more will come from it.
    pub(super) fn read(&self, envoy: Network, length: usize, end: bool) -> Status {
        if self.done.get() {
            return Status::Stop;
        }
        let opening = self.session.borrow().is_opening();
        let (flow, length) = if opening {
            match self.first(envoy, length, end) {
                Some(found) => found,
                None => return Status::Stop,
            }
        } else {
            (self.tell(envoy, self.known(envoy, length)), length)
        };
        self.told.set(length);
        match flow {
            Flow::Pass => {
                self.handed_on();
                Status::Continue
            }
            Flow::Hold => self.hold(envoy, end),
        }
    }

    /// The first packet, and how much there is to hand on; `None` if there is nothing.
    fn first(&self, envoy: Network, length: usize, end: bool) -> Option<(Flow, usize)> {
        match self.look(envoy, length) {
            First::More => {
                if end {
                    self.finish(envoy, Close::Now, "howdah_no_startup_message");
                }
                None
            }
            First::Decline => {
                if !envoy.drain(Greeting::SIZE) {
                    self.finish(envoy, Close::Now, "howdah_encryption_request_not_answered");
                    return None;
                }
                envoy.answer(b"N");
                // The session declines each kind of encryption once, so this is done twice at most.
                self.first(envoy, length.saturating_sub(Greeting::SIZE), end)
            }
            First::Farewell => {
                self.finish(envoy, Close::Now, "howdah_good_bye");
                None
            }
            First::Refuse(refusal) => {
                self.config.metrics.refuse(envoy, refusal);
                envoy.log(Level::Debug, || {
                    format!("a client is refused: {}", refusal.message())
                });
                envoy.answer(&refusal.response());
                self.finish(envoy, Close::Flush, "howdah_refused");
                None
            }
            First::Cancel => {
                self.leave();
                envoy.count(self.config.metrics.cancels, 1);
                Some((Flow::Pass, length))
            }
            First::Session { size } => {
                self.leave();
                envoy.count(self.config.metrics.sessions, 1);
                envoy.raise(self.config.metrics.sessions_active);
                self.active.set(true);
                Some((self.tell(envoy, size), length))
            }
        }
    }

    /// Looks at all bytes that have come, in one piece: most often they are, and a startup packet is small.
    fn look(&self, envoy: Network, length: usize) -> First {
        let most = self.config.policy.startup.packet as usize + 4;
        let (mut result, mut gathered) = (None, Vec::new());
        envoy.read_pieces(|piece| {
            if piece.len() == length {
                result = Some(self.open(envoy, piece));
            } else {
                let room = most.saturating_sub(gathered.len()).min(piece.len());
                gathered.extend_from_slice(&piece[..room]);
            }
        });
        result.unwrap_or_else(|| self.open(envoy, &gathered))
    }

    fn open(&self, envoy: Network, bytes: &[u8]) -> First {
        let policy = &self.config.policy;
        let hold = WAITING.is_holding();
        let mut session = self.session.borrow_mut();
        match session.open(policy, bytes, hold, clock::now()) {
            Opening::More => First::More,
            Opening::Decline => First::Decline,
            Opening::Cancel => First::Cancel,
            Opening::Farewell => First::Farewell,
            Opening::Refuse(refusal) => First::Refuse(refusal),
            Opening::Startup(startup, size) => {
                let notes = [
                    ("user", startup.user()),
                    ("database", startup.database()),
                    ("application_name", startup.get("application_name")),
                    ("replication", startup.get("replication")),
                ];
                for (key, value) in notes {
                    if let Some(value) = value {
                        envoy.note_text(key, &readable(value));
                    }
                }
                First::Session { size }
            }
        }
    }

    /// How many bytes at the front of the buffer the session knows already.
    ///
    /// Until the server has been reached, the filters behind may leave all in the buffer and be given it again. A
    /// startup message begins with a zero byte, and nothing that may follow it does.
    fn known(&self, envoy: Network, length: usize) -> usize {
        let told = self.told.get();
        if self.answered.get() || self.session.borrow().is_held() || told == 0 {
            return told;
        }
        let mut first = None;
        envoy.read_pieces(|piece| first = first.or_else(|| piece.first().copied()));
        if first == Some(0) && length >= told {
            told
        } else {
            0
        }
    }

    /// Tells the session what the client has sent behind the bytes that it knows.
    fn tell(&self, envoy: Network, known: usize) -> Flow {
        let config = &self.config;
        let now = clock::now();
        let hold = WAITING.is_holding();
        let mut session = self.session.borrow_mut();
        let mut record = |event: Event| config.metrics.record(envoy, event);
        let mut skip = known;
        envoy.read_pieces(|piece| {
            let new = piece.get(skip..).unwrap_or_default();
            skip = skip.saturating_sub(piece.len());
            // What all pieces together come to is asked below; a piece in between changes nothing of it.
            let _ = session.client(&config.policy, new, hold, now, &mut record);
        });
        let flow = session.client(&config.policy, &[], false, now, &mut record);
        self.counted.see(&session);
        flow
    }

    /// The server has sent something.
    pub(super) fn written(&self, envoy: Network, length: usize) -> Status {
        if self.done.get() {
            return Status::Continue;
        }
        if !self.answered.replace(true) && !self.session.borrow().is_held() {
            self.told.set(0);
        }
        let config = &self.config;
        let now = clock::now();
        let mut session = self.session.borrow_mut();
        let mut record = |event: Event| config.metrics.record(envoy, event);
        let (mut before, mut crowd) = (0, None);
        envoy.write_pieces(|piece| {
            let reply = session.server(&config.policy, piece, now, &mut record);
            if let Reply::Replace { at, size, crowded } = reply {
                crowd = Some((before + at, size, crowded));
            }
            before += piece.len();
        });
        self.counted.see(&session);
        drop(session);
        if let Some((at, size, crowded)) = crowd {
            self.say_crowded(envoy, length, at..at + size, crowded);
        }
        Status::Continue
    }

    /// Puts the answer of Postgres in the place of the pooler's.
    fn say_crowded(&self, envoy: Network, length: usize, place: Range<usize>, crowded: Crowded) {
        let mut bytes = Vec::with_capacity(length);
        envoy.write_pieces(|piece| bytes.extend_from_slice(piece));
        if bytes.len() != length || place.end > length {
            return;
        }
        bytes.splice(place, crowded.response());
        if !envoy.replace_written(length, &bytes) {
            self.finish(envoy, Close::Now, "howdah_refusal_not_replaced");
        }
    }

    /// Keeps the client waiting, unless clients have been let go in between.
    fn hold(&self, envoy: Network, end: bool) -> Status {
        if end {
            // Half-closed connections stay open behind us, and this one would wait for nothing.
            self.finish(envoy, Close::Now, "howdah_left_while_held");
            return Status::Stop;
        }
        if self.ticket.get().is_some() {
            return Status::Stop;
        }
        let Some(ticket) = WAITING.hold(|| envoy.scheduler()) else {
            self.let_go();
            return Status::Continue;
        };
        self.ticket.set(Some(ticket));
        envoy.raise(self.config.metrics.sessions_held);
        Status::Stop
    }

    fn let_go(&self) {
        let mut session = self.session.borrow_mut();
        session.resume();
        self.counted.see(&session);
        drop(session);
        self.handed_on();
    }

    /// All bytes of the buffer go to the filters behind.
    fn handed_on(&self) {
        if self.answered.get() {
            self.told.set(0);
        }
    }

    /// Clients have been let go.
    pub(super) fn resume(&self, envoy: Network) {
        if self.done.get() || !self.session.borrow().is_held() {
            return;
        }
        self.ticket.set(None);
        envoy.lower(self.config.metrics.sessions_held);
        self.let_go();
        envoy.go_on();
    }

    /// The time for the first packet is up.
    pub(super) fn expire(&self, envoy: Network) {
        if !self.done.get() && self.session.borrow().is_opening() {
            envoy.count(self.config.metrics.expired, 1);
            self.finish(envoy, Close::Now, "howdah_startup_timeout");
        }
    }

    /// The connection is closed: the last moment at which the access log can be told something.
    pub(super) fn closed(&self, envoy: Network) -> Status {
        self.done.set(true);
        if self.ticket.get().is_some() && self.session.borrow().is_held() {
            envoy.lower(self.config.metrics.sessions_held);
        }
        self.leave();
        if self.active.replace(false) {
            envoy.lower(self.config.metrics.sessions_active);
            let summary = *self.session.borrow().summary();
            for (key, value) in [
                ("statements", summary.statements),
                ("transactions", summary.transactions),
                ("rows", summary.rows),
                ("errors", summary.errors),
            ] {
                envoy.note_number(key, value);
            }
            if let Some(code) = summary.last_error {
                envoy.note_text("sqlstate", code.as_str());
            }
        }
        Status::Continue
    }

    /// A hook panicked: nothing of the session is to be trusted any more.
    pub(super) fn give_up(&self, envoy: Network) {
        if !self.done.replace(true) {
            envoy.count(self.config.metrics.panics, 1);
            envoy.log(Level::Error, || {
                "howdah_envoy_filter failed on a connection, which is closed: this is a bug"
                    .to_owned()
            });
            envoy.close(Close::Now, "howdah_panic");
        }
    }

    fn finish(&self, envoy: Network, how: Close, why: &str) {
        self.done.set(true);
        envoy.close(how, why);
    }

    fn leave(&self) {
        if let Some(ticket) = self.ticket.take() {
            WAITING.leave(ticket);
        }
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.leave();
    }
}

/// A name for the access log, whose texts are UTF-8; clients may send anything.
fn readable(name: &CStr) -> String {
    let bytes = name.to_bytes();
    let bytes = bytes.get(..LONGEST_NAME).unwrap_or(bytes);
    String::from_utf8_lossy(bytes).into_owned()
}
