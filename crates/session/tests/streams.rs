//! Streams in any pieces: any bytes at all, conversations made up at random, and recorded sessions of real programs.

use std::fs;
use std::path::Path;

use howdah_session::fuzzing::{self, Side, play};
use howdah_session::{Event, StatementKind};
use proptest::prelude::*;

/// A message with a body of zeros or, for types whose body is read, of one that has a meaning.
fn message(tag: u8, size: u8) -> Vec<u8> {
    let body = match tag {
        b'Z' => [b"I", b"T", b"E"][usize::from(size) % 3].to_vec(),
        b'C' => [&b"SELECT 3\0"[..], b"COMMIT\0", b"ROLLBACK\0", b"BEGIN\0"][usize::from(size) % 4]
            .to_vec(),
        b'E' => b"SERROR\0VERROR\0C42601\0\0".to_vec(),
        _ => vec![0; usize::from(size)],
    };
    let length = u32::try_from(body.len() + 4).expect("a short body");
    [&[tag][..], &length.to_be_bytes(), &body].concat()
}

fn side() -> impl Strategy<Value = (Side, Vec<u8>)> {
    let client = proptest::collection::vec(
        (
            proptest::sample::select(b"QPBDECHSFXdcfp".to_vec()),
            any::<u8>(),
        ),
        1..6,
    );
    let server = proptest::collection::vec(
        (
            proptest::sample::select(b"RKSZCETDGHWcdI123nsAtNVZCZ".to_vec()),
            any::<u8>(),
        ),
        1..6,
    );
    let bytes = |messages: Vec<(u8, u8)>| {
        messages
            .into_iter()
            .flat_map(|(tag, size)| message(tag, size))
            .collect()
    };
    prop_oneof![
        client.prop_map(move |messages| (Side::Client, bytes(messages))),
        server.prop_map(move |messages| (Side::Server, bytes(messages))),
    ]
}

/// The startup message of a user without a name.
const STARTUP: &[u8] = b"\0\0\0\x10\0\x03\0\0user\0x\0\0";

proptest! {
    #[test]
    fn any_bytes_keep_the_promises(bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
        fuzzing::session(&bytes);
    }

    #[test]
    fn any_bytes_after_a_startup_message_keep_the_promises(
        bytes in proptest::collection::vec(any::<u8>(), 0..600),
    ) {
        let mut all = vec![7, u8::try_from(STARTUP.len() << 1).unwrap()];
        all.extend(STARTUP);
        all.extend(bytes);
        fuzzing::session(&all);
    }

    #[test]
    fn it_makes_no_difference_in_which_pieces_a_conversation_arrives(
        conversation in proptest::collection::vec(side(), 0..30),
        step in 1_usize..50,
    ) {
        let mut parts = vec![(Side::Client, STARTUP), (Side::Server, b"Z\0\0\0\x05I")];
        parts.extend(conversation.iter().map(|(side, bytes)| (*side, bytes.as_slice())));
        let whole = play(&parts, usize::MAX);
        prop_assert!(!whole.opaque);
        prop_assert_eq!(whole, play(&parts, step));
    }
}

/// The records of a capture: who sent, and the bytes. (crates/pgwire/tests/captures/README.md)
fn capture(path: &Path) -> Vec<(Side, Vec<u8>)> {
    let bytes = fs::read(path).expect("a capture");
    let mut rest = bytes.as_slice();
    let mut records = Vec::new();
    while let [sender, a, b, c, d, tail @ ..] = rest {
        let length = u32::from_be_bytes([*a, *b, *c, *d]) as usize;
        let side = if *sender == b'F' {
            Side::Client
        } else {
            Side::Server
        };
        records.push((side, tail[..length].to_vec()));
        rest = &tail[length..];
    }
    records
}

fn named(name: &str) -> Vec<(Side, Vec<u8>)> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../pgwire/tests/captures");
    without_encryption(capture(&Path::new(folder).join(format!("{name}.capture"))))
}

/// Leaves out requests for encryption and their answers, which end before the session sees the connection.
fn without_encryption(records: Vec<(Side, Vec<u8>)>) -> Vec<(Side, Vec<u8>)> {
    let request =
        |bytes: &[u8]| bytes.len() == 8 && matches!(bytes.get(4..7), Some([0x04, 0xd2, 0x16]));
    let asked = records.iter().filter(|(_, bytes)| request(bytes)).count();
    let mut answers = asked;
    records
        .into_iter()
        .filter(|(side, bytes)| {
            let answer = *side == Side::Server && bytes.len() == 1 && answers > 0;
            answers -= usize::from(answer);
            !answer && !request(bytes)
        })
        .collect()
}

fn outcome(records: &[(Side, Vec<u8>)], step: usize) -> fuzzing::Outcome {
    let parts: Vec<_> = records
        .iter()
        .map(|(side, bytes)| (*side, bytes.as_slice()))
        .collect();
    play(&parts, step)
}

#[test]
fn sessions_of_real_programs_are_followed_to_the_end_in_any_pieces() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../pgwire/tests/captures");
    let mut seen = 0;
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        let other = path.extension().is_none_or(|end| end != "capture");
        // The former are encrypted; the latter are cancel requests, which pass unread.
        let cancels = [
            "psql-15-cancel-2",
            "psql-18-cancel-2",
            "psql-18-protocol-3.2-2",
        ];
        if other || name.ends_with("tls") || cancels.contains(&name.as_str()) {
            continue;
        }
        let records = named(&name);
        let whole = outcome(&records, usize::MAX);
        assert!(!whole.opaque, "{name}: {whole:?}");
        assert_eq!(whole, outcome(&records, 1), "{name}");
        assert_eq!(whole, outcome(&records, 13), "{name}");
        seen += 1;
    }
    assert!(seen >= 35, "only {seen} captures");
}

#[test]
fn the_seeds_of_the_fuzz_target_keep_the_promises() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/fuzz/corpus/session");
    let seeds: Vec<_> = fs::read_dir(folder).unwrap().collect();
    assert!(!seeds.is_empty());
    for seed in seeds {
        fuzzing::session(&fs::read(seed.unwrap().path()).unwrap());
    }
}

#[test]
fn real_sessions_end_at_rest_and_are_counted() {
    for (name, statements, copies) in [
        ("pgbench-18-prepared", 1, 0),
        ("psql-18-copy", 1, 1),
        ("psql-15-copy-fail", 0, 0),
    ] {
        let outcome = outcome(&named(name), usize::MAX);
        assert!(outcome.at_rest, "{name}: {outcome:?}");
        assert!(outcome.summary.statements >= statements, "{name}");
        let copied = |event: &&Event| {
            matches!(
                event,
                Event::Statement {
                    kind: StatementKind::Copy,
                    ..
                }
            )
        };
        assert!(outcome.events.iter().filter(copied).count() >= copies);
    }
    let failed = outcome(&named("psql-15-wrong-password"), usize::MAX);
    let code = failed.summary.last_error.map(|code| code.to_string());
    assert_eq!(code.as_deref(), Some("28P01"));
}
