//! One good body for every type of message.

use howdah_pgwire::frame::Direction;

/// A body that is right, and how it may be cut or prolonged.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sample {
    pub(crate) tag: u8,
    pub(crate) body: &'static [u8],
    /// How many bytes must be there, if the rest is free; then any bytes may follow, too.
    pub(crate) open: Option<usize>,
}

const fn closed(tag: u8, body: &'static [u8]) -> Sample {
    Sample {
        tag,
        body,
        open: None,
    }
}

const fn open(tag: u8, body: &'static [u8], from: usize) -> Sample {
    Sample {
        tag,
        body,
        open: Some(from),
    }
}

pub(crate) const FRONTEND: &[Sample] = &[
    open(b'p', b"token", 0),
    closed(
        b'B',
        b"portal\0name\0\0\x01\0\x01\0\x02\0\0\0\x03abc\xff\xff\xff\xff\0\x01\0\0",
    ),
    closed(b'C', b"Sname\0"),
    open(b'd', b"data", 0),
    closed(b'f', b"reason\0"),
    closed(b'D', b"Pname\0"),
    closed(b'E', b"portal\0\0\0\0\x0a"),
    closed(
        b'F',
        b"\0\0\x03\xb6\0\x01\0\x01\0\x01\0\0\0\x04\0\0\0\x07\0\x01",
    ),
    closed(b'P', b"name\0select $1\0\0\x01\0\0\0\x17"),
    closed(b'Q', b"select 1\0"),
    closed(b'c', b""),
    closed(b'H', b""),
    closed(b'S', b""),
    closed(b'X', b""),
];

pub(crate) const BACKEND: &[Sample] = &[
    closed(b'R', b"\0\0\0\0"),
    closed(b'R', b"\0\0\0\x02"),
    closed(b'R', b"\0\0\0\x03"),
    closed(b'R', b"\0\0\0\x05salt"),
    closed(b'R', b"\0\0\0\x07"),
    open(b'R', b"\0\0\0\x08token", 4),
    closed(b'R', b"\0\0\0\x09"),
    closed(b'R', b"\0\0\0\x0aSCRAM-SHA-256-PLUS\0SCRAM-SHA-256\0\0"),
    open(b'R', b"\0\0\0\x0btoken", 4),
    open(b'R', b"\0\0\0\x0ctoken", 4),
    open(b'K', b"\0\0\x12\x34key!longer", 8),
    closed(b'C', b"SELECT 3\0"),
    closed(b'W', b"\0\0\0"),
    open(b'd', b"data", 0),
    closed(b'G', b"\0\0\x02\0\0\0\0"),
    closed(b'H', b"\x01\0\x01\0\x01"),
    closed(b'D', b"\0\x03\0\0\0\x01a\xff\xff\xff\xff\0\0\0\0"),
    closed(b'E', b"SFATAL\0VFATAL\0C57P01\0Mterminating connection\0\0"),
    closed(b'V', b"\0\0\0\x02ab"),
    closed(b'V', b"\xff\xff\xff\xff"),
    closed(b'v', b"\0\x03\0\x00\0\0\0\x01_pq_.option\0"),
    closed(b'N', b"SNOTICE\0C00000\0Mhello\0\0"),
    closed(b'A', b"\0\0\x12\x34channel\0payload\0"),
    closed(b't', b"\0\x02\0\0\0\x17\0\0\0\x19"),
    closed(b'S', b"client_encoding\0UTF8\0"),
    closed(b'Z', b"I"),
    closed(
        b'T',
        b"\0\x01column\0\0\0\x40\0\0\x02\0\0\0\x17\0\x04\xff\xff\xff\xff\0\0",
    ),
    closed(b'2', b""),
    closed(b'3', b""),
    closed(b'c', b""),
    closed(b'I', b""),
    closed(b'n', b""),
    closed(b'1', b""),
    closed(b's', b""),
];

/// Fails if a type of message has no sample.
pub(crate) fn assert_complete<D: Direction>(samples: &[Sample]) {
    for tag in 0..=u8::MAX {
        let known = D::kind(tag).is_some();
        let has_sample = samples.iter().any(|sample| sample.tag == tag);
        assert_eq!(known, has_sample, "{} {:?}", D::NAME, char::from(tag));
    }
}

/// The sample as a message.
pub(crate) fn framed(tag: u8, body: &[u8]) -> Vec<u8> {
    let mut out = vec![tag];
    out.extend(u32::try_from(body.len() + 4).unwrap().to_be_bytes());
    out.extend(body);
    out
}
