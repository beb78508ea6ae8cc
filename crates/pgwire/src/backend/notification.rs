//! NotificationResponse: somebody notified a channel.

use std::ffi::CStr;

use super::tag;
use crate::message::Wire;
use crate::read::Reader;
use crate::{Shape, write};

/// Somebody notified a channel on which the client listens (54.7, NotificationResponse).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotificationResponse<'a> {
    /// The server process of who notified.
    pub process_id: u32,
    /// The channel.
    pub channel: &'a CStr,
    /// What was said; may be empty.
    pub payload: &'a CStr,
}

impl<'a> Wire<'a> for NotificationResponse<'a> {
    const NAME: &'static str = "NotificationResponse";
    const TAG: u8 = tag::NOTIFICATION_RESPONSE;

    fn read(reader: &mut Reader<'a>) -> Result<Self, Shape> {
        Ok(Self {
            process_id: reader.u32()?,
            channel: reader.string()?,
            payload: reader.string()?,
        })
    }

    fn write(&self, out: &mut Vec<u8>) {
        write::u32(out, self.process_id);
        write::string(out, self.channel);
        write::string(out, self.payload);
    }
}
