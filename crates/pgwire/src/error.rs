//! Why bytes are not the message that they claim to be, and what that means for the connection.

use crate::{ProtocolVersion, SqlState};

/// Why bytes were refused, or why a message cannot be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// No message of this direction starts with this byte.
    #[error("unknown {direction} message type {tag:#04x}")]
    UnknownType {
        /// Who sent it: `frontend` or `backend`.
        direction: &'static str,
        /// The first byte.
        tag: u8,
    },
    /// A startup-phase packet of a protocol that is neither 3.x nor a known request code.
    #[error("unsupported protocol version {0}")]
    UnsupportedVersion(ProtocolVersion),
    /// The answer to a request for encryption is none of the defined bytes.
    #[error("unknown answer {0:#04x} to a request for encryption")]
    UnknownReply(u8),
    /// The length word says less than what is always there.
    #[error("{message}: length {length} is below the minimum of {minimum}")]
    TooShort {
        /// Which message.
        message: &'static str,
        /// The length word as sent; it counts its own four bytes.
        length: i32,
        /// The least that would be right.
        minimum: i32,
    },
    /// The body is larger than the caller permits, or than the protocol can say.
    #[error("{message}: a body of {length} bytes is above the limit of {limit}")]
    TooLong {
        /// Which message.
        message: &'static str,
        /// Bytes after the length word.
        length: u64,
        /// The most that is permitted.
        limit: u32,
    },
    /// A list holds more items than the caller permits, or than the protocol can say.
    #[error("{message}: more than {limit} items")]
    TooMany {
        /// Which message or list.
        message: &'static str,
        /// The most that is permitted.
        limit: usize,
    },
    /// The length was right but the body is not of the message's form.
    #[error("malformed {message}")]
    Malformed {
        /// Which message.
        message: &'static str,
        /// What is wrong with it.
        #[source]
        shape: Shape,
    },
}

/// What is wrong with the form of a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Shape {
    /// The body ends inside a field.
    #[error("the body ends inside a field")]
    Truncated,
    /// A string does not end.
    #[error("a string has no terminating zero byte")]
    Unterminated,
    /// Bytes follow the last field.
    #[error("{0} bytes follow the last field")]
    Trailing(usize),
    /// A length is negative and does not mean NULL.
    #[error("a length of {0} is neither a size nor NULL")]
    NegativeLength(i32),
    /// A count is negative.
    #[error("a count of {0} is negative")]
    NegativeCount(i32),
    /// A code has no meaning in its field.
    #[error("{code} is not a known {what}")]
    UnknownCode {
        /// Which field.
        what: &'static str,
        /// What it held.
        code: u32,
    },
    /// A key for cancel requests is shorter or longer than the protocol permits.
    #[error("a secret key of {0} bytes is not between 4 and 256")]
    KeyLength(usize),
    /// An item of a list that a zero byte ends would itself start with a zero byte.
    #[error("an item of the list is empty")]
    EmptyItem,
}

impl Error {
    /// Whether the receiver no longer knows where the next message starts.
    ///
    /// A malformed body leaves the frame intact, so a server can answer with an error and read on; after
    /// the others only closing the connection, or passing its bytes on unread, is sensible.
    #[must_use]
    pub fn loses_sync(&self) -> bool {
        !matches!(self, Self::Malformed { .. } | Self::TooMany { .. })
    }

    /// What a server tells its client.
    #[must_use]
    pub fn sqlstate(&self) -> SqlState {
        match self {
            Self::UnsupportedVersion(_) => SqlState::FEATURE_NOT_SUPPORTED,
            Self::TooMany { .. } => SqlState::PROGRAM_LIMIT_EXCEEDED,
            _ => SqlState::PROTOCOL_VIOLATION,
        }
    }
}
