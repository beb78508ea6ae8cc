//! How a value is represented: as text or in binary (54.1.3, Formats and Format Codes).

use crate::list::Item;
use crate::read::Reader;
use crate::{Shape, write};

/// A format code. Codes other than [`Format::TEXT`] and [`Format::BINARY`] are kept: whether they mean
/// something is for the server to say.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Format(pub i16);

impl Format {
    /// What the type's output function prints (54.1.3).
    pub const TEXT: Self = Self(0);
    /// What the type's send function writes (54.1.3).
    pub const BINARY: Self = Self(1);
}

impl Item<'_> for Format {
    type Kind = Self;

    fn read(reader: &mut Reader<'_>) -> Result<Self, Shape> {
        reader.i16().map(Self)
    }

    fn write(&self, out: &mut Vec<u8>) {
        write::i16(out, self.0);
    }
}

/// A parameter, an argument or the value of a column, which may be NULL. `Debug` shows only its size.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Value<'a>(pub Option<&'a [u8]>);

impl std::fmt::Debug for Value<'_> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0 {
            None => formatter.write_str("NULL"),
            Some(bytes) => write!(formatter, "<{} bytes>", bytes.len()),
        }
    }
}

impl<'a> Item<'a> for Value<'a> {
    type Kind = Value<'static>;

    fn read(reader: &mut Reader<'a>) -> Result<Self, Shape> {
        reader.nullable().map(Self)
    }

    fn write(&self, out: &mut Vec<u8>) {
        write::nullable(out, self.0);
    }
}

impl Item<'_> for u32 {
    type Kind = Self;

    fn read(reader: &mut Reader<'_>) -> Result<Self, Shape> {
        reader.u32()
    }

    fn write(&self, out: &mut Vec<u8>) {
        write::u32(out, *self);
    }
}

impl<'a> Item<'a> for &'a std::ffi::CStr {
    type Kind = &'static std::ffi::CStr;

    fn read(reader: &mut Reader<'a>) -> Result<Self, Shape> {
        reader.string()
    }

    fn write(&self, out: &mut Vec<u8>) {
        write::string(out, self);
    }

    fn is_terminator(&self) -> bool {
        self.is_empty()
    }
}
