//! FunctionCallResponse: what a function returned.

use super::tag;
use crate::Shape;
use crate::format::Value;
use crate::list::Item;
use crate::message::Wire;
use crate::read::Reader;

/// What a function returned (54.7, FunctionCallResponse).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FunctionCallResponse<'a> {
    /// The result.
    pub value: Value<'a>,
}

impl<'a> Wire<'a> for FunctionCallResponse<'a> {
    const NAME: &'static str = "FunctionCallResponse";
    const TAG: u8 = tag::FUNCTION_CALL_RESPONSE;

    fn read(reader: &mut Reader<'a>) -> Result<Self, Shape> {
        Value::read(reader).map(|value| Self { value })
    }

    fn write(&self, out: &mut Vec<u8>) {
        self.value.write(out);
    }
}
