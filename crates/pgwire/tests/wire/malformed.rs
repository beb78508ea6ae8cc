//! Bodies of the wrong form are refused, each with its reason, and the frame stays intact.

use howdah_pgwire::backend::{self, Backend};
use howdah_pgwire::frontend::{self, Frontend, PasswordMessage, SaslInitialResponse};
use howdah_pgwire::replication::{backup, primary, standby};
use howdah_pgwire::{Body, Error, Limits, ProtocolVersion, Shape, SqlState, startup};
use pretty_assertions::assert_eq;

use super::samples::{self, Sample, framed};

/// Reads a body as a message of one direction; says only whether it worked.
type Decode = fn(u8, &[u8]) -> Result<(), Error>;

fn frontend(tag: u8, body: &[u8]) -> Result<(), Error> {
    frontend::Message::decode(tag, body).map(|_| ())
}

fn backend(tag: u8, body: &[u8]) -> Result<(), Error> {
    backend::Message::decode(tag, body).map(|_| ())
}

fn shape(result: Result<(), Error>) -> Option<Shape> {
    match result {
        Err(Error::Malformed { shape, .. }) => Some(shape),
        _ => None,
    }
}

fn check_samples(samples: &[Sample], decode: Decode) {
    for Sample { tag, body, open } in samples.iter().copied() {
        let name = char::from(tag);
        assert_eq!(decode(tag, body), Ok(()), "{name}");
        for cut in 0..body.len() {
            let result = decode(tag, &body[..cut]);
            if open.is_some_and(|from| cut >= from) {
                assert_eq!(result, Ok(()), "{name} cut at {cut}");
            } else {
                assert!(shape(result).is_some(), "{name} cut at {cut}: {result:?}");
            }
        }
        for extra in [b"\0".as_slice(), b"x", b"\xff\xff\xff\xff\xff"] {
            let longer = [body, extra].concat();
            let result = decode(tag, &longer);
            if open.is_some() {
                assert_eq!(result, Ok(()), "{name} and {extra:?}");
            } else {
                assert_eq!(
                    shape(result),
                    Some(Shape::Trailing(extra.len())),
                    "{name} and {extra:?}"
                );
            }
        }
    }
}

#[test]
fn a_clients_messages_are_refused_when_short_or_long() {
    samples::assert_complete::<Frontend>(samples::FRONTEND);
    check_samples(samples::FRONTEND, frontend);
}

#[test]
fn a_servers_messages_are_refused_when_short_or_long() {
    samples::assert_complete::<Backend>(samples::BACKEND);
    check_samples(samples::BACKEND, backend);
}

fn check_shapes(decode: Decode, cases: &[(u8, &[u8], Shape)]) {
    for (tag, body, expected) in cases {
        assert_eq!(
            shape(decode(*tag, body)),
            Some(*expected),
            "{} {body:?}",
            char::from(*tag)
        );
    }
}

const fn unknown(what: &'static str, code: u32) -> Shape {
    Shape::UnknownCode { what, code }
}

#[test]
fn what_is_wrong_with_a_clients_message_is_said() {
    check_shapes(
        frontend,
        &[
            (b'B', b"portal\0name", Shape::Unterminated),
            (b'B', b"portal", Shape::Unterminated),
            (b'B', b"\0\0\0\x02\0\x01", Shape::Truncated),
            (
                b'B',
                b"\0\0\0\0\0\x01\xff\xff\xff\xfe",
                Shape::NegativeLength(-2),
            ),
            (
                b'B',
                b"\0\0\0\0\0\x01\x80\0\0\0\0\0",
                Shape::NegativeLength(i32::MIN),
            ),
            (
                b'B',
                b"\0\0\0\0\0\x01\x7f\xff\xff\xff\0\0",
                Shape::Truncated,
            ),
            (b'B', b"\0\0\xff\xff\0\0\0\0", Shape::Truncated),
            (b'C', b"Xname\0", unknown("kind of target", 0x58)),
            (b'C', b"Sname", Shape::Unterminated),
            (b'D', b"\0name\0", unknown("kind of target", 0)),
            (b'E', b"portal", Shape::Unterminated),
            (
                b'F',
                b"\0\0\0\x01\0\0\0\x01\xff\xff\xff\xf0\0\0",
                Shape::NegativeLength(-16),
            ),
            (b'F', b"\0\0\0\x01\0\0\0\0", Shape::Truncated),
            (b'P', b"name\0select", Shape::Unterminated),
            (b'P', b"name\0select\0\xff\xff\0\0\0\0", Shape::Truncated),
            (b'Q', b"select 1", Shape::Unterminated),
            (b'Q', b"select\x001\0", Shape::Trailing(2)),
            (b'Q', b"", Shape::Unterminated),
            (b'f', b"reason", Shape::Unterminated),
            (b'S', b"\0", Shape::Trailing(1)),
        ],
    );
}

#[test]
fn what_is_wrong_with_a_servers_message_is_said() {
    check_shapes(
        backend,
        &[
            (b'R', b"\0\0\0", Shape::Truncated),
            (b'R', b"\0\0\0\x01", unknown("kind of authentication", 1)),
            (b'R', b"\0\0\0\x0d", unknown("kind of authentication", 13)),
            (b'R', b"\0\0\0\x0aSCRAM\0", Shape::Truncated),
            (b'R', b"\0\0\0\x0aSCRAM", Shape::Unterminated),
            (b'K', b"\0\0\0\x01key", Shape::KeyLength(3)),
            (b'K', b"\0\0\0\x01", Shape::KeyLength(0)),
            (b'C', b"SELECT", Shape::Unterminated),
            (b'D', b"\0\x01\xff\xff\xff\xfe", Shape::NegativeLength(-2)),
            (b'D', b"\0\x02\0\0\0\x01a", Shape::Truncated),
            (b'E', b"Mmessage\0", Shape::Truncated),
            (b'E', b"Mmessage", Shape::Unterminated),
            (b'E', b"", Shape::Truncated),
            (b'E', b"\0x", Shape::Trailing(1)),
            (b'G', b"\0", Shape::Truncated),
            (b'W', b"\0\0\x01\0", Shape::Truncated),
            (b'V', b"\xff\xff\xff\xfe", Shape::NegativeLength(-2)),
            (
                b'v',
                b"\0\x03\0\0\xff\xff\xff\xff",
                Shape::NegativeCount(-1),
            ),
            (b'v', b"\0\x03\0\0\x7f\xff\xff\xff", Shape::Unterminated),
            (b'A', b"\0\0\0\x01channel\0payload", Shape::Unterminated),
            (b't', b"\0\x01\0\0", Shape::Truncated),
            (b'S', b"name\0value", Shape::Unterminated),
            (b'Z', b"X", unknown("transaction status", 0x58)),
            (b'T', b"\0\x01name", Shape::Unterminated),
            (b'T', b"\0\x01name\0\0\0", Shape::Truncated),
        ],
    );
}

#[test]
fn passwords_and_tokens_are_refused_when_of_the_wrong_form() {
    let password = |body| shape(PasswordMessage::decode(body).map(|_| ()));
    assert_eq!(password(b"secret"), Some(Shape::Unterminated));
    assert_eq!(password(b""), Some(Shape::Unterminated));
    assert_eq!(password(b"secret\0more\0"), Some(Shape::Trailing(5)));
    let initial = |body| shape(SaslInitialResponse::decode(body).map(|_| ()));
    assert_eq!(initial(b"SCRAM-SHA-256"), Some(Shape::Unterminated));
    assert_eq!(initial(b"SCRAM\0\0\0"), Some(Shape::Truncated));
    assert_eq!(initial(b"SCRAM\0\0\0\0\x05four"), Some(Shape::Truncated));
    assert_eq!(initial(b"SCRAM\0\0\0\0\x03four"), Some(Shape::Trailing(1)));
    assert_eq!(
        initial(b"SCRAM\0\xff\xff\xff\xf0"),
        Some(Shape::NegativeLength(-16))
    );
    assert_eq!(initial(b"SCRAM\0\xff\xff\xff\xff"), None);
}

#[test]
fn types_of_the_other_direction_are_unknown() {
    let error = frontend::parse(b"Z\0\0\0\x05I", &Limits::default());
    assert_eq!(
        error,
        Err(Error::UnknownType {
            direction: "frontend",
            tag: b'Z'
        })
    );
    let error = backend::parse(b"Q", &Limits::default());
    assert_eq!(
        error,
        Err(Error::UnknownType {
            direction: "backend",
            tag: b'Q'
        })
    );
    assert_eq!(
        frontend::Message::decode(0xff, b""),
        Err(Error::UnknownType {
            direction: "frontend",
            tag: 0xff
        })
    );
}

#[test]
fn a_length_below_its_own_size_is_refused() {
    for length in [0, 1, 3, -1, -4, i32::MIN] {
        let bytes = [b"S".as_slice(), &length.to_be_bytes()].concat();
        let error = Err(Error::TooShort {
            message: "Sync",
            length,
            minimum: 4,
        });
        assert_eq!(frontend::parse(&bytes, &Limits::default()), error);
    }
}

fn parse_startup(bytes: &[u8]) -> Result<(), Error> {
    startup::parse(bytes, &startup::Limits::default()).map(|_| ())
}

/// A packet with this after its length word.
fn packet(body: &[u8]) -> Vec<u8> {
    framed(0, body).split_off(1)
}

#[test]
fn startup_packets_of_the_wrong_form_are_refused() {
    let cases: [(&[u8], Shape); 11] = [
        (b"\0\x03\0\0", Shape::Truncated),
        (b"\0\x03\0\0user\0", Shape::Unterminated),
        (b"\0\x03\0\0user", Shape::Unterminated),
        (b"\0\x03\0\0user\0name\0", Shape::Truncated),
        (b"\0\x03\0\0\0user\0name\0\0", Shape::Trailing(11)),
        (b"\0\x03\0\0user\0name\0\0\0", Shape::Trailing(1)),
        (b"\x04\xd2\x16\x2f\0", Shape::Trailing(1)),
        (b"\x04\xd2\x16\x30\0", Shape::Trailing(1)),
        (b"\x04\xd2\x16\x2e\0\0\0", Shape::Truncated),
        (b"\x04\xd2\x16\x2e\0\0\0\x01", Shape::KeyLength(0)),
        (b"\x04\xd2\x16\x2e\0\0\0\x01key", Shape::KeyLength(3)),
    ];
    for (body, expected) in cases {
        assert_eq!(
            shape(parse_startup(&packet(body))),
            Some(expected),
            "{body:?}"
        );
    }
    let long = [b"\x04\xd2\x16\x2e\0\0\0\x01".as_slice(), &[7; 257]].concat();
    assert_eq!(
        shape(parse_startup(&packet(&long))),
        Some(Shape::KeyLength(257))
    );
}

#[test]
fn other_protocols_are_refused_by_version() {
    for (code, major, minor) in [
        (131_072_u32, 2, 0),
        (4 << 16, 4, 0),
        (0, 0, 0),
        (80_877_105, 1234, 5681),
        (u32::MAX, 65_535, 65_535),
    ] {
        let error = parse_startup(&packet(&code.to_be_bytes())).unwrap_err();
        assert_eq!(
            error,
            Error::UnsupportedVersion(ProtocolVersion::new(major, minor))
        );
        assert_eq!(error.sqlstate(), SqlState::FEATURE_NOT_SUPPORTED);
        assert!(error.loses_sync());
    }
}

#[test]
fn something_that_is_not_postgres_is_refused_after_four_bytes() {
    for bytes in [
        b"GET / HTTP/1.1\r\n".as_slice(),
        b"SSH-2.0-x\r\n",
        b"\xff\xff\xff\xff",
    ] {
        assert_eq!(parse_startup(&bytes[..3]), Ok(()));
        let error = parse_startup(&bytes[..4]).unwrap_err();
        assert_eq!(parse_startup(bytes), Err(error));
        assert_eq!(error.sqlstate(), SqlState::PROTOCOL_VIOLATION);
    }
}

#[test]
fn a_startup_packet_has_room_for_its_code() {
    for length in [0, 4, 7, -8] {
        let bytes = i32::to_be_bytes(length);
        let error = Error::TooShort {
            message: "startup packet",
            length,
            minimum: 8,
        };
        assert_eq!(parse_startup(&bytes), Err(error));
    }
}

#[test]
fn messages_inside_copy_data_are_refused_when_of_the_wrong_form() {
    let primary = |body: &[u8]| shape(primary::parse(body).map(|_| ()));
    let standby = |body: &[u8]| shape(standby::parse(body).map(|_| ()));
    let backup = |body: &[u8]| shape(backup::parse(body).map(|_| ()));
    assert_eq!(primary(b""), Some(Shape::Truncated));
    assert_eq!(
        primary(b"x"),
        Some(unknown("type of replication message", 0x78))
    );
    assert_eq!(primary(&[b'w'; 24]), Some(Shape::Truncated));
    assert_eq!(primary(&[b'w'; 25]), None);
    assert_eq!(primary(&[b'k'; 17]), Some(Shape::Truncated));
    assert_eq!(primary(&[b'k'; 18]), Some(unknown("reply flag", 0x6b)));
    assert_eq!(
        primary(&[b"k".as_slice(), &[0; 18]].concat()),
        Some(Shape::Trailing(1))
    );
    assert_eq!(primary(&[b's'; 32]), Some(Shape::Truncated));
    assert_eq!(primary(&[b's'; 34]), Some(Shape::Trailing(1)));
    assert_eq!(standby(b""), Some(Shape::Truncated));
    assert_eq!(
        standby(b"w"),
        Some(unknown("type of replication message", 0x77))
    );
    assert_eq!(standby(&[b'r'; 33]), Some(Shape::Truncated));
    assert_eq!(standby(&[b'r'; 34]), Some(unknown("reply flag", 0x72)));
    assert_eq!(standby(&[b'h'; 24]), Some(Shape::Truncated));
    assert_eq!(standby(&[b'h'; 26]), Some(Shape::Trailing(1)));
    assert_eq!(standby(&[b'p'; 8]), Some(Shape::Truncated));
    assert_eq!(standby(&[b'p'; 10]), Some(Shape::Trailing(1)));
    assert_eq!(backup(b""), Some(Shape::Truncated));
    assert_eq!(
        backup(b"x"),
        Some(unknown("type of replication message", 0x78))
    );
    assert_eq!(backup(b"nbase.tar\0"), Some(Shape::Unterminated));
    assert_eq!(backup(b"nbase.tar\0\0x"), Some(Shape::Trailing(1)));
    assert_eq!(backup(b"mx"), Some(Shape::Trailing(1)));
    assert_eq!(backup(b"p1234567"), Some(Shape::Truncated));
}

#[test]
fn only_a_malformed_body_keeps_the_stream_in_step() {
    let malformed = frontend(b'Q', b"x").unwrap_err();
    assert!(!malformed.loses_sync());
    assert_eq!(malformed.sqlstate(), SqlState::PROTOCOL_VIOLATION);
    assert_eq!(malformed.to_string(), "malformed Query");
    let source = std::error::Error::source(&malformed).unwrap().to_string();
    assert_eq!(source, "a string has no terminating zero byte");
    assert!(frontend(0, b"").unwrap_err().loses_sync());
    assert!(Error::UnknownReply(b'x').loses_sync());
}
