//! Frames: a type byte, a length and that many bytes, read without looking at the body.

mod gather;
mod limits;
mod walker;

pub use gather::Gather;
pub use limits::{Direction, Kind, Limits};
pub use walker::{Piece, Walker};

use crate::Error;
use crate::read::Reader;

/// The start of every message after the startup phase (54.1.1, Messaging Overview).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// Which message it is.
    pub tag: u8,
    /// Bytes after the length word.
    pub body: u32,
}

impl Header {
    /// Bytes of a header: the type and the length word, which counts itself but not the type.
    pub const SIZE: usize = 5;

    /// Takes a header off the front, and does not need the body to be there.
    ///
    /// # Errors
    /// If the direction has no message of this type, or its length is impossible or above the limit.
    pub fn parse<D: Direction>(bytes: &[u8], limits: &Limits<D>) -> Result<Option<Self>, Error> {
        let mut reader = Reader::new(bytes);
        let Ok(tag) = reader.u8() else {
            return Ok(None);
        };
        let Kind { name: message, .. } = D::kind(tag).ok_or(Error::UnknownType {
            direction: D::NAME,
            tag,
        })?;
        let Ok(length) = reader.i32() else {
            return Ok(None);
        };
        let body = length.checked_sub(4).map(u32::try_from);
        let Some(Ok(body)) = body else {
            return Err(Error::TooShort {
                message,
                length,
                minimum: 4,
            });
        };
        let limit = limits.max(tag);
        if body > limit {
            return Err(Error::TooLong {
                message,
                length: body.into(),
                limit,
            });
        }
        Ok(Some(Self { tag, body }))
    }

    /// Bytes of the whole message, header included.
    #[must_use]
    pub const fn size(&self) -> usize {
        (self.body as usize).saturating_add(Self::SIZE)
    }
}

/// A message of which all bytes are there, cut off the front.
pub(crate) fn whole<'a, D: Direction>(
    bytes: &'a [u8],
    limits: &Limits<D>,
) -> Result<Option<(Header, &'a [u8])>, Error> {
    let header = Header::parse(bytes, limits)?;
    Ok(header.and_then(|header| {
        let body = bytes.get(Header::SIZE..header.size())?;
        Some((header, body))
    }))
}

/// Takes a whole untyped packet off the front: a length word and its body (54.7, StartupMessage).
pub(crate) fn packet<'a>(
    message: &'static str,
    bytes: &'a [u8],
    max: u32,
) -> Result<Option<(&'a [u8], usize)>, Error> {
    const MIN_BODY: u32 = 4;
    let mut reader = Reader::new(bytes);
    let Ok(length) = reader.i32() else {
        return Ok(None);
    };
    let body = length.checked_sub(4).map(u32::try_from);
    let body = match body {
        Some(Ok(body)) if body >= MIN_BODY => body,
        _ => {
            return Err(Error::TooShort {
                message,
                length,
                minimum: 8,
            });
        }
    };
    if body > max {
        return Err(Error::TooLong {
            message,
            length: body.into(),
            limit: max,
        });
    }
    let body = reader.bytes(body as usize).ok();
    Ok(body.map(|body| (body, body.len().saturating_add(4))))
}
