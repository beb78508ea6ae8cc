//! What CopyData holds during replication and base backups (54.4, Streaming Replication Protocol).
//!
//! A body of CopyData holds exactly one of these messages, so the parsers here take a whole body.

pub mod backup;
pub mod primary;
pub mod standby;

use crate::read::Reader;
use crate::{Error, Shape};

/// The bit that asks for an answer at once.
fn flag(reader: &mut Reader<'_>) -> Result<bool, Shape> {
    match reader.u8()? {
        0 => Ok(false),
        1 => Ok(true),
        code => Err(Shape::UnknownCode {
            what: "reply flag",
            code: code.into(),
        }),
    }
}

/// Reads the type byte and then the fields, and checks that nothing follows.
fn parse<'a, T>(
    body: &'a [u8],
    name: &'static str,
    fields: impl FnOnce(u8, &mut Reader<'a>) -> Result<T, Shape>,
) -> Result<T, Error> {
    let mut reader = Reader::new(body);
    reader
        .u8()
        .and_then(|tag| fields(tag, &mut reader))
        .and_then(|message| reader.finish().map(|()| message))
        .map_err(|shape| crate::message::malformed(name, shape))
}

fn unknown(tag: u8) -> Shape {
    Shape::UnknownCode {
        what: "type of replication message",
        code: tag.into(),
    }
}
