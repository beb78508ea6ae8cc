//! ParameterDescription: the types of a prepared statement's parameters.

use super::tag;
use crate::message::Wire;
use crate::read::Reader;
use crate::{List, Shape};

/// The types of a prepared statement's parameters (54.7, ParameterDescription).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ParameterDescription<'a> {
    /// Their OIDs.
    pub types: List<'a, u32>,
}

impl<'a> Wire<'a> for ParameterDescription<'a> {
    const NAME: &'static str = "ParameterDescription";
    const TAG: u8 = tag::PARAMETER_DESCRIPTION;

    fn read(reader: &mut Reader<'a>) -> Result<Self, Shape> {
        Ok(Self {
            types: List::counted_u16(reader)?,
        })
    }

    fn write(&self, out: &mut Vec<u8>) {
        self.types.write_counted(out);
    }
}
