//! Packets of the startup phase, and what is inside CopyData, are read as they were written.

use std::ffi::{CStr, CString};

use howdah_pgwire::replication::{backup, primary, standby};
use howdah_pgwire::startup::{
    CancelRequest, EncryptionReply, Message, Parameter, Replication, StartupMessage, parse_reply,
};
use howdah_pgwire::{Error, List, ProtocolVersion, SecretKey, startup};
use pretty_assertions::assert_eq;
use proptest::collection::vec;
use proptest::prelude::*;

use super::checks::startup as check;
use super::values::{bytes, key, name, string};

fn startup_message() -> impl Strategy<Value = Vec<u8>> {
    (any::<u16>(), vec((name(), string()), 0..10)).prop_map(|(minor, parameters)| {
        let mut scratch = Vec::new();
        let given = parameters
            .iter()
            .map(|(name, value)| Parameter { name, value });
        let message = StartupMessage {
            version: ProtocolVersion::new(3, minor),
            parameters: List::build(&mut scratch, given.clone()).unwrap(),
        };
        assert!(message.parameters.iter().eq(given));
        check(Message::Startup(message))
    })
}

proptest! {
    #[test]
    fn startup_messages_are_read_as_they_were_written(_checked in startup_message()) {}

    #[test]
    fn cancel_requests_are_read_as_they_were_written(process_id in any::<u32>(), key in key()) {
        let key = SecretKey::new(&key).unwrap();
        check(Message::Cancel(CancelRequest { process_id, key }));
    }

    #[test]
    fn messages_of_a_primary_are_read_as_they_were_written(
        numbers in any::<(u64, u64, u64, i64)>(),
        reply_now in any::<bool>(),
        data in bytes(),
    ) {
        let (start, end, next, sent_at) = numbers;
        for message in [
            primary::Message::XLogData(primary::XLogData { start, end, sent_at, data: &data }),
            primary::Message::Keepalive(primary::Keepalive { end, sent_at, reply_now }),
            primary::Message::PrimaryStatus(primary::PrimaryStatus { end, oldest_committing: start, next, sent_at }),
        ] {
            let mut out = Vec::new();
            message.encode(&mut out);
            prop_assert_eq!(primary::parse(&out), Ok(message));
            if let primary::Message::XLogData(message) = message {
                prop_assert_eq!(&out[primary::XLogData::HEADER..], message.data);
            }
        }
    }

    #[test]
    fn messages_of_a_standby_are_read_as_they_were_written(
        positions in any::<(u64, u64, u64, i64)>(),
        xids in any::<(u32, u32, u32, u32)>(),
        reply_now in any::<bool>(),
    ) {
        let (written, flushed, applied, sent_at) = positions;
        let (xmin, xmin_epoch, catalog_xmin, catalog_xmin_epoch) = xids;
        for message in [
            standby::Message::StatusUpdate(standby::StatusUpdate { written, flushed, applied, sent_at, reply_now }),
            standby::Message::HotStandbyFeedback(standby::HotStandbyFeedback {
                sent_at, xmin, xmin_epoch, catalog_xmin, catalog_xmin_epoch,
            }),
            standby::Message::PrimaryStatusRequest { sent_at },
        ] {
            let mut out = Vec::new();
            message.encode(&mut out);
            prop_assert_eq!(standby::parse(&out), Ok(message));
        }
    }

    #[test]
    fn messages_of_a_backup_are_read_as_they_were_written(
        name in string(),
        path in string(),
        data in bytes(),
        done in any::<i64>(),
    ) {
        let (name, path) = (&*name, &*path);
        for message in [
            backup::Message::NewArchive { name, path },
            backup::Message::Manifest,
            backup::Message::Data(&data),
            backup::Message::Progress { done },
        ] {
            let mut out = Vec::new();
            message.encode(&mut out);
            prop_assert_eq!(backup::parse(&out), Ok(message));
        }
    }
}

#[test]
fn requests_for_encryption_are_the_manuals_bytes() {
    assert_eq!(
        check(Message::SslRequest),
        [0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f]
    );
    assert_eq!(
        check(Message::GssEncRequest),
        [0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x30]
    );
}

#[test]
fn a_tls_handshake_is_left_in_place() {
    let parsed = startup::parse(&[0x16, 3, 1, 2, 0], &startup::Limits::default());
    assert_eq!(parsed, Ok(Some((Message::DirectTls, 0))));
    let mut out = Vec::new();
    Message::DirectTls.encode(&mut out).unwrap();
    assert_eq!(out, []);
}

#[test]
fn the_answer_to_a_request_for_encryption_is_one_byte() {
    let cases = [
        (b'S', EncryptionReply::Ssl, 1),
        (b'G', EncryptionReply::Gss, 1),
        (b'N', EncryptionReply::Refused, 1),
        (b'E', EncryptionReply::Error, 0),
    ];
    for (byte, reply, size) in cases {
        assert_eq!(parse_reply(&[byte, b'x']), Ok(Some((reply, size))));
        let mut out = Vec::new();
        reply.encode(&mut out);
        assert_eq!(out, [byte][..size]);
    }
    assert_eq!(parse_reply(&[]), Ok(None));
    assert_eq!(parse_reply(b"H"), Err(Error::UnknownReply(b'H')));
}

fn with(parameters: &[(&CStr, &CStr)], look: impl FnOnce(StartupMessage<'_>)) {
    let mut scratch = Vec::new();
    let parameters = parameters
        .iter()
        .map(|(name, value)| Parameter { name, value });
    look(StartupMessage {
        version: ProtocolVersion::V3_0,
        parameters: List::build(&mut scratch, parameters).unwrap(),
    });
}

#[test]
fn the_last_of_two_equal_parameters_counts() {
    with(&[(c"user", c"a"), (c"user", c"b")], |message| {
        assert_eq!(message.user(), Some(c"b"));
        assert_eq!(message.get("options"), None);
    });
}

#[test]
fn a_database_that_is_not_named_is_named_as_the_user() {
    with(&[(c"user", c"a")], |message| {
        assert_eq!(message.database(), Some(c"a"))
    });
    with(&[(c"user", c"a"), (c"database", c"")], |message| {
        assert_eq!(message.database(), Some(c"a"));
    });
    with(&[(c"user", c"a"), (c"database", c"b")], |message| {
        assert_eq!(message.database(), Some(c"b"));
    });
    with(&[], |message| assert_eq!(message.database(), None));
}

#[test]
fn replication_is_off_unless_asked_for() {
    with(&[], |message| {
        assert_eq!(message.replication(), Some(Replication::None))
    });
    with(&[(c"replication", c"database")], |message| {
        assert_eq!(message.replication(), Some(Replication::Logical));
    });
    with(&[(c"replication", c"maybe")], |message| {
        assert_eq!(message.replication(), None)
    });
}

#[test]
fn debug_output_holds_no_secrets_and_no_rows() {
    let secret = CString::new("hunter2").unwrap();
    let message = howdah_pgwire::frontend::PasswordMessage { password: &secret };
    let mut bytes = Vec::new();
    howdah_pgwire::Body::encode(&message, &mut bytes).unwrap();
    let parsed = howdah_pgwire::frontend::parse(&bytes, &howdah_pgwire::Limits::default());
    let mut scratch = Vec::new();
    let value = howdah_pgwire::format::Value(Some(b"hunter2"));
    let values = List::build(&mut scratch, [value]).unwrap();
    let row = howdah_pgwire::backend::DataRow { values };
    let copy = howdah_pgwire::CopyData { data: b"hunter2" };
    let wal = primary::XLogData {
        start: 1,
        end: 2,
        sent_at: 3,
        data: b"hunter2",
    };
    let text = format!("{message:?} {parsed:?} {row:?} {copy:?} {wal:?}");
    assert!(!text.contains("hunter2"), "{text}");
    assert!(text.contains("<7 bytes>"), "{text}");
}
