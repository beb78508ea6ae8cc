//! BackendKeyData: how to cancel a query of this connection.

use super::tag;
use crate::message::Wire;
use crate::read::Reader;
use crate::{SecretKey, Shape, write};

/// What a CancelRequest for this connection must say (54.7, BackendKeyData).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BackendKeyData<'a> {
    /// The server process.
    pub process_id: u32,
    /// The secret; four bytes unless protocol 3.2 was agreed on.
    pub key: SecretKey<'a>,
}

impl<'a> Wire<'a> for BackendKeyData<'a> {
    const NAME: &'static str = "BackendKeyData";
    const TAG: u8 = tag::BACKEND_KEY_DATA;

    fn read(reader: &mut Reader<'a>) -> Result<Self, Shape> {
        Ok(Self {
            process_id: reader.u32()?,
            key: SecretKey::new(reader.rest())?,
        })
    }

    fn write(&self, out: &mut Vec<u8>) {
        write::u32(out, self.process_id);
        out.extend_from_slice(self.key.expose());
    }
}
