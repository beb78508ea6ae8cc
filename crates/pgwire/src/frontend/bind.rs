//! Bind: parameters for a prepared statement.

use std::ffi::CStr;

use super::tag;
use crate::format::{Format, Value};
use crate::message::Wire;
use crate::read::Reader;
use crate::{List, Shape, write};

/// Makes a portal of a prepared statement and its parameters (54.7, Bind).
///
/// Whether the counts fit each other and the statement is for the server to say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bind<'a> {
    /// The portal to make; empty for the unnamed one.
    pub portal: &'a CStr,
    /// The prepared statement; empty for the unnamed one.
    pub statement: &'a CStr,
    /// None (all text), one for all, or one for each parameter.
    pub parameter_formats: List<'a, Format>,
    /// The parameters.
    pub parameters: List<'a, Value<'a>>,
    /// None (all text), one for all, or one for each column of the result.
    pub result_formats: List<'a, Format>,
}

impl<'a> Wire<'a> for Bind<'a> {
    const NAME: &'static str = "Bind";
    const TAG: u8 = tag::BIND;

    fn read(reader: &mut Reader<'a>) -> Result<Self, Shape> {
        Ok(Self {
            portal: reader.string()?,
            statement: reader.string()?,
            parameter_formats: List::counted_u16(reader)?,
            parameters: List::counted_u16(reader)?,
            result_formats: List::counted_u16(reader)?,
        })
    }

    fn write(&self, out: &mut Vec<u8>) {
        write::string(out, self.portal);
        write::string(out, self.statement);
        self.parameter_formats.write_counted(out);
        self.parameters.write_counted(out);
        self.result_formats.write_counted(out);
    }
}
