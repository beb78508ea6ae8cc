//! What a server sends in CopyData during BASE_BACKUP, since PostgreSQL 15; before that it sent bare archives.

use std::ffi::CStr;
use std::fmt;

use super::{parse as parse_body, unknown};
use crate::{Error, write};

/// A message of a base backup (54.4, BASE_BACKUP). `Debug` shows only the size of data.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Message<'a> {
    /// A tar archive begins.
    NewArchive {
        /// The archive's file name.
        name: &'a CStr,
        /// The directory of its tablespace; empty for the main data directory.
        path: &'a CStr,
    },
    /// The backup manifest begins.
    Manifest,
    /// Bytes of the archive or the manifest.
    Data(&'a [u8]),
    /// How far the current tablespace is.
    Progress {
        /// Bytes that are done; less than nothing is possible on the wire.
        done: i64,
    },
}

/// The first bytes of a backup's messages (54.4, BASE_BACKUP).
pub mod tag {
    /// 54.4, new archive.
    pub const NEW_ARCHIVE: u8 = b'n';
    /// 54.4, manifest.
    pub const MANIFEST: u8 = b'm';
    /// 54.4, archive or manifest data.
    pub const DATA: u8 = b'd';
    /// 54.4, progress report.
    pub const PROGRESS: u8 = b'p';
}

/// Reads a whole body of CopyData.
///
/// # Errors
/// If it is not one of these messages.
pub fn parse(body: &[u8]) -> Result<Message<'_>, Error> {
    parse_body(body, "message of a base backup", |tag, reader| {
        Ok(match tag {
            tag::NEW_ARCHIVE => Message::NewArchive {
                name: reader.string()?,
                path: reader.string()?,
            },
            tag::MANIFEST => Message::Manifest,
            tag::DATA => Message::Data(reader.rest()),
            tag::PROGRESS => Message::Progress {
                done: reader.i64()?,
            },
            tag => return Err(unknown(tag)),
        })
    })
}

impl Message<'_> {
    /// Appends the body of a CopyData.
    pub fn encode(&self, out: &mut Vec<u8>) {
        match self {
            Self::NewArchive { name, path } => {
                write::u8(out, tag::NEW_ARCHIVE);
                write::string(out, name);
                write::string(out, path);
            }
            Self::Manifest => write::u8(out, tag::MANIFEST),
            Self::Data(data) => {
                write::u8(out, tag::DATA);
                out.extend_from_slice(data);
            }
            Self::Progress { done } => {
                write::u8(out, tag::PROGRESS);
                write::i64(out, *done);
            }
        }
    }
}

impl fmt::Debug for Message<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NewArchive { name, path } => write!(formatter, "NewArchive({name:?}, {path:?})"),
            Self::Manifest => formatter.write_str("Manifest"),
            Self::Data(data) => write!(formatter, "Data(<{} bytes>)", data.len()),
            Self::Progress { done } => write!(formatter, "Progress({done})"),
        }
    }
}
