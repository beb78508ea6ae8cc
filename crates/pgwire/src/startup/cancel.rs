//! CancelRequest: stop the query of another connection.

use crate::read::Reader;
use crate::startup::code;
use crate::{Error, SecretKey, Shape, write};

/// A request to cancel, which names the connection by what its BackendKeyData said (54.7, CancelRequest).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CancelRequest<'a> {
    /// The server process.
    pub process_id: u32,
    /// The proof that the client knows that connection.
    pub key: SecretKey<'a>,
}

impl<'a> CancelRequest<'a> {
    pub(super) const NAME: &'static str = "CancelRequest";

    /// Appends the packet.
    ///
    /// # Errors
    /// None in practice: a key is never larger than a packet can be.
    pub fn encode(&self, out: &mut Vec<u8>) -> Result<(), Error> {
        write::frame(Self::NAME, None, out, |out| {
            write::u32(out, code::CANCEL);
            write::u32(out, self.process_id);
            out.extend_from_slice(self.key.expose());
        })
    }

    pub(super) fn read(mut reader: Reader<'a>) -> Result<Self, Shape> {
        Ok(Self {
            process_id: reader.u32()?,
            key: SecretKey::new(reader.rest())?,
        })
    }
}
