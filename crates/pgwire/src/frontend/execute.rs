//! Execute: run a portal.

use std::ffi::CStr;

use super::tag;
use crate::message::Wire;
use crate::read::Reader;
use crate::{Shape, write};

/// Runs a portal (54.7, Execute).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Execute<'a> {
    /// The portal; empty for the unnamed one.
    pub portal: &'a CStr,
    /// The most rows to return before PortalSuspended; 0, and what is below, means all.
    pub max_rows: i32,
}

impl<'a> Wire<'a> for Execute<'a> {
    const NAME: &'static str = "Execute";
    const TAG: u8 = tag::EXECUTE;

    fn read(reader: &mut Reader<'a>) -> Result<Self, Shape> {
        Ok(Self {
            portal: reader.string()?,
            max_rows: reader.i32()?,
        })
    }

    fn write(&self, out: &mut Vec<u8>) {
        write::string(out, self.portal);
        write::i32(out, self.max_rows);
    }
}
