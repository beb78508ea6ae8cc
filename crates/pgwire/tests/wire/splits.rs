//! It makes no difference in which pieces a stream arrives, and no bytes make anything panic.

use howdah_pgwire::{Gather, Header, Limits, Walker, backend, frontend, fuzzing, startup};
use pretty_assertions::assert_eq;
use proptest::collection::vec;
use proptest::prelude::*;

use super::samples::{self, framed};
use super::{round_trip_backend, round_trip_frontend};

/// Feeds a stream in these pieces; answers with each message's type and body.
fn messages(stream: &[u8], cuts: &[usize]) -> Vec<(u8, Vec<u8>)> {
    let limits = Limits::default();
    let mut walker = Walker::<backend::Backend>::new();
    let mut gather = Gather::new();
    let mut found = Vec::new();
    let mut starts = 0;
    let mut places: Vec<usize> = cuts.iter().map(|cut| cut % (stream.len() + 1)).collect();
    places.extend([0, stream.len()]);
    places.sort_unstable();
    for pair in places.windows(2) {
        let mut input = &stream[pair[0]..pair[1]];
        while let Some(piece) = walker.next(&mut input, &limits).unwrap() {
            starts += usize::from(piece.first);
            if let Some(body) = gather.push(piece) {
                found.push((piece.header.tag, body.to_vec()));
            }
        }
        assert!(input.is_empty());
    }
    assert!(walker.is_between_messages());
    assert_eq!(starts, found.len());
    found
}

proptest! {
    #[test]
    fn a_servers_stream_is_the_same_in_any_pieces(
        stream in vec(round_trip_backend::message(), 0..12),
        cuts in vec(any::<usize>(), 0..30),
    ) {
        let expected: Vec<_> = stream.iter().map(|message| (message[0], message[Header::SIZE..].to_vec())).collect();
        let stream = stream.concat();
        prop_assert_eq!(&messages(&stream, &cuts), &expected);
        let every: Vec<usize> = (0..stream.len()).collect();
        prop_assert_eq!(&messages(&stream, &every), &expected);
    }

    #[test]
    fn damaged_streams_of_a_client_break_no_promise(
        stream in vec(round_trip_frontend::message(), 0..8),
        damage in vec(any::<(prop::sample::Index, u8)>(), 0..6),
        step in any::<u8>(),
    ) {
        fuzzing::frontend(&damaged(step, stream.concat(), &damage));
    }

    #[test]
    fn damaged_streams_of_a_server_break_no_promise(
        stream in vec(round_trip_backend::message(), 0..8),
        damage in vec(any::<(prop::sample::Index, u8)>(), 0..6),
        step in any::<u8>(),
    ) {
        fuzzing::backend(&damaged(step, stream.concat(), &damage));
    }

    #[test]
    fn any_bytes_break_no_promise(bytes in vec(any::<u8>(), 0..300)) {
        for (_, target) in fuzzing::TARGETS {
            target(&bytes);
        }
    }

    #[test]
    fn any_body_of_any_type_breaks_no_promise(tag in any::<u8>(), body in vec(any::<u8>(), 0..100)) {
        let bytes = framed(tag, &body);
        fuzzing::frontend(&[&[1], bytes.as_slice()].concat());
        fuzzing::backend(&[&[2], bytes.as_slice()].concat());
        let _ = frontend::Message::decode(tag, &body);
        let _ = backend::Message::decode(tag, &body);
    }

    #[test]
    fn any_small_startup_packet_breaks_no_promise(body in vec(any::<u8>(), 0..60), code in 0..4_usize) {
        let codes = [196_608, startup::code::SSL, startup::code::GSS_ENCRYPTION, startup::code::CANCEL];
        let body = [&u32::to_be_bytes(codes[code]), body.as_slice()].concat();
        fuzzing::startup(&framed(0, &body)[1..]);
    }
}

fn damaged(step: u8, mut stream: Vec<u8>, damage: &[(prop::sample::Index, u8)]) -> Vec<u8> {
    for (place, byte) in damage {
        if !stream.is_empty() {
            let place = place.index(stream.len());
            stream[place] = *byte;
        }
    }
    stream.insert(0, step);
    stream
}

#[test]
fn every_sample_with_every_byte_changed_breaks_no_promise() {
    for (samples, target) in [
        (samples::FRONTEND, fuzzing::frontend as fn(&[u8])),
        (samples::BACKEND, fuzzing::backend),
    ] {
        for sample in samples {
            let bytes = framed(sample.tag, sample.body);
            for place in 0..bytes.len() {
                for value in [0, 1, 0x7f, 0x80, 0xff] {
                    let mut bytes = bytes.clone();
                    bytes[place] = value;
                    target(&[&[3], bytes.as_slice()].concat());
                }
            }
        }
    }
}

#[test]
fn a_message_that_ends_with_the_input_is_whole_without_being_copied() {
    let stream = framed(b'Z', b"I");
    let mut walker = Walker::<backend::Backend>::new();
    let mut input = stream.as_slice();
    let piece = walker
        .next(&mut input, &Limits::default())
        .unwrap()
        .unwrap();
    assert_eq!(piece.whole(), Some(b"I".as_slice()));
    assert!(std::ptr::eq(piece.bytes, &raw const stream[5..6]));
    assert_eq!(walker.next(&mut input, &Limits::default()), Ok(None));
}

#[test]
fn a_header_announces_its_body_before_it_comes() {
    let mut walker = Walker::<backend::Backend>::new();
    let limits = Limits::default();
    assert_eq!(walker.next(&mut b"D\0\0".as_slice(), &limits), Ok(None));
    assert!(!walker.is_between_messages());
    let piece = walker
        .next(&mut b"\0\x06".as_slice(), &limits)
        .unwrap()
        .unwrap();
    assert_eq!(
        (piece.first, piece.header.body, piece.bytes),
        (true, 2, b"".as_slice())
    );
    assert_eq!(piece.whole(), None);
    assert_eq!(walker.next(&mut b"".as_slice(), &limits), Ok(None));
    let piece = walker
        .next(&mut b"\0\0Z".as_slice(), &limits)
        .unwrap()
        .unwrap();
    assert_eq!(
        (piece.first, piece.whole()),
        (false, Some(b"\0\0".as_slice()))
    );
    assert!(walker.is_between_messages());
}
