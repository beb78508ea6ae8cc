//! What a proxy between Postgres clients and servers knows and decides about one connection.
//!
//! A [`Session`] is told every byte that passes, in both directions, and changes none of them. It says what to do
//! with the client's first packet, when the client may be kept waiting, and what there is to count. One message of a
//! server it wants replaced: a pooler's refusal of one client too many, see [`Crowded`].
//!
//! | phase | how it begins | what the session does |
//! |---|---|---|
//! | greeting | the client connects | [`Greeting::look`] answers requests for encryption |
//! | opening | the first packet | [`Session::open`] looks at the first packet: a session, a cancel request, encryption where there is none, or a reason to refuse |
//! | authenticating | the startup message is passed on | passes; authentication is between client and server; [`Reply::Replace`] gives a pooler's refusal its code |
//! | running | the first ReadyForQuery | counts and measures; [`Session::client`] may hold the client between transactions |
//! | opaque | a frame that cannot be, or a cancel request | passes, and counts nothing any more |
//!
//! Time is an argument, in microseconds of any clock that does not go back. Nothing is allocated and no payload is
//! kept, so a connection takes the same few hundred bytes all its life. No input makes the crate panic.
//!
//! Not here: Envoy, sockets, TLS, authentication, SQL text. Sections are those of the manual of PostgreSQL 18.

#![forbid(unsafe_code)]
#![deny(clippy::indexing_slicing, clippy::cast_possible_truncation)]

mod crowded;
mod event;
mod flight;
pub mod fuzzing;
mod greeting;
mod head;
mod opening;
mod report;
mod session;
mod summary;

pub use crowded::Crowded;
pub use event::{End, ErrorClass, Event, Record, StatementKind};
pub use greeting::{Answer, Greeting};
pub use opening::{Opening, Policy, Refusal};
pub use session::{Flow, Micros, Reply, Session};
pub use summary::Summary;
