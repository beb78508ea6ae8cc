//! Blocks of headers: how they are packed, and how they are inflated (SPDY/3, section 2.6.10).
//!
//! All blocks of a direction are one zlib stream, so every block has to be inflated, in order, also for a stream that
//! is refused. Ours are not compressed but stored, which is a zlib stream as well.

use miniz_oxide::inflate::TINFLStatus;
use miniz_oxide::inflate::core::inflate_flags::TINFL_FLAG_HAS_MORE_INPUT;
use miniz_oxide::inflate::core::{DecompressorOxide, decompress};

use super::decode::Error;
use super::dictionary;
use super::frame::Headers;

/// How long a block may be once it is inflated.
pub(super) const LONGEST: usize = 64 * 1024;
/// How many headers a block may have.
pub(super) const MOST: usize = 128;

/// The window of zlib; the inflater wants a power of two.
const WINDOW: usize = 32 * 1024;
/// A stored block holds no more.
const STORED: usize = 0xffff;
/// An empty stored block. Go's inflater, and so `kubectl`, hands out what it has at such a one, and takes a block
/// that just ends for the end of everything.
const FLUSH: [u8; 5] = [0, 0, 0, 0xff, 0xff];
/// Method "deflate" with the largest window (RFC 1950, section 2.2).
const METHOD: u8 = 0x78;
/// The flag that a dictionary is named.
const HAS_DICTIONARY: u8 = 0x20;

/// The blocks that the peer sends.
pub(super) struct Inflater {
    state: Box<DecompressorOxide>,
    window: Vec<u8>,
    at: usize,
    has_begun: bool,
}

impl std::fmt::Debug for Inflater {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Inflater").finish_non_exhaustive()
    }
}

impl Inflater {
    pub(super) fn new() -> Self {
        Self {
            state: Box::default(),
            window: vec![0; WINDOW],
            at: 0,
            has_begun: false,
        }
    }

    /// The headers of the next block.
    pub(super) fn headers(&mut self, block: &[u8]) -> Result<Headers, Error> {
        let mut rest = block;
        if !self.has_begun {
            rest = self.begin(block)?;
            self.has_begun = true;
        }
        unpack(&self.inflate(rest)?)
    }

    fn begin<'a>(&mut self, block: &'a [u8]) -> Result<&'a [u8], Error> {
        let [method, flags, rest @ ..] = block else {
            return Err(Error::Zlib);
        };
        let check = u16::from_be_bytes([*method, *flags]);
        if method & 0x0f != 8 || method >> 4 > 7 || check % 31 != 0 {
            return Err(Error::Zlib);
        }
        if flags & HAS_DICTIONARY == 0 {
            return Ok(rest);
        }
        let (id, rest) = rest.split_first_chunk().ok_or(Error::Zlib)?;
        if u32::from_be_bytes(*id) != dictionary::ID {
            return Err(Error::Zlib);
        }
        let known = dictionary::bytes();
        self.window[..known.len()].copy_from_slice(&known);
        self.at = known.len();
        Ok(rest)
    }

    fn inflate(&mut self, mut input: &[u8]) -> Result<Vec<u8>, Error> {
        let mut found = Vec::new();
        loop {
            let (status, used, written) = decompress(
                &mut self.state,
                input,
                &mut self.window,
                self.at,
                TINFL_FLAG_HAS_MORE_INPUT,
            );
            input = &input[used..];
            found.extend_from_slice(&self.window[self.at..self.at + written]);
            self.at = (self.at + written) % WINDOW;
            if found.len() > LONGEST {
                return Err(Error::TooLong);
            }
            match status {
                TINFLStatus::NeedsMoreInput if input.is_empty() => return Ok(found),
                TINFLStatus::HasMoreOutput => {}
                _ => return Err(Error::Zlib),
            }
        }
    }
}

/// Reads the pairs of a block.
fn unpack(mut block: &[u8]) -> Result<Headers, Error> {
    let count = usize::try_from(number(&mut block)?).unwrap_or(usize::MAX);
    if count > MOST {
        return Err(Error::TooLong);
    }
    let mut headers = Vec::with_capacity(count);
    for _ in 0..count {
        let name = text(&mut block)?;
        let value = text(&mut block)?;
        headers.push((name, value));
    }
    if block.is_empty() {
        Ok(headers)
    } else {
        Err(Error::Headers)
    }
}

fn number(block: &mut &[u8]) -> Result<u32, Error> {
    let (bytes, rest) = block.split_first_chunk().ok_or(Error::Headers)?;
    *block = rest;
    Ok(u32::from_be_bytes(*bytes))
}

fn text(block: &mut &[u8]) -> Result<String, Error> {
    let length = usize::try_from(number(block)?).map_err(|_| Error::Headers)?;
    let (bytes, rest) = block.split_at_checked(length).ok_or(Error::Headers)?;
    *block = rest;
    String::from_utf8(bytes.to_vec()).map_err(|_| Error::Headers)
}

/// The blocks that we send.
#[derive(Debug, Default)]
pub(super) struct Storer {
    has_begun: bool,
}

impl Storer {
    /// The next block.
    pub(super) fn block(&mut self, headers: &Headers) -> Vec<u8> {
        let mut pairs = length(headers.len()).to_vec();
        for (name, value) in headers {
            for part in [name, value] {
                pairs.extend_from_slice(&length(part.len()));
                pairs.extend_from_slice(part.as_bytes());
            }
        }
        let mut block = Vec::new();
        if !self.has_begun {
            self.has_begun = true;
            block.extend_from_slice(&[METHOD, HAS_DICTIONARY]);
            block.extend_from_slice(&dictionary::ID.to_be_bytes());
        }
        for piece in pairs.chunks(STORED) {
            let length = u16::try_from(piece.len()).unwrap_or_default();
            block.push(0);
            block.extend_from_slice(&length.to_le_bytes());
            block.extend_from_slice(&(!length).to_le_bytes());
            block.extend_from_slice(piece);
        }
        block.extend_from_slice(&FLUSH);
        block
    }
}

fn length(number: usize) -> [u8; 4] {
    u32::try_from(number).unwrap_or(u32::MAX).to_be_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&str, &str)]) -> Headers {
        let owned = pairs
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        owned.collect()
    }

    #[test]
    fn what_is_stored_can_be_inflated_again_and_again() {
        let (mut storer, mut inflater) = (Storer::default(), Inflater::new());
        for round in 0..100 {
            let sent = headers(&[("streamtype", "data"), ("port", &round.to_string())]);
            assert_eq!(inflater.headers(&storer.block(&sent)).unwrap(), sent);
        }
    }

    #[test]
    fn every_block_ends_with_a_flush() {
        let mut storer = Storer::default();
        for _ in 0..2 {
            assert!(storer.block(&headers(&[])).ends_with(&FLUSH));
        }
    }

    /// Two blocks as a client of Kubernetes sends them: compressed against the dictionary, flushed after each.
    #[test]
    fn blocks_that_refer_to_the_dictionary_and_to_each_other_are_inflated() {
        let mut inflater = Inflater::new();
        FIRST_SECOND
            .iter()
            .zip(["error", "data"])
            .for_each(|(block, kind)| {
                let found = inflater.headers(block).unwrap();
                let wanted = headers(&[("port", "5432"), ("requestid", "0"), ("streamtype", kind)]);
                assert_eq!(found, wanted);
            });
    }

    #[test]
    fn a_bomb_is_refused_before_it_has_grown() {
        let mut inflater = Inflater::new();
        assert_eq!(inflater.headers(BOMB), Err(Error::TooLong));
    }

    #[test]
    fn too_many_headers_are_refused() {
        let pair = ("a".to_owned(), String::new());
        let mut storer = Storer::default();
        let mut inflater = Inflater::new();
        let most = vec![pair.clone(); MOST];
        assert_eq!(inflater.headers(&storer.block(&most)).unwrap().len(), MOST);
        let more = vec![pair; MOST + 1];
        assert_eq!(inflater.headers(&storer.block(&more)), Err(Error::TooLong));
    }

    #[test]
    fn nonsense_is_refused() {
        for block in [
            &b""[..],
            b"\x78",
            b"\x78\x20\0\0\0\0",
            b"\x79\x20",
            b"\x78\x21\x01",
            // A length that reaches past the end.
            b"\x78\x20\xe3\xc6\xa7\xc2\0\x08\0\xf7\xff\0\0\0\x01\0\0\0\x09",
            // A final block of a kind that does not exist.
            b"\x78\x20\xe3\xc6\xa7\xc2\x07",
        ] {
            assert!(Inflater::new().headers(block).is_err(), "{block:?}");
        }
    }

    #[rustfmt::skip]
    const FIRST_SECOND: [&[u8]; 2] = [
        &[
            0x78, 0xf9, 0xe3, 0xc6, 0xa7, 0xc2, 0x02, 0x25, 0x3a, 0x48, 0xf9, 0x5b, 0x04, 0x4e, 0xea, 0xa6,
            0x26, 0xc6, 0x46, 0x40, 0x9a, 0xb3, 0x08, 0x12, 0x5f, 0x99, 0xa0, 0x74, 0xcc, 0x68, 0x00, 0x4e,
            0x89, 0x25, 0x45, 0xa9, 0x89, 0xb9, 0xd0, 0xc2, 0x86, 0x35, 0x15, 0x14, 0x15, 0x00, 0x00, 0x00,
            0x00, 0xff, 0xff,
        ],
        &[
            0x22, 0x53, 0x33, 0xa8, 0xa4, 0x4a, 0x04, 0x00, 0x00, 0x00, 0xff, 0xff,
        ],
    ];

    /// 200,000 zeros.
    #[rustfmt::skip]
    const BOMB: &[u8] = &[
        0x78, 0xf9, 0xe3, 0xc6, 0xa7, 0xc2, 0xec, 0xc1, 0x31, 0x01, 0x00, 0x00, 0x00, 0xc2, 0x20, 0xfb,
        0xa7, 0x5e, 0x06, 0x7f, 0x60, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
        0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
        0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
        0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
        0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
        0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
        0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
        0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
        0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
        0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
        0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
        0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
        0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0xc0, 0x2d, 0x00, 0x00, 0x00, 0xff, 0xff,
    ];
}
