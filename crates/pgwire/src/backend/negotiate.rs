//! NegotiateProtocolVersion: less than the client asked for.

use std::ffi::CStr;

use super::tag;
use crate::message::Wire;
use crate::read::Reader;
use crate::{List, ProtocolVersion, Shape, write};

/// The server goes on, but with an older minor version or without some extensions (54.7, NegotiateProtocolVersion).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NegotiateProtocolVersion<'a> {
    /// The newest that the server speaks. The manual calls it a minor version; servers send both halves.
    pub newest: ProtocolVersion,
    /// The names of parameters of the startup message, starting with `_pq_.`, that the server does not know.
    pub unrecognized: List<'a, &'a CStr>,
}

impl<'a> Wire<'a> for NegotiateProtocolVersion<'a> {
    const NAME: &'static str = "NegotiateProtocolVersion";
    const TAG: u8 = tag::NEGOTIATE_PROTOCOL_VERSION;

    fn read(reader: &mut Reader<'a>) -> Result<Self, Shape> {
        let newest = ProtocolVersion::from_code(reader.u32()?);
        let count = reader.i32()?;
        let count = usize::try_from(count).map_err(|_negative| Shape::NegativeCount(count))?;
        Ok(Self {
            newest,
            unrecognized: List::counted(reader, count)?,
        })
    }

    fn write(&self, out: &mut Vec<u8>) {
        write::u32(out, self.newest.code());
        write::i32(
            out,
            i32::try_from(self.unrecognized.len()).unwrap_or(i32::MAX),
        );
        out.extend_from_slice(self.unrecognized.as_bytes());
    }
}
