//! The settings in a startup message.

use std::ffi::CStr;

use crate::list::Item;
use crate::read::Reader;
use crate::{Shape, write};

/// One setting. Neither name nor value is known to be UTF-8: no encoding has been agreed on yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Parameter<'a> {
    /// Never empty: an empty name ends the list.
    pub name: &'a CStr,
    /// May be empty.
    pub value: &'a CStr,
}

impl<'a> Item<'a> for Parameter<'a> {
    type Kind = Parameter<'static>;

    fn read(reader: &mut Reader<'a>) -> Result<Self, Shape> {
        Ok(Self {
            name: reader.string()?,
            value: reader.string()?,
        })
    }

    fn write(&self, out: &mut Vec<u8>) {
        write::string(out, self.name);
        write::string(out, self.value);
    }

    fn is_terminator(&self) -> bool {
        self.name.is_empty()
    }
}

/// What the parameter `replication` asks for (54.4, Streaming Replication Protocol).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Replication {
    /// An ordinary session.
    None,
    /// Replication commands, but no SQL: `true`, `on`, `yes`, `1`.
    Physical,
    /// Replication commands, SQL and logical decoding in one database: `database`.
    Logical,
}

impl Replication {
    /// Reads the value as the server does: `database`, or any spelling of a boolean parameter (19.1.1).
    pub(super) fn of(value: &CStr) -> Option<Self> {
        let value = value.to_bytes();
        if value == b"database" {
            return Some(Self::Logical);
        }
        let begins = |word: &str, least: usize| {
            (least..=word.len()).contains(&value.len())
                && word
                    .as_bytes()
                    .get(..value.len())
                    .is_some_and(|start| start.eq_ignore_ascii_case(value))
        };
        if begins("true", 1) || begins("yes", 1) || begins("on", 2) || begins("1", 1) {
            Some(Self::Physical)
        } else if begins("false", 1) || begins("no", 1) || begins("off", 2) || begins("0", 1) {
            Some(Self::None)
        } else {
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replication_is_read_as_the_server_reads_it() {
        let cases: [(&[&CStr], Option<Replication>); 4] = [
            (
                &[c"true", c"T", c"yes", c"y", c"on", c"ON", c"1"],
                Some(Replication::Physical),
            ),
            (
                &[c"false", c"f", c"no", c"off", c"of", c"0"],
                Some(Replication::None),
            ),
            (&[c"database"], Some(Replication::Logical)),
            (&[c"", c"o", c"Database", c"truer", c"2", c"10"], None),
        ];
        for (values, expected) in cases {
            for value in values {
                assert_eq!(Replication::of(value), expected, "{value:?}");
            }
        }
    }
}
