//! RowDescription: the columns of a result.

use std::ffi::CStr;

use super::tag;
use crate::format::Format;
use crate::list::Item;
use crate::message::Wire;
use crate::read::Reader;
use crate::{List, Shape, write};

/// The columns of the rows that follow (54.7, RowDescription).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RowDescription<'a> {
    /// The columns in order.
    pub columns: List<'a, Column<'a>>,
}

impl<'a> Wire<'a> for RowDescription<'a> {
    const NAME: &'static str = "RowDescription";
    const TAG: u8 = tag::ROW_DESCRIPTION;

    fn read(reader: &mut Reader<'a>) -> Result<Self, Shape> {
        Ok(Self {
            columns: List::counted_u16(reader)?,
        })
    }

    fn write(&self, out: &mut Vec<u8>) {
        self.columns.write_counted(out);
    }
}

/// A column of a result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Column<'a> {
    /// Its name.
    pub name: &'a CStr,
    /// The OID of the table that it is a column of, or 0.
    pub table: u32,
    /// Its number in that table, or 0.
    pub attribute: i16,
    /// The OID of its data type.
    pub data_type: u32,
    /// The size of the type; negative if it varies.
    pub type_size: i16,
    /// What the type was qualified with.
    pub type_modifier: i32,
    /// How values come; text as long as that is not known.
    pub format: Format,
}

impl<'a> Item<'a> for Column<'a> {
    type Kind = Column<'static>;

    fn read(reader: &mut Reader<'a>) -> Result<Self, Shape> {
        Ok(Self {
            name: reader.string()?,
            table: reader.u32()?,
            attribute: reader.i16()?,
            data_type: reader.u32()?,
            type_size: reader.i16()?,
            type_modifier: reader.i32()?,
            format: Format::read(reader)?,
        })
    }

    fn write(&self, out: &mut Vec<u8>) {
        write::string(out, self.name);
        write::u32(out, self.table);
        write::i16(out, self.attribute);
        write::u32(out, self.data_type);
        write::i16(out, self.type_size);
        write::i32(out, self.type_modifier);
        self.format.write(out);
    }
}
