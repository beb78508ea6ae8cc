//! The fields of errors and notices.

use std::ffi::CStr;

use crate::list::Item;
use crate::read::Reader;
use crate::{Shape, write};

/// The codes of the fields (54.8, Error and Notice Message Fields). Others may come, and are to be ignored.
pub mod field {
    /// `S`: the severity, translated (54.8).
    pub const SEVERITY_TRANSLATED: u8 = b'S';
    /// `V`: the severity, never translated; since PostgreSQL 9.6 (54.8).
    pub const SEVERITY: u8 = b'V';
    /// `C`: the SQLSTATE (54.8).
    pub const CODE: u8 = b'C';
    /// `M`: the message, for people (54.8).
    pub const MESSAGE: u8 = b'M';
    /// `D`: more about the problem (54.8).
    pub const DETAIL: u8 = b'D';
    /// `H`: what to do about it (54.8).
    pub const HINT: u8 = b'H';
    /// `P`: where in the query text, counted in characters from 1 (54.8).
    pub const POSITION: u8 = b'P';
    /// `p`: where in a query that the server made itself (54.8).
    pub const INTERNAL_POSITION: u8 = b'p';
    /// `q`: that query (54.8).
    pub const INTERNAL_QUERY: u8 = b'q';
    /// `W`: the calls that led there (54.8).
    pub const WHERE: u8 = b'W';
    /// `s`: the schema (54.8).
    pub const SCHEMA: u8 = b's';
    /// `t`: the table (54.8).
    pub const TABLE: u8 = b't';
    /// `c`: the column (54.8).
    pub const COLUMN: u8 = b'c';
    /// `d`: the data type (54.8).
    pub const DATA_TYPE: u8 = b'd';
    /// `n`: the constraint (54.8).
    pub const CONSTRAINT: u8 = b'n';
    /// `F`: the file of the server's source (54.8).
    pub const FILE: u8 = b'F';
    /// `L`: the line in it (54.8).
    pub const LINE: u8 = b'L';
    /// `R`: the routine in it (54.8).
    pub const ROUTINE: u8 = b'R';
}

/// One field of an error or a notice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Field<'a> {
    /// Which field; one of [`field`], and never 0, which ends the list.
    pub code: u8,
    /// What it says.
    pub value: &'a CStr,
}

impl<'a> Item<'a> for Field<'a> {
    type Kind = Field<'static>;

    fn read(reader: &mut Reader<'a>) -> Result<Self, Shape> {
        Ok(Self {
            code: reader.u8()?,
            value: reader.string()?,
        })
    }

    fn write(&self, out: &mut Vec<u8>) {
        write::u8(out, self.code);
        write::string(out, self.value);
    }

    fn is_terminator(&self) -> bool {
        self.code == 0
    }
}
