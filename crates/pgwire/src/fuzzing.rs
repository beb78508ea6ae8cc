//! Entry points for fuzzers and for tests that feed any bytes: each panics only if the crate breaks a promise.
//!
//! The promises: no input panics; what parses is written back as the same bytes; it makes no difference in which
//! pieces a stream arrives; a message never takes more bytes than there are.

use crate::frame::Direction;
use crate::message::Body;
use crate::replication::{backup, primary, standby};
use crate::{Error, Gather, Limits, Walker, backend, frontend, startup};

/// An entry point.
pub type Target = fn(&[u8]);

/// All entry points by name, as the fuzz targets are named.
pub const TARGETS: [(&str, Target); 5] = [
    ("startup", startup),
    ("frontend", frontend),
    ("backend", backend),
    ("authentication", authentication),
    ("replication", replication),
];

/// A client's first packet, and the server's answer to a request for encryption.
///
/// # Panics
/// If the crate breaks a promise.
pub fn startup(bytes: &[u8]) {
    let limits = startup::Limits::default();
    let parsed = startup::parse(bytes, &limits);
    for cut in 0..bytes.len() {
        let earlier = startup::parse(bytes.get(..cut).unwrap_or_default(), &limits);
        assert!(earlier == Ok(None) || earlier == parsed, "cut at {cut}");
    }
    if let Ok(Some((message, size))) = parsed {
        let mut out = Vec::new();
        message
            .encode(&mut out)
            .expect("what was parsed is not too long");
        assert_eq!(Some(out.as_slice()), bytes.get(..size));
        if let startup::Message::Startup(message) = message {
            assert_eq!(message.parameters.len(), message.parameters.iter().count());
            let (_, _) = (message.database(), message.replication());
        }
    }
    if let Ok(Some((reply, size))) = startup::parse_reply(bytes) {
        let mut out = Vec::new();
        reply.encode(&mut out);
        assert_eq!(Some(out.as_slice()), bytes.get(..size));
    }
}

/// A client's messages. The first byte says how the rest is cut.
///
/// # Panics
/// If the crate breaks a promise.
pub fn frontend(bytes: &[u8]) {
    let parse = |bytes: &[u8], limits: &Limits<frontend::Frontend>| {
        let Some((message, size)) = frontend::parse(bytes, limits)? else {
            return Ok(None);
        };
        let mut out = Vec::new();
        message.encode(&mut out)?;
        assert_eq!(Some(out.as_slice()), bytes.get(..size));
        Ok(Some(size))
    };
    let decode = |tag, body: &[u8]| frontend::Message::decode(tag, body).map(|_| ());
    stream(bytes, parse, decode);
}

/// A server's messages. The first byte says how the rest is cut.
///
/// # Panics
/// If the crate breaks a promise.
pub fn backend(bytes: &[u8]) {
    let parse = |bytes: &[u8], limits: &Limits<backend::Backend>| {
        let Some((message, size)) = backend::parse(bytes, limits)? else {
            return Ok(None);
        };
        let mut out = Vec::new();
        message.encode(&mut out)?;
        assert_eq!(Some(out.as_slice()), bytes.get(..size));
        let _ = accessors(&message);
        Ok(Some(size))
    };
    let decode = |tag, body: &[u8]| backend::Message::decode(tag, body).map(|_| ());
    stream(bytes, parse, decode);
}

/// A client's password or token, of every kind that shares its type byte.
///
/// # Panics
/// If the crate breaks a promise.
pub fn authentication(bytes: &[u8]) {
    same::<frontend::AuthenticationResponse<'_>>(bytes);
    same::<frontend::PasswordMessage<'_>>(bytes);
    same::<frontend::SaslInitialResponse<'_>>(bytes);
}

/// A body of CopyData during replication, of each side, and of a base backup.
///
/// # Panics
/// If the crate breaks a promise.
pub fn replication(bytes: &[u8]) {
    let mut out = Vec::new();
    if let Ok(message) = primary::parse(bytes) {
        message.encode(&mut out);
        assert_eq!(out, bytes);
    }
    out.clear();
    if let Ok(message) = standby::parse(bytes) {
        message.encode(&mut out);
        assert_eq!(out, bytes);
    }
    out.clear();
    if let Ok(message) = backup::parse(bytes) {
        message.encode(&mut out);
        assert_eq!(out, bytes);
    }
}

/// Reads a body and writes it again.
fn same<'a, B: Body<'a>>(body: &'a [u8]) {
    if let Ok(message) = B::decode(body) {
        let mut out = Vec::new();
        message
            .encode(&mut out)
            .expect("what was parsed is not too long");
        assert_eq!(out.get(crate::Header::SIZE..), Some(body));
    }
}

/// Reads what is computed from a message rather than stored in it.
fn accessors(message: &backend::Message<'_>) -> Option<usize> {
    match message {
        backend::Message::CommandComplete(complete) => complete.rows().map(|_| 0),
        backend::Message::DataRow(row) => {
            let count = row.values.iter().count();
            assert_eq!(count, row.values.len());
            Some(count)
        }
        backend::Message::ErrorResponse(error) => {
            let count = error.report.fields.iter().count();
            assert_eq!(count, error.report.fields.len());
            error.report.sqlstate().map(|_| count)
        }
        _ => None,
    }
}

/// Why a stream ended: it was read to the end of the last complete message, or refused.
#[derive(Debug, PartialEq, Eq)]
struct Ending {
    messages: usize,
    error: Option<Error>,
}

/// Reads the same stream at once and in pieces, and compares.
fn stream<D: Direction>(
    bytes: &[u8],
    parse: impl Fn(&[u8], &Limits<D>) -> Result<Option<usize>, Error>,
    decode: impl Fn(u8, &[u8]) -> Result<(), Error>,
) {
    let Some((step, bytes)) = bytes.split_first() else {
        return;
    };
    let limits = Limits::default();
    let whole = at_once(bytes, |rest| parse(rest, &limits));
    let pieces = bytes.chunks(usize::from(*step).max(1));
    assert_eq!(whole, in_pieces(pieces, &limits, decode));
}

fn at_once(mut rest: &[u8], parse: impl Fn(&[u8]) -> Result<Option<usize>, Error>) -> Ending {
    let mut messages = 0;
    loop {
        let error = match parse(rest) {
            Ok(Some(size)) => {
                rest = rest
                    .get(size..)
                    .expect("a message takes no more than there is");
                messages += 1;
                continue;
            }
            Ok(None) => None,
            Err(error) => Some(error),
        };
        return Ending { messages, error };
    }
}

fn in_pieces<'a, D: Direction>(
    pieces: impl Iterator<Item = &'a [u8]>,
    limits: &Limits<D>,
    decode: impl Fn(u8, &[u8]) -> Result<(), Error>,
) -> Ending {
    let mut walker = Walker::<D>::new();
    let mut gather = Gather::new();
    let mut messages = 0;
    for mut piece in pieces {
        loop {
            let result = walker.next(&mut piece, limits).and_then(|piece| {
                let Some(piece) = piece else { return Ok(None) };
                let body = gather.push(piece);
                body.map_or(Ok(Some(0)), |body| {
                    decode(piece.header.tag, body).map(|()| Some(1))
                })
            });
            match result {
                Ok(Some(complete)) => messages += complete,
                Ok(None) => break,
                Err(error) => {
                    let error = Some(error);
                    return Ending { messages, error };
                }
            }
        }
    }
    Ending {
        messages,
        error: None,
    }
}
