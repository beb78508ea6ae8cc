//! CopyInResponse, CopyOutResponse and CopyBothResponse: a COPY stream begins.

use super::tag;
use crate::format::Format;
use crate::message::Wire;
use crate::read::Reader;
use crate::{List, Shape, write};

/// How the stream is represented.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CopyFormats<'a> {
    /// 0 for text, lines and separators; 1 for binary (54.7, CopyInResponse).
    pub overall: i8,
    /// The format of each column.
    pub columns: List<'a, Format>,
}

impl<'a> CopyFormats<'a> {
    fn read(reader: &mut Reader<'a>) -> Result<Self, Shape> {
        Ok(Self {
            overall: i8::from_be_bytes(reader.array()?),
            columns: List::counted_u16(reader)?,
        })
    }

    fn write(&self, out: &mut Vec<u8>) {
        let [overall] = self.overall.to_be_bytes();
        write::u8(out, overall);
        self.columns.write_counted(out);
    }
}

/// The client is to send a COPY stream (54.7, CopyInResponse).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CopyInResponse<'a> {
    /// How it is represented.
    pub formats: CopyFormats<'a>,
}

/// The server sends a COPY stream (54.7, CopyOutResponse).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CopyOutResponse<'a> {
    /// How it is represented.
    pub formats: CopyFormats<'a>,
}

/// Both sides send COPY streams: streaming replication (54.7, CopyBothResponse).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CopyBothResponse<'a> {
    /// How they are represented.
    pub formats: CopyFormats<'a>,
}

macro_rules! copy_response {
    ($name:ident, $tag:path) => {
        impl<'a> Wire<'a> for $name<'a> {
            const NAME: &'static str = stringify!($name);
            const TAG: u8 = $tag;

            fn read(reader: &mut Reader<'a>) -> Result<Self, Shape> {
                CopyFormats::read(reader).map(|formats| Self { formats })
            }

            fn write(&self, out: &mut Vec<u8>) {
                self.formats.write(out);
            }
        }
    };
}

copy_response!(CopyInResponse, tag::COPY_IN_RESPONSE);
copy_response!(CopyOutResponse, tag::COPY_OUT_RESPONSE);
copy_response!(CopyBothResponse, tag::COPY_BOTH_RESPONSE);
