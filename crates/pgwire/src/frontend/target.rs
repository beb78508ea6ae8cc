//! Close and Describe: the two messages that name either a prepared statement or a portal.

use std::ffi::CStr;

use super::tag;
use crate::message::Wire;
use crate::read::Reader;
use crate::{Shape, write};

/// A prepared statement or a portal; an empty name is the unnamed one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target<'a> {
    /// `S`: a prepared statement (54.7, Close and Describe).
    Statement(&'a CStr),
    /// `P`: a portal (54.7, Close and Describe).
    Portal(&'a CStr),
}

impl<'a> Target<'a> {
    fn read(reader: &mut Reader<'a>) -> Result<Self, Shape> {
        match reader.u8()? {
            b'S' => reader.string().map(Self::Statement),
            b'P' => reader.string().map(Self::Portal),
            code => Err(Shape::UnknownCode {
                what: "kind of target",
                code: code.into(),
            }),
        }
    }

    fn write(&self, out: &mut Vec<u8>) {
        let (kind, name) = match self {
            Self::Statement(name) => (b'S', name),
            Self::Portal(name) => (b'P', name),
        };
        write::u8(out, kind);
        write::string(out, name);
    }
}

/// Drops a prepared statement or a portal (54.7, Close).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Close<'a> {
    /// What to drop.
    pub target: Target<'a>,
}

impl<'a> Wire<'a> for Close<'a> {
    const NAME: &'static str = "Close";
    const TAG: u8 = tag::CLOSE;

    fn read(reader: &mut Reader<'a>) -> Result<Self, Shape> {
        Target::read(reader).map(|target| Self { target })
    }

    fn write(&self, out: &mut Vec<u8>) {
        self.target.write(out);
    }
}

/// Asks for the types of a prepared statement's or a portal's parameters and columns (54.7, Describe).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Describe<'a> {
    /// What to describe.
    pub target: Target<'a>,
}

impl<'a> Wire<'a> for Describe<'a> {
    const NAME: &'static str = "Describe";
    const TAG: u8 = tag::DESCRIBE;

    fn read(reader: &mut Reader<'a>) -> Result<Self, Shape> {
        Target::read(reader).map(|target| Self { target })
    }

    fn write(&self, out: &mut Vec<u8>) {
        self.target.write(out);
    }
}
