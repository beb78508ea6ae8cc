//! Sessions of real programs: every byte of both sides is understood and written back as it came.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

use anyhow::{Context, ensure};
use howdah_pgwire::{ProtocolVersion, SqlState, backend, frontend, fuzzing, startup};
use pretty_assertions::assert_eq;

use super::session::{Capture, Event, Side, walk};

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/captures")
}

fn all() -> Vec<(String, Capture)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder()).unwrap() {
        let path = entry.unwrap().path();
        if path
            .extension()
            .is_some_and(|extension| extension == "capture")
        {
            let name = path.file_stem().unwrap().to_string_lossy().into_owned();
            let capture = Capture::read(&fs::read(&path).unwrap()).unwrap();
            found.push((name, capture));
        }
    }
    found.sort_by(|a, b| a.0.cmp(&b.0));
    found
}

fn named(name: &str) -> Capture {
    let path = folder().join(format!("{name}.capture"));
    Capture::read(&fs::read(path).unwrap()).unwrap()
}

/// All that one side sent.
fn stream(capture: &Capture, side: Side) -> Vec<u8> {
    let records = capture.records.iter().filter(|(sender, _)| *sender == side);
    records.flat_map(|(_, data)| data).copied().collect()
}

#[test]
fn every_byte_is_understood_and_written_back_as_it_came() {
    let captures = all();
    assert!(captures.len() >= 40, "only {} captures", captures.len());
    for (name, capture) in captures {
        let (mut front, mut back) = (Vec::new(), Vec::new());
        walk(&capture, |side, _, raw| {
            match side {
                Side::Frontend => front.extend_from_slice(raw),
                Side::Backend => back.extend_from_slice(raw),
            }
            Ok(())
        })
        .with_context(|| name.clone())
        .unwrap();
        assert!(front == stream(&capture, Side::Frontend), "{name}");
        assert!(back == stream(&capture, Side::Backend), "{name}");
        assert!(!front.is_empty(), "{name}");
    }
}

#[test]
fn captures_are_understood_byte_by_byte_too() {
    for (name, capture) in all() {
        let mut single = Capture::default();
        for (side, data) in &capture.records {
            single
                .records
                .extend(data.iter().map(|byte| (*side, vec![*byte])));
        }
        let count = |capture: &Capture| {
            let mut count = 0;
            walk(capture, |_, event, _| {
                count += usize::from(!matches!(event, Event::Encrypted));
                Ok(())
            })
            .with_context(|| name.clone())
            .unwrap();
            count
        };
        assert_eq!(count(&single), count(&capture), "{name}");
    }
}

#[test]
fn captured_streams_break_no_promise() {
    for (_, capture) in all() {
        for step in [1, 2, 7, 255] {
            let stream = |side| [&[step], stream(&capture, side).as_slice()].concat();
            fuzzing::backend(&stream(Side::Backend));
            fuzzing::frontend(&stream(Side::Frontend));
        }
    }
}

/// libpq cannot ask for a part of a portal's rows.
const NEVER_SEEN: [&str; 1] = ["PortalSuspended"];

#[test]
fn the_captures_hold_every_type_of_message() {
    let mut seen = BTreeSet::new();
    for (_, capture) in all() {
        walk(&capture, |_, event, _| {
            match event {
                Event::Frontend(message) => seen.insert(("frontend", message.name())),
                Event::Backend(message) => seen.insert(("backend", message.name())),
                _ => false,
            };
            Ok(())
        })
        .unwrap();
    }
    let mut expected = BTreeSet::new();
    for tag in 0..=u8::MAX {
        if let Some(kind) = <frontend::Frontend as howdah_pgwire::frame::Direction>::kind(tag) {
            expected.insert(("frontend", kind.name));
        }
        if let Some(kind) = <backend::Backend as howdah_pgwire::frame::Direction>::kind(tag) {
            expected.insert(("backend", kind.name));
        }
    }
    expected.retain(|(_, name)| !NEVER_SEEN.contains(name));
    assert_eq!(seen, expected);
}

/// The SQLSTATEs of a capture's errors.
fn errors(name: &str) -> Vec<SqlState> {
    let mut found = Vec::new();
    walk(&named(name), |_, event, _| {
        if let Event::Backend(backend::Message::ErrorResponse(error)) = event {
            found.push(error.report.sqlstate().context("a SQLSTATE")?);
            ensure!(error.report.message().is_some() && error.report.severity().is_some());
        }
        Ok(())
    })
    .unwrap();
    found
}

#[test]
fn errors_have_the_codes_that_postgres_gives_them() {
    for version in [15, 18] {
        let errors = |name: &str| errors(&format!("psql-{version}-{name}"));
        assert_eq!(errors("wrong-password"), [SqlState::INVALID_PASSWORD]);
        assert_eq!(errors("unknown-database"), [SqlState::INVALID_CATALOG_NAME]);
        assert_eq!(errors("cancel"), [SqlState::QUERY_CANCELED]);
        assert_eq!(errors("terminated"), [SqlState::ADMIN_SHUTDOWN]);
    }
    assert_eq!(errors("psql-18-too-many"), [SqlState::TOO_MANY_CONNECTIONS]);
}

/// The key that a server gave out, and the version that the client asked for.
fn key(name: &str) -> (ProtocolVersion, u32, Vec<u8>) {
    let mut found = (ProtocolVersion::V3_0, 0, Vec::new());
    walk(&named(name), |_, event, _| {
        match event {
            Event::Startup(startup::Message::Startup(message)) => found.0 = message.version,
            Event::Backend(backend::Message::BackendKeyData(data)) => {
                found.1 = data.process_id;
                found.2 = data.key.expose().to_vec();
            }
            _ => (),
        }
        Ok(())
    })
    .unwrap();
    found
}

/// What a cancel request repeated.
fn cancelled(name: &str) -> (u32, Vec<u8>) {
    let mut found = (0, Vec::new());
    walk(&named(name), |_, event, _| {
        if let Event::Startup(startup::Message::Cancel(cancel)) = event {
            found = (cancel.process_id, cancel.key.expose().to_vec());
        }
        Ok(())
    })
    .unwrap();
    found
}

#[test]
fn a_cancel_request_repeats_the_key_of_its_session() {
    for (session, version, length) in [
        ("psql-15-cancel", ProtocolVersion::V3_0, 4),
        ("psql-18-cancel", ProtocolVersion::V3_0, 4),
        ("psql-18-protocol-3.2", ProtocolVersion::V3_2, 32),
    ] {
        let (asked, process_id, key) = key(session);
        assert_eq!((asked, key.len()), (version, length), "{session}");
        assert_eq!(
            cancelled(&format!("{session}-2")),
            (process_id, key),
            "{session}"
        );
    }
}

#[test]
fn an_older_server_negotiates_the_version_down() {
    let mut newest = None;
    walk(&named("psql-18-protocol-3.2-to-15"), |_, event, _| {
        if let Event::Backend(backend::Message::NegotiateProtocolVersion(message)) = event {
            newest = Some((message.newest, message.unrecognized.len()));
        }
        Ok(())
    })
    .unwrap();
    assert_eq!(newest, Some((ProtocolVersion::V3_0, 0)));
}

#[test]
fn under_tls_nothing_is_read_but_the_request() {
    for (name, requests) in [
        ("psql-15-tls", 2),
        ("psql-18-tls", 2),
        ("psql-18-direct-tls", 0),
    ] {
        let mut plain = 0;
        let mut encrypted = 0;
        walk(&named(name), |_, event, raw| {
            match event {
                Event::Encrypted => encrypted += raw.len(),
                _ => plain += 1,
            }
            Ok(())
        })
        .unwrap();
        assert_eq!(plain, requests, "{name}");
        assert!(encrypted > 100, "{name}");
    }
}
