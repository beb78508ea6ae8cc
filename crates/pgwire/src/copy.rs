//! CopyData, which both sides send.

use std::fmt;

use crate::Shape;
use crate::message::Wire;
use crate::read::Reader;

/// The type byte of CopyData in both directions (54.7, CopyData).
pub(crate) const COPY_DATA: u8 = b'd';
/// The type byte of CopyDone in both directions (54.7, CopyDone).
pub(crate) const COPY_DONE: u8 = b'c';

/// A piece of a COPY stream (54.7, CopyData). The server sends one row in each; a client cuts where it likes. During
/// replication each holds one message of [`crate::replication`]. `Debug` shows only the size.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct CopyData<'a> {
    /// The bytes of the stream.
    pub data: &'a [u8],
}

impl<'a> Wire<'a> for CopyData<'a> {
    const NAME: &'static str = "CopyData";
    const TAG: u8 = COPY_DATA;

    fn read(reader: &mut Reader<'a>) -> Result<Self, Shape> {
        Ok(Self {
            data: reader.rest(),
        })
    }

    fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self.data);
    }
}

impl fmt::Debug for CopyData<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "CopyData(<{} bytes>)", self.data.len())
    }
}
