//! A sans-IO codec for the PostgreSQL frontend/backend protocol, versions 3.0 and 3.2, in both directions.
//!
//! Every parser of a stream has one shape, `parse(&[u8], &Limits) -> Result<Option<(Message<'_>, usize)>, Error>`: the message
//! borrows from the bytes, the number says how many of them it took, and `None` asks for more. A
//! connection goes through these phases:
//!
//! | phase | what the client sends | what the server sends |
//! |---|---|---|
//! | start | [`startup::parse`], once or more | [`startup::parse_reply`] after a request for encryption |
//! | after the startup message | [`frontend::parse`] | [`backend::parse`] |
//! | inside CopyData of replication | [`replication::standby::parse`] | [`replication::primary::parse`] |
//! | inside CopyData of a base backup | - | [`replication::backup::parse`] |
//!
//! A proxy that passes large bodies on need not hold them: [`frame::Walker`] follows the frames over
//! any split of the stream, and [`frame::Gather`] puts together those messages that are to be read.
//!
//! The crate owns the bytes of messages and nothing else: it keeps no session state, does not know
//! which message is allowed when, performs no authentication and no TLS, and reads neither a socket nor a clock.
//! No input makes it panic. Everything that parses is written back as the same bytes.
//!
//! Section numbers in this crate are those of the manual of PostgreSQL 18.

#![forbid(unsafe_code)]
#![deny(clippy::indexing_slicing, clippy::cast_possible_truncation)]

pub mod backend;
mod copy;
mod error;
pub mod format;
pub mod frame;
pub mod frontend;
pub mod fuzzing;
mod list;
mod message;
mod read;
pub mod replication;
mod secret;
mod sqlstate;
pub mod startup;
mod version;
mod write;

pub use copy::CopyData;
pub use error::{Error, Shape};
pub use frame::{Gather, Header, Limits, Piece, Walker};
pub use list::{Items, List};
pub use message::Body;
pub use secret::{Secret, SecretKey};
pub use sqlstate::{ParseSqlStateError, SqlState};
pub use version::ProtocolVersion;
