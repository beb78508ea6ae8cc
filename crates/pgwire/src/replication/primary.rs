//! What a primary sends in CopyData: WAL, and signs of life.

use std::fmt;

use super::{flag, parse as parse_body, unknown};
use crate::read::Reader;
use crate::{Error, write};

/// A message of the primary. Positions are bytes of WAL; times are microseconds since 2000-01-01 UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Message<'a> {
    /// A piece of WAL, or of what a logical decoding plugin made of it.
    XLogData(XLogData<'a>),
    /// A sign of life.
    Keepalive(Keepalive),
    /// An answer to a request for the primary's status.
    PrimaryStatus(PrimaryStatus),
}

/// The first bytes of the primary's messages (54.4, START_REPLICATION).
pub mod tag {
    /// 54.4, XLogData.
    pub const X_LOG_DATA: u8 = b'w';
    /// 54.4, Primary keepalive message.
    pub const KEEPALIVE: u8 = b'k';
    /// Primary status update; since PostgreSQL 19, same section.
    pub const PRIMARY_STATUS: u8 = b's';
}

/// A piece of WAL (54.4, XLogData). `Debug` shows only the size.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct XLogData<'a> {
    /// Where the piece starts.
    pub start: u64,
    /// Where the primary's WAL ends.
    pub end: u64,
    /// The primary's time.
    pub sent_at: i64,
    /// The piece.
    pub data: &'a [u8],
}

impl XLogData<'_> {
    /// Bytes before the piece of WAL, the type byte included.
    pub const HEADER: usize = 25;
}

impl fmt::Debug for XLogData<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("XLogData")
            .field("start", &self.start)
            .field("end", &self.end)
            .field("sent_at", &self.sent_at)
            .field("bytes", &self.data.len())
            .finish_non_exhaustive()
    }
}

/// A sign of life (54.4, Primary keepalive message).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Keepalive {
    /// Where the primary's WAL ends.
    pub end: u64,
    /// The primary's time.
    pub sent_at: i64,
    /// Whether the standby must answer at once.
    pub reply_now: bool,
}

/// What a logical standby needs in order to forget dead rows (Primary status update, since PostgreSQL 19).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PrimaryStatus {
    /// Where the primary's WAL ends.
    pub end: u64,
    /// The oldest transaction, with its epoch, that is committing.
    pub oldest_committing: u64,
    /// The next transaction, with its epoch.
    pub next: u64,
    /// The primary's time.
    pub sent_at: i64,
}

/// Reads a whole body of CopyData.
///
/// # Errors
/// If it is not one of these messages.
pub fn parse(body: &[u8]) -> Result<Message<'_>, Error> {
    parse_body(body, "replication message of the primary", |tag, reader| {
        Ok(match tag {
            tag::X_LOG_DATA => Message::XLogData(XLogData {
                start: reader.u64()?,
                end: reader.u64()?,
                sent_at: reader.i64()?,
                data: Reader::rest(reader),
            }),
            tag::KEEPALIVE => Message::Keepalive(Keepalive {
                end: reader.u64()?,
                sent_at: reader.i64()?,
                reply_now: flag(reader)?,
            }),
            tag::PRIMARY_STATUS => Message::PrimaryStatus(PrimaryStatus {
                end: reader.u64()?,
                oldest_committing: reader.u64()?,
                next: reader.u64()?,
                sent_at: reader.i64()?,
            }),
            tag => return Err(unknown(tag)),
        })
    })
}

impl Message<'_> {
    /// Appends the body of a CopyData.
    pub fn encode(&self, out: &mut Vec<u8>) {
        match self {
            Self::XLogData(message) => {
                write::u8(out, tag::X_LOG_DATA);
                write::u64(out, message.start);
                write::u64(out, message.end);
                write::i64(out, message.sent_at);
                out.extend_from_slice(message.data);
            }
            Self::Keepalive(message) => {
                write::u8(out, tag::KEEPALIVE);
                write::u64(out, message.end);
                write::i64(out, message.sent_at);
                write::u8(out, message.reply_now.into());
            }
            Self::PrimaryStatus(message) => {
                write::u8(out, tag::PRIMARY_STATUS);
                write::u64(out, message.end);
                write::u64(out, message.oldest_committing);
                write::u64(out, message.next);
                write::i64(out, message.sent_at);
            }
        }
    }
}
