//! CopyFail: the client cannot go on with its COPY stream.

use std::ffi::CStr;

use super::tag;
use crate::message::Wire;
use crate::read::Reader;
use crate::{Shape, write};

/// Makes the COPY fail with this text (54.7, CopyFail).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CopyFail<'a> {
    /// Why.
    pub reason: &'a CStr,
}

impl<'a> Wire<'a> for CopyFail<'a> {
    const NAME: &'static str = "CopyFail";
    const TAG: u8 = tag::COPY_FAIL;

    fn read(reader: &mut Reader<'a>) -> Result<Self, Shape> {
        Ok(Self {
            reason: reader.string()?,
        })
    }

    fn write(&self, out: &mut Vec<u8>) {
        write::string(out, self.reason);
    }
}
