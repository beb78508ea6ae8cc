//! A cursor over a body: every access is checked, and what is taken borrows from the body.

use std::ffi::CStr;

use crate::Shape;

/// What is left of a body.
#[derive(Clone, Copy, Debug)]
pub struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(crate) fn new(body: &'a [u8]) -> Self {
        Self { rest: body }
    }

    /// The bytes from here to where `later` stands; both must be over the same body.
    pub(crate) fn until(&self, later: &Self) -> &'a [u8] {
        let length = self.rest.len().saturating_sub(later.rest.len());
        self.rest.get(..length).unwrap_or_default()
    }

    pub(crate) fn rest(&mut self) -> &'a [u8] {
        std::mem::take(&mut self.rest)
    }

    pub(crate) fn bytes(&mut self, count: usize) -> Result<&'a [u8], Shape> {
        let (taken, rest) = self.rest.split_at_checked(count).ok_or(Shape::Truncated)?;
        self.rest = rest;
        Ok(taken)
    }

    pub(crate) fn array<const N: usize>(&mut self) -> Result<[u8; N], Shape> {
        let (taken, rest) = self.rest.split_first_chunk().ok_or(Shape::Truncated)?;
        self.rest = rest;
        Ok(*taken)
    }

    pub(crate) fn u8(&mut self) -> Result<u8, Shape> {
        self.array().map(|[byte]| byte)
    }

    pub(crate) fn u16(&mut self) -> Result<u16, Shape> {
        self.array().map(u16::from_be_bytes)
    }

    pub(crate) fn i16(&mut self) -> Result<i16, Shape> {
        self.array().map(i16::from_be_bytes)
    }

    pub(crate) fn u32(&mut self) -> Result<u32, Shape> {
        self.array().map(u32::from_be_bytes)
    }

    pub(crate) fn i32(&mut self) -> Result<i32, Shape> {
        self.array().map(i32::from_be_bytes)
    }

    pub(crate) fn u64(&mut self) -> Result<u64, Shape> {
        self.array().map(u64::from_be_bytes)
    }

    pub(crate) fn i64(&mut self) -> Result<i64, Shape> {
        self.array().map(i64::from_be_bytes)
    }

    /// A string that ends with a zero byte; its encoding is the session's, so it may not be UTF-8.
    pub(crate) fn string(&mut self) -> Result<&'a CStr, Shape> {
        let string =
            CStr::from_bytes_until_nul(self.rest).map_err(|_no_zero| Shape::Unterminated)?;
        self.bytes(string.count_bytes().saturating_add(1))?;
        Ok(string)
    }

    /// An Int32 length and that many bytes; −1 is NULL.
    pub(crate) fn nullable(&mut self) -> Result<Option<&'a [u8]>, Shape> {
        match self.i32()? {
            -1 => Ok(None),
            length => {
                let length =
                    usize::try_from(length).map_err(|_negative| Shape::NegativeLength(length))?;
                self.bytes(length).map(Some)
            }
        }
    }

    /// Ends the reading of a body.
    pub(crate) fn finish(self) -> Result<(), Shape> {
        match self.rest.len() {
            0 => Ok(()),
            trailing => Err(Shape::Trailing(trailing)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_beyond_the_end_is_truncated_and_takes_nothing() {
        let mut reader = Reader::new(&[1, 2, 3]);
        assert_eq!(reader.u32(), Err(Shape::Truncated));
        assert_eq!(reader.u16(), Ok(0x0102));
        assert_eq!(reader.u8(), Ok(3));
        assert_eq!(reader.u8(), Err(Shape::Truncated));
        assert_eq!(reader.bytes(usize::MAX), Err(Shape::Truncated));
        assert_eq!(reader.finish(), Ok(()));
    }

    #[test]
    fn a_string_ends_with_its_zero_byte() {
        let mut reader = Reader::new(b"ab\0\0c");
        assert_eq!(reader.string(), Ok(c"ab"));
        assert_eq!(reader.string(), Ok(c""));
        assert_eq!(reader.string(), Err(Shape::Unterminated));
        assert_eq!(reader.finish(), Err(Shape::Trailing(1)));
    }

    #[test]
    fn minus_one_alone_is_null() {
        let with_length = |length: i32| {
            let mut body = length.to_be_bytes().to_vec();
            body.extend_from_slice(b"xy");
            Reader::new(&body)
                .nullable()
                .map(|value| value.map(<[u8]>::len))
        };
        assert_eq!(with_length(-1), Ok(None));
        assert_eq!(with_length(0), Ok(Some(0)));
        assert_eq!(with_length(2), Ok(Some(2)));
        assert_eq!(with_length(3), Err(Shape::Truncated));
        assert_eq!(with_length(i32::MAX), Err(Shape::Truncated));
        assert_eq!(with_length(-2), Err(Shape::NegativeLength(-2)));
        assert_eq!(with_length(i32::MIN), Err(Shape::NegativeLength(i32::MIN)));
    }
}
