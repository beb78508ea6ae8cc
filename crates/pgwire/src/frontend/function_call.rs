//! FunctionCall: the old fast path, which libpq still uses for large objects.

use super::tag;
use crate::format::{Format, Value};
use crate::list::Item;
use crate::message::Wire;
use crate::read::Reader;
use crate::{List, Shape, write};

/// Calls a function by its OID (54.7, FunctionCall).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FunctionCall<'a> {
    /// The OID of the function.
    pub function: u32,
    /// None (all text), one for all, or one for each argument.
    pub argument_formats: List<'a, Format>,
    /// The arguments.
    pub arguments: List<'a, Value<'a>>,
    /// How the result is wanted.
    pub result_format: Format,
}

impl<'a> Wire<'a> for FunctionCall<'a> {
    const NAME: &'static str = "FunctionCall";
    const TAG: u8 = tag::FUNCTION_CALL;

    fn read(reader: &mut Reader<'a>) -> Result<Self, Shape> {
        Ok(Self {
            function: reader.u32()?,
            argument_formats: List::counted_u16(reader)?,
            arguments: List::counted_u16(reader)?,
            result_format: Format::read(reader)?,
        })
    }

    fn write(&self, out: &mut Vec<u8>) {
        write::u32(out, self.function);
        self.argument_formats.write_counted(out);
        self.arguments.write_counted(out);
        self.result_format.write(out);
    }
}
