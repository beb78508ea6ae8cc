//! Each limit lets through what is as large as it says, and nothing larger.

use howdah_pgwire::backend::{self, Backend};
use howdah_pgwire::format::{Format, Value};
use howdah_pgwire::frame::Direction;
use howdah_pgwire::frontend::{self, Frontend};
use howdah_pgwire::startup::Parameter;
use howdah_pgwire::{Error, Header, Limits, List, Shape, SqlState, Walker, startup};
use pretty_assertions::assert_eq;

fn header(tag: u8, body: u32) -> [u8; 5] {
    let [a, b, c, d] = (body + 4).to_be_bytes();
    [tag, a, b, c, d]
}

fn check_each_type<D: Direction>(limits: &Limits<D>) {
    let mut known = 0;
    for tag in 0..=u8::MAX {
        let Some(kind) = D::kind(tag) else {
            assert_eq!(limits.max(tag), 0);
            continue;
        };
        known += 1;
        let limit = limits.max(tag);
        let parsed = Header::parse(&header(tag, limit), limits);
        assert_eq!(parsed, Ok(Some(Header { tag, body: limit })));
        let error = Error::TooLong {
            message: kind.name,
            length: u64::from(limit) + 1,
            limit,
        };
        assert_eq!(Header::parse(&header(tag, limit + 1), limits), Err(error));
        assert_eq!(error.sqlstate(), SqlState::PROTOCOL_VIOLATION);
    }
    assert!(known >= 14);
}

#[test]
fn every_type_has_its_limit() {
    check_each_type(&Limits::<Frontend>::default());
    check_each_type(&Limits::<Backend>::default());
    check_each_type(&Limits::<Frontend>::default().at_most(100));
    check_each_type(&Limits::<Backend>::default().with(b'D', 7).with(b'Z', 0));
}

#[test]
fn the_defaults_are_those_of_the_server_and_of_libpq() {
    let frontend = Limits::<Frontend>::default();
    assert_eq!(frontend.max(b'Q') + 4, 0x3fff_ffff - 1);
    assert_eq!(frontend.max(b'S') + 4, 10_000);
    assert_eq!(frontend.max(b'p') + 4, 65_535);
    let backend = Limits::<Backend>::default();
    assert_eq!(backend.max(b'D') + 4, 0x3fff_ffff - 1);
    assert_eq!(backend.max(b'Z') + 4, 30_000);
    assert_eq!(backend.max(b't'), 262_142);
    assert!(
        format!("{frontend:?}").contains("\"Query\": 1073741818"),
        "{frontend:?}"
    );
}

#[test]
fn a_limit_is_for_its_type_alone() {
    let limits = Limits::<Frontend>::default().with(b'Q', 3).with(0xff, 9);
    assert_eq!(
        frontend::parse(b"Q\0\0\0\x08abc\0", &limits).unwrap_err(),
        Error::TooLong {
            message: "Query",
            length: 4,
            limit: 3,
        }
    );
    assert!(
        frontend::parse(b"Q\0\0\0\x07ab\0", &limits)
            .unwrap()
            .is_some()
    );
    assert_eq!(limits.max(b'P'), Limits::<Frontend>::default().max(b'P'));
    let copy = limits.clone();
    assert_eq!((copy.max(b'Q'), copy.max(b'P')), (3, limits.max(b'P')));
    assert_eq!(limits.max(0xff), 0);
}

#[test]
fn lowering_all_limits_raises_none() {
    let limits = Limits::<Frontend>::default().with(b'Q', 3).at_most(5);
    assert_eq!((limits.max(b'Q'), limits.max(b'P')), (3, 5));
}

#[test]
fn the_walker_keeps_to_the_limits_and_answers_for_ever_with_its_error() {
    let limits = Limits::<Backend>::default().with(b'D', 9);
    let mut walker = Walker::new();
    let mut input = header(b'D', 10).to_vec();
    input.extend(b"ZZZZZZZ");
    let mut input = input.as_slice();
    let error = walker.next(&mut input, &limits).unwrap_err();
    assert_eq!(
        error,
        Error::TooLong {
            message: "DataRow",
            length: 10,
            limit: 9
        }
    );
    assert_eq!(
        walker.next(&mut b"Z\0\0\0\x05I".as_slice(), &limits),
        Err(error)
    );
    assert!(!walker.is_between_messages());
}

#[test]
fn a_body_of_a_gibibyte_is_followed_without_being_held() {
    let limits = Limits::<Backend>::default();
    let size = limits.max(b'd');
    let mut walker = Walker::new();
    let head = header(b'd', size);
    let piece = walker.next(&mut head.as_slice(), &limits).unwrap().unwrap();
    assert!(piece.first && !piece.is_last() && piece.bytes.is_empty());
    let chunk = vec![0; 1 << 20];
    let mut left = size;
    while left > 0 {
        let mut input = chunk.as_slice();
        let piece = walker.next(&mut input, &limits).unwrap().unwrap();
        assert_eq!(piece.offset, size - left);
        left -= u32::try_from(piece.bytes.len()).unwrap();
        assert_eq!(piece.is_last(), left == 0);
        assert!(!piece.first);
    }
    assert!(walker.is_between_messages());
}

fn startup_packet(body: usize, parameters: usize) -> Vec<u8> {
    let mut packet = u32::try_from(body + 4).unwrap().to_be_bytes().to_vec();
    packet.extend(196_608_u32.to_be_bytes());
    for _ in 1..parameters {
        packet.extend(b"n\0v\0");
    }
    packet.extend(b"n\0");
    let filler = body + 4 - packet.len() - 2;
    packet.extend(std::iter::repeat_n(b'v', filler));
    packet.extend(b"\0\0");
    packet
}

fn parse_startup(packet: &[u8], limits: startup::Limits) -> Result<Option<usize>, Error> {
    startup::parse(packet, &limits).map(|parsed| parsed.map(|(_, size)| size))
}

#[test]
fn a_startup_packet_has_at_most_10_000_bytes_after_its_length() {
    let limits = startup::Limits::default();
    let most = startup_packet(10_000, 1);
    assert_eq!(parse_startup(&most, limits), Ok(Some(10_004)));
    let more = startup_packet(10_001, 1);
    let error = Err(Error::TooLong {
        message: "startup packet",
        length: 10_001,
        limit: 10_000,
    });
    assert_eq!(parse_startup(&more, limits), error);
    assert_eq!(parse_startup(&more[..4], limits), error);
    let raised = startup::Limits {
        packet: 10_001,
        ..limits
    };
    assert_eq!(parse_startup(&more, raised), Ok(Some(10_005)));
}

#[test]
fn a_startup_packet_has_at_most_the_permitted_parameters() {
    let limits = startup::Limits {
        parameters: 3,
        ..startup::Limits::default()
    };
    assert_eq!(parse_startup(&startup_packet(40, 3), limits), Ok(Some(44)));
    let error = Error::TooMany {
        message: "startup packet",
        limit: 3,
    };
    assert_eq!(parse_startup(&startup_packet(40, 4), limits), Err(error));
    assert_eq!(error.sqlstate(), SqlState::PROGRAM_LIMIT_EXCEEDED);
    assert!(!error.loses_sync());
    let none = startup::Limits {
        parameters: 0,
        ..limits
    };
    assert_eq!(parse_startup(b"\0\0\0\x09\0\x03\0\0\0", none), Ok(Some(9)));
    let default = startup::Limits::default();
    assert!(parse_startup(&startup_packet(5_000, 256), default).is_ok());
    assert!(parse_startup(&startup_packet(5_000, 257), default).is_err());
}

#[test]
fn a_list_is_built_of_at_most_65_535_items() {
    let mut scratch = Vec::new();
    let list: List<'_, Format> = List::build(&mut scratch, vec![Format::TEXT; 65_535]).unwrap();
    assert_eq!(
        (list.len(), list.is_empty(), list.iter().len()),
        (65_535, false, 65_535)
    );
    let built = List::<Value<'_>>::build(&mut scratch, vec![Value(None); 65_536]);
    assert_eq!(
        built,
        Err(Error::TooMany {
            message: "list",
            limit: 65_535
        })
    );
}

#[test]
fn an_item_that_would_end_the_list_is_refused() {
    let mut scratch = Vec::new();
    let empty = Parameter {
        name: c"",
        value: c"x",
    };
    let error = Error::Malformed {
        message: "list",
        shape: Shape::EmptyItem,
    };
    assert_eq!(
        List::<Parameter<'_>>::build(&mut scratch, [empty]),
        Err(error)
    );
    let field = backend::Field {
        code: 0,
        value: c"x",
    };
    assert_eq!(
        List::<backend::Field<'_>>::build(&mut scratch, [field]),
        Err(error)
    );
}

#[test]
fn the_largest_counts_are_read() {
    let mut body = 65_535_u16.to_be_bytes().to_vec();
    body.extend(vec![0xff; 4 * 65_535]);
    let backend::Message::DataRow(row) = backend::Message::decode(b'D', &body).unwrap() else {
        panic!("another message");
    };
    assert_eq!(
        row.values.iter().filter(|value| value.0.is_none()).count(),
        65_535
    );
    let backend::Message::ParameterDescription(types) =
        backend::Message::decode(b't', &body).unwrap()
    else {
        panic!("another message");
    };
    assert_eq!(types.types.iter().last(), Some(u32::MAX));
    assert_eq!(
        body.len(),
        usize::try_from(Limits::<Backend>::default().max(b't')).unwrap()
    );
}
