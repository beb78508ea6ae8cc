//! What a standby sends in CopyData: how far it is, and what it still needs.

use super::{flag, parse as parse_body, unknown};
use crate::{Error, write};

/// A message of the standby. Positions are bytes of WAL; times are microseconds since 2000-01-01 UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Message {
    /// How far the standby is.
    StatusUpdate(StatusUpdate),
    /// Which rows its queries still need.
    HotStandbyFeedback(HotStandbyFeedback),
    /// A request for the primary's status.
    PrimaryStatusRequest {
        /// The standby's time.
        sent_at: i64,
    },
}

/// The first bytes of the standby's messages (54.4, START_REPLICATION).
pub mod tag {
    /// 54.4, Standby status update.
    pub const STATUS_UPDATE: u8 = b'r';
    /// 54.4, Hot standby feedback message.
    pub const HOT_STANDBY_FEEDBACK: u8 = b'h';
    /// Primary status request; since PostgreSQL 19, same section.
    pub const PRIMARY_STATUS_REQUEST: u8 = b'p';
}

/// How far the standby is; each position is that of the last byte, plus 1 (54.4, Standby status update).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StatusUpdate {
    /// What it has written.
    pub written: u64,
    /// What it has flushed to disk.
    pub flushed: u64,
    /// What it has applied.
    pub applied: u64,
    /// The standby's time.
    pub sent_at: i64,
    /// Whether the primary must answer at once.
    pub reply_now: bool,
}

/// Which rows the standby's queries still need (54.4, Hot standby feedback message).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HotStandbyFeedback {
    /// The standby's time.
    pub sent_at: i64,
    /// The oldest transaction that its queries see; 0 for none.
    pub xmin: u32,
    /// That transaction's epoch.
    pub xmin_epoch: u32,
    /// The oldest transaction that its slots need the catalogue for; 0 for none.
    pub catalog_xmin: u32,
    /// That transaction's epoch.
    pub catalog_xmin_epoch: u32,
}

/// Reads a whole body of CopyData.
///
/// # Errors
/// If it is not one of these messages.
pub fn parse(body: &[u8]) -> Result<Message, Error> {
    parse_body(body, "replication message of the standby", |tag, reader| {
        Ok(match tag {
            tag::STATUS_UPDATE => Message::StatusUpdate(StatusUpdate {
                written: reader.u64()?,
                flushed: reader.u64()?,
                applied: reader.u64()?,
                sent_at: reader.i64()?,
                reply_now: flag(reader)?,
            }),
            tag::HOT_STANDBY_FEEDBACK => Message::HotStandbyFeedback(HotStandbyFeedback {
                sent_at: reader.i64()?,
                xmin: reader.u32()?,
                xmin_epoch: reader.u32()?,
                catalog_xmin: reader.u32()?,
                catalog_xmin_epoch: reader.u32()?,
            }),
            tag::PRIMARY_STATUS_REQUEST => Message::PrimaryStatusRequest {
                sent_at: reader.i64()?,
            },
            tag => return Err(unknown(tag)),
        })
    })
}

impl Message {
    /// Appends the body of a CopyData.
    pub fn encode(&self, out: &mut Vec<u8>) {
        match self {
            Self::StatusUpdate(message) => {
                write::u8(out, tag::STATUS_UPDATE);
                write::u64(out, message.written);
                write::u64(out, message.flushed);
                write::u64(out, message.applied);
                write::i64(out, message.sent_at);
                write::u8(out, message.reply_now.into());
            }
            Self::HotStandbyFeedback(message) => {
                write::u8(out, tag::HOT_STANDBY_FEEDBACK);
                write::i64(out, message.sent_at);
                write::u32(out, message.xmin);
                write::u32(out, message.xmin_epoch);
                write::u32(out, message.catalog_xmin);
                write::u32(out, message.catalog_xmin_epoch);
            }
            Self::PrimaryStatusRequest { sent_at } => {
                write::u8(out, tag::PRIMARY_STATUS_REQUEST);
                write::i64(out, *sent_at);
            }
        }
    }
}
