//! Parse: make a prepared statement.

use std::ffi::CStr;

use super::tag;
use crate::message::Wire;
use crate::read::Reader;
use crate::{List, Shape, write};

/// Makes a prepared statement (54.7, Parse).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Parse<'a> {
    /// The statement to make; empty for the unnamed one.
    pub statement: &'a CStr,
    /// One SQL command.
    pub query: &'a CStr,
    /// OIDs of parameter types, as many as the client likes to say; 0 leaves one open.
    pub parameter_types: List<'a, u32>,
}

impl<'a> Wire<'a> for Parse<'a> {
    const NAME: &'static str = "Parse";
    const TAG: u8 = tag::PARSE;

    fn read(reader: &mut Reader<'a>) -> Result<Self, Shape> {
        Ok(Self {
            statement: reader.string()?,
            query: reader.string()?,
            parameter_types: List::counted_u16(reader)?,
        })
    }

    fn write(&self, out: &mut Vec<u8>) {
        write::string(out, self.statement);
        write::string(out, self.query);
        self.parameter_types.write_counted(out);
    }
}
