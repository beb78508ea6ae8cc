//! ParameterStatus: the value of a setting that clients want to know.

use std::ffi::CStr;

use super::tag;
use crate::message::Wire;
use crate::read::Reader;
use crate::{Shape, write};

/// The value of a setting, at the start and whenever it changes (54.7, ParameterStatus; 54.2.7).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ParameterStatus<'a> {
    /// Such as `client_encoding`.
    pub name: &'a CStr,
    /// Such as `UTF8`.
    pub value: &'a CStr,
}

impl<'a> Wire<'a> for ParameterStatus<'a> {
    const NAME: &'static str = "ParameterStatus";
    const TAG: u8 = tag::PARAMETER_STATUS;

    fn read(reader: &mut Reader<'a>) -> Result<Self, Shape> {
        Ok(Self {
            name: reader.string()?,
            value: reader.string()?,
        })
    }

    fn write(&self, out: &mut Vec<u8>) {
        write::string(out, self.name);
        write::string(out, self.value);
    }
}
