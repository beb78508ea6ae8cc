//! Query: run SQL text.

use std::ffi::CStr;

use super::tag;
use crate::message::Wire;
use crate::read::Reader;
use crate::{Shape, write};

/// Runs any number of SQL commands, or a replication command (54.7, Query).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Query<'a> {
    /// The text.
    pub query: &'a CStr,
}

impl<'a> Wire<'a> for Query<'a> {
    const NAME: &'static str = "Query";
    const TAG: u8 = tag::QUERY;

    fn read(reader: &mut Reader<'a>) -> Result<Self, Shape> {
        Ok(Self {
            query: reader.string()?,
        })
    }

    fn write(&self, out: &mut Vec<u8>) {
        write::string(out, self.query);
    }
}
