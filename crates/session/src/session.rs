//! One connection: its phase, and what is known of the exchange that is under way.

mod client;
mod server;
#[cfg(test)]
mod tests;

use howdah_pgwire::Walker;
use howdah_pgwire::backend::{Backend, TransactionStatus};
use howdah_pgwire::frontend::Frontend;
use howdah_pgwire::startup::Replication;

use crate::flight::Flight;
use crate::head::Head;
use crate::{Answer, Crowded, End, Event, Greeting, Opening, Policy, Record, Summary, opening};

/// Microseconds of a clock that does not go back, counted from any moment.
pub type Micros = u64;

/// What to do with the client's bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Flow {
    /// Hand them to the server.
    Pass,
    /// Keep them, and those that follow, until the session is resumed.
    Hold,
}

/// What to do with the server's bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Reply {
    /// Hand them to the client.
    Pass,
    /// Hand the client [`Crowded::response`] in the place of some of them, and the others as they are.
    Replace {
        /// Where the message begins that is not handed on.
        at: usize,
        /// How many bytes it has.
        size: usize,
        /// What it says.
        crowded: Crowded,
    },
}

/// What a proxy knows of one connection.
#[derive(Clone, Debug)]
pub struct Session {
    tls: bool,
    greeting: Greeting,
    phase: Phase,
    replication: bool,
    frontend: Walker<Frontend>,
    backend: Walker<Backend>,
    head: Head,
    flight: Flight,
    /// The client has sent extended-query messages and no Sync after them.
    unsynced: bool,
    copy: Copy,
    status: TransactionStatus,
    exchange: Exchange,
    transaction_began: Option<Micros>,
    held: Option<Held>,
    summary: Summary,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Opening,
    Authenticating { since: Micros },
    Running,
    Opaque,
}

/// Which COPY stream is under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Copy {
    None,
    In,
    Out,
    Both,
}

/// The server's answers since the last ReadyForQuery.
#[derive(Clone, Copy, Debug, Default)]
struct Exchange {
    began: Micros,
    worked: bool,
    failed: bool,
    ended: Option<End>,
}

/// What a held client has sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Held {
    Nothing,
    /// It only says good-bye, which may pass.
    Farewell,
    Work,
}

impl Session {
    /// A connection on which nothing has passed yet.
    #[must_use]
    pub const fn new(tls: bool) -> Self {
        Self {
            tls,
            greeting: Greeting::NEW,
            phase: Phase::Opening,
            replication: false,
            frontend: Walker::new(),
            backend: Walker::new(),
            head: Head::EMPTY,
            flight: Flight::EMPTY,
            unsynced: false,
            copy: Copy::None,
            status: TransactionStatus::Idle,
            exchange: Exchange::NONE,
            transaction_began: None,
            held: None,
            summary: Summary::NONE,
        }
    }

    /// Looks at the client's first packet, in all bytes that have come so far.
    ///
    /// A session that comes while clients are to be held is held from the start; see [`Self::is_held`].
    pub fn open<'a>(
        &mut self,
        policy: &Policy,
        bytes: &'a [u8],
        hold: bool,
        now: Micros,
    ) -> Opening<'a> {
        // Where nobody in front has answered them, requests for encryption arrive here, too late for a yes.
        if !self.tls && self.greeting.look(bytes, false) == Answer::No {
            return Opening::Decline;
        }
        let opening = opening::open(policy, self.tls, bytes);
        match &opening {
            Opening::Startup(startup, _) => {
                // A value that the server will refuse is treated as replication: it is not held.
                self.replication = startup.replication() != Some(Replication::None);
                self.phase = Phase::Authenticating { since: now };
                self.held = (hold && !self.replication).then_some(Held::Work);
            }
            Opening::Cancel => self.phase = Phase::Opaque,
            Opening::More | Opening::Decline | Opening::Farewell | Opening::Refuse(_) => {}
        }
        opening
    }

    /// Whether the first packet is still to come.
    #[must_use]
    pub fn is_opening(&self) -> bool {
        self.phase == Phase::Opening
    }

    /// Whether the client is kept waiting.
    #[must_use]
    pub const fn is_held(&self) -> bool {
        self.held.is_some()
    }

    /// Whether bytes pass unread.
    #[must_use]
    pub fn is_opaque(&self) -> bool {
        self.phase == Phase::Opaque
    }

    /// Whether the client is never held: bytes pass unread, or it is a replica or reads the WAL.
    #[must_use]
    pub fn is_apart(&self) -> bool {
        self.is_opaque() || self.replication
    }

    /// Lets a held client go on; all bytes kept so far are to be handed to the server.
    pub fn resume(&mut self) {
        self.held = None;
    }

    /// Whether nothing would be torn apart if the client waited: no transaction is open, and
    /// both sides are between messages with every answer given.
    #[must_use]
    pub fn is_at_rest(&self) -> bool {
        self.phase == Phase::Running
            && !self.replication
            && self.status == TransactionStatus::Idle
            && self.flight.is_empty()
            && !self.unsynced
            && self.copy == Copy::None
            && self.frontend.is_between_messages()
            && self.backend.is_between_messages()
    }

    /// Sums over the whole connection.
    #[must_use]
    pub const fn summary(&self) -> &Summary {
        &self.summary
    }

    fn emit(&mut self, event: Event, record: &mut impl Record) {
        self.summary.add(event);
        record.record(event);
    }

    fn lose(&mut self, record: &mut impl Record) {
        self.phase = Phase::Opaque;
        self.emit(Event::Opaque, record);
    }
}

impl Exchange {
    const NONE: Self = Self {
        began: 0,
        worked: false,
        failed: false,
        ended: None,
    };
}
