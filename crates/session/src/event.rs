//! What there is to count and to measure on a connection.

mod class;
mod kind;

use howdah_pgwire::SqlState;

pub use class::ErrorClass;
pub use kind::StatementKind;

/// Something that happened on a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// The server let the client in and waits for a command.
    Ready {
        /// From the startup message on, authentication included.
        micros: u64,
    },
    /// The server says that a statement is done. Statements that failed are errors instead.
    Statement {
        /// What it did.
        kind: StatementKind,
        /// How many rows it returned or touched.
        rows: u64,
    },
    /// The server has answered everything up to a ReadyForQuery.
    Answered {
        /// From the client's first message of the exchange on; the time in which the client was held counts.
        micros: u64,
    },
    /// The server says that something failed.
    Error {
        /// The first two characters of the SQLSTATE.
        class: ErrorClass,
        /// The SQLSTATE, unless the server sent none.
        code: Option<SqlState>,
    },
    /// A transaction is over, also one of a single statement without BEGIN. Several in the text of one
    /// query count as one: the server does not say where they end.
    Transaction {
        /// How.
        end: End,
        /// From the client's first message of the transaction on.
        micros: u64,
    },
    /// A frame cannot be: whatever follows is passed on unread.
    Opaque,
}

/// How a transaction ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// What it did is kept.
    Commit,
    /// What it did is undone.
    Rollback,
}

impl End {
    /// Both ends.
    pub const ALL: [Self; 2] = [Self::Commit, Self::Rollback];

    /// The name in metrics.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Commit => "commit",
            Self::Rollback => "rollback",
        }
    }

    /// Where it is in [`Self::ALL`].
    #[must_use]
    pub const fn index(self) -> usize {
        self as usize
    }
}

/// Takes events as they happen.
pub trait Record {
    /// Takes one.
    fn record(&mut self, event: Event);
}

impl<F: FnMut(Event)> Record for F {
    fn record(&mut self, event: Event) {
        self(event);
    }
}
