//! CommandComplete: what a command did.

use std::ffi::CStr;

use super::tag;
use crate::message::Wire;
use crate::read::Reader;
use crate::{Shape, write};

/// A command is done (54.7, CommandComplete).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CommandComplete<'a> {
    /// Such as `SELECT 3`, `INSERT 0 1`, `COMMIT`.
    pub tag: &'a CStr,
}

impl<'a> CommandComplete<'a> {
    /// The number at the end of the tag: how many rows the command touched or returned.
    #[must_use]
    pub fn rows(&self) -> Option<u64> {
        let tag = self.tag.to_str().ok()?;
        let (_, number) = tag.rsplit_once(' ')?;
        number.parse().ok()
    }
}

impl<'a> Wire<'a> for CommandComplete<'a> {
    const NAME: &'static str = "CommandComplete";
    const TAG: u8 = tag::COMMAND_COMPLETE;

    fn read(reader: &mut Reader<'a>) -> Result<Self, Shape> {
        Ok(Self {
            tag: reader.string()?,
        })
    }

    fn write(&self, out: &mut Vec<u8>) {
        write::string(out, self.tag);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_word_of_the_tag_counts_rows() {
        let rows = |tag| CommandComplete { tag }.rows();
        assert_eq!(rows(c"SELECT 3"), Some(3));
        assert_eq!(rows(c"INSERT 0 17"), Some(17));
        assert_eq!(rows(c"COMMIT"), None);
        assert_eq!(rows(c"CREATE TABLE"), None);
        assert_eq!(rows(c""), None);
        assert_eq!(rows(c"SELECT 99999999999999999999"), None);
        assert_eq!(rows(c"SELECT \xff"), None);
    }
}
