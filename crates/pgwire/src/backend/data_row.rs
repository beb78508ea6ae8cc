//! DataRow: a row of a result.

use super::tag;
use crate::format::Value;
use crate::message::Wire;
use crate::read::Reader;
use crate::{List, Shape};

/// A row of a result (54.7, DataRow).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DataRow<'a> {
    /// A value for each column.
    pub values: List<'a, Value<'a>>,
}

impl<'a> Wire<'a> for DataRow<'a> {
    const NAME: &'static str = "DataRow";
    const TAG: u8 = tag::DATA_ROW;

    fn read(reader: &mut Reader<'a>) -> Result<Self, Shape> {
        Ok(Self {
            values: List::counted_u16(reader)?,
        })
    }

    fn write(&self, out: &mut Vec<u8>) {
        self.values.write_counted(out);
    }
}
