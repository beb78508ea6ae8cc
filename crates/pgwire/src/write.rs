//! Putting fields and frames into a buffer.

use std::ffi::CStr;

use crate::Error;

/// The largest body: the length word is an Int32 that counts its own four bytes (54.7, Message Formats).
pub(crate) const MAX_BODY: u32 = i32::MAX as u32 - 4;

pub(crate) fn u8(out: &mut Vec<u8>, value: u8) {
    out.push(value);
}

pub(crate) fn u16(out: &mut Vec<u8>, value: u16) {
    out.extend_from_slice(&value.to_be_bytes());
}

pub(crate) fn i16(out: &mut Vec<u8>, value: i16) {
    out.extend_from_slice(&value.to_be_bytes());
}

pub(crate) fn u32(out: &mut Vec<u8>, value: u32) {
    out.extend_from_slice(&value.to_be_bytes());
}

pub(crate) fn i32(out: &mut Vec<u8>, value: i32) {
    out.extend_from_slice(&value.to_be_bytes());
}

pub(crate) fn u64(out: &mut Vec<u8>, value: u64) {
    out.extend_from_slice(&value.to_be_bytes());
}

pub(crate) fn i64(out: &mut Vec<u8>, value: i64) {
    out.extend_from_slice(&value.to_be_bytes());
}

pub(crate) fn string(out: &mut Vec<u8>, value: &CStr) {
    out.extend_from_slice(value.to_bytes_with_nul());
}

/// A length that does not fit is written as the largest; [`frame`] then refuses the whole, which is longer still.
pub(crate) fn nullable(out: &mut Vec<u8>, value: Option<&[u8]>) {
    match value {
        None => i32(out, -1),
        Some(bytes) => {
            i32(out, i32::try_from(bytes.len()).unwrap_or(i32::MAX));
            out.extend_from_slice(bytes);
        }
    }
}

/// A count and a list's bytes. Lists hold no more items than a count can say.
pub(crate) fn count(out: &mut Vec<u8>, items: usize) {
    u16(out, u16::try_from(items).unwrap_or(u16::MAX));
}

/// Writes a length word and the body that `body` writes; a body that is too long leaves `out` as it was.
pub(crate) fn frame(
    message: &'static str,
    tag: Option<u8>,
    out: &mut Vec<u8>,
    body: impl FnOnce(&mut Vec<u8>),
) -> Result<(), Error> {
    let start = out.len();
    out.extend(tag);
    u32(out, 0);
    let written = out.len();
    body(out);
    finish(message, out, start, written, MAX_BODY)
}

/// Fills in the length word before `body`, where the body starts, or takes back what was written since `start`.
fn finish(
    message: &'static str,
    out: &mut Vec<u8>,
    start: usize,
    body: usize,
    limit: u32,
) -> Result<(), Error> {
    let size = out.len().saturating_sub(body);
    let length = u32::try_from(size).ok().filter(|size| *size <= limit);
    let word = out.get_mut(body.saturating_sub(4)..);
    if let (Some(length), Some([a, b, c, d, ..])) = (length, word) {
        [*a, *b, *c, *d] = length.saturating_add(4).to_be_bytes();
        return Ok(());
    }
    out.truncate(start);
    Err(Error::TooLong {
        message,
        length: u64::try_from(size).unwrap_or(u64::MAX),
        limit,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_length_counts_itself_and_not_the_type() {
        let mut out = b"before".to_vec();
        frame("Query", Some(b'Q'), &mut out, |out| string(out, c"x")).unwrap();
        assert_eq!(out, b"beforeQ\0\0\0\x06x\0");
        let mut out = Vec::new();
        frame("SSLRequest", None, &mut out, |_| ()).unwrap();
        assert_eq!(out, [0, 0, 0, 4]);
    }

    #[test]
    fn a_body_that_is_too_long_leaves_the_buffer_as_it_was() {
        let mut out = b"beforeQ\0\0\0\0abc".to_vec();
        assert_eq!(finish("Query", &mut out.clone(), 6, 11, 3), Ok(()));
        let error = Error::TooLong {
            message: "Query",
            length: 3,
            limit: 2,
        };
        assert_eq!(finish("Query", &mut out, 6, 11, 2), Err(error));
        assert_eq!(out, b"before");
    }
}
