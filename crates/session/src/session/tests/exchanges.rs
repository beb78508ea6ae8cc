//! What is counted and measured in each kind of exchange.

use pretty_assertions::assert_eq;

use super::*;

#[test]
fn a_query_outside_a_transaction_is_a_transaction_of_its_own() {
    let mut world = World::ready();
    world.at(1_000).sends(&[&query()]);
    world.at(1_250).server(&[&done(c"SELECT 3"), &ready(b'I')]);
    assert_eq!(
        world.take(),
        [
            statement(StatementKind::Select, 3),
            answered(250),
            transaction(End::Commit, 250),
        ]
    );
}

#[test]
fn a_transaction_lasts_from_its_first_message_to_the_last_answer() {
    let mut world = World::ready();
    for (sent, answer, tag, status) in [
        (1_000, 1_010, c"BEGIN", b'T'),
        (2_000, 2_020, c"UPDATE 2", b'T'),
        (3_000, 3_030, c"COMMIT", b'I'),
    ] {
        world.at(sent).sends(&[&query()]);
        assert!(!world.session.is_at_rest());
        world.at(answer).server(&[&done(tag), &ready(status)]);
    }
    assert!(world.session.is_at_rest());
    assert_eq!(
        world.take(),
        [
            statement(StatementKind::Begin, 0),
            answered(10),
            statement(StatementKind::Update, 2),
            answered(20),
            statement(StatementKind::Commit, 0),
            answered(30),
            transaction(End::Commit, 2_030),
        ]
    );
}

#[test]
fn a_failed_transaction_is_rolled_back_whatever_ends_it() {
    let mut world = World::ready();
    world.sends(&[&query()]);
    world.server(&[&done(c"BEGIN"), &ready(b'T')]);
    world.sends(&[&query()]);
    world.server(&[&error(SqlState::SYNTAX_ERROR), &ready(b'E')]);
    assert!(!world.session.is_at_rest());
    world.take();
    // The server answers COMMIT of a failed transaction with this tag.
    world.sends(&[&query()]);
    world.server(&[&done(c"ROLLBACK"), &ready(b'I')]);
    assert_eq!(
        world.take(),
        [
            statement(StatementKind::Rollback, 0),
            answered(0),
            transaction(End::Rollback, 0),
        ]
    );
}

#[test]
fn a_commit_that_fails_is_a_rollback() {
    let mut world = World::ready();
    world.sends(&[&query()]);
    world.server(&[&done(c"BEGIN"), &ready(b'T')]);
    world.take();
    world.sends(&[&query()]);
    world.server(&[&error(SqlState::SERIALIZATION_FAILURE), &ready(b'I')]);
    assert_eq!(
        world.take(),
        [
            failed(SqlState::SERIALIZATION_FAILURE),
            answered(0),
            transaction(End::Rollback, 0),
        ]
    );
}

#[test]
fn rolling_back_to_a_savepoint_ends_no_transaction() {
    let mut world = World::ready();
    world.sends(&[&query()]);
    world.server(&[&done(c"BEGIN"), &ready(b'T')]);
    world.sends(&[&query()]);
    world.server(&[&done(c"ROLLBACK"), &ready(b'T')]);
    world.sends(&[&query()]);
    world.server(&[&done(c"COMMIT"), &ready(b'I')]);
    assert_eq!(world.session.summary().transactions, 1);
    assert!(world.take().contains(&transaction(End::Commit, 0)));
}

#[test]
fn every_execution_of_a_prepared_statement_counts() {
    let mut world = World::ready();
    for _ in 0..3 {
        world.sends(&[&extended(), &sync()]);
        world.server(&[
            b"1\0\0\0\x04",
            b"2\0\0\0\x04",
            &done(c"INSERT 0 2"),
            &ready(b'I'),
        ]);
    }
    let summary = *world.session.summary();
    assert_eq!((summary.statements, summary.transactions), (3, 3));
    assert_eq!(summary.rows, 6);
}

#[test]
fn a_pipeline_is_answered_sync_by_sync() {
    let mut world = World::ready();
    world
        .at(200)
        .sends(&[&extended(), &sync(), &extended(), &sync(), &query()]);
    world.at(210).server(&[&done(c"SELECT 1"), &ready(b'I')]);
    assert!(!world.session.is_at_rest());
    world
        .at(230)
        .server(&[&error(SqlState::QUERY_CANCELED), &ready(b'I')]);
    assert!(!world.session.is_at_rest());
    world.at(270).server(&[&done(c"DELETE 0"), &ready(b'I')]);
    assert!(world.session.is_at_rest());
    assert_eq!(
        world.take(),
        [
            statement(StatementKind::Select, 1),
            answered(10),
            transaction(End::Commit, 10),
            failed(SqlState::QUERY_CANCELED),
            answered(20),
            transaction(End::Rollback, 20),
            statement(StatementKind::Delete, 0),
            answered(40),
            transaction(End::Commit, 40),
        ]
    );
}

#[test]
fn without_sync_an_exchange_is_not_over() {
    let mut world = World::ready();
    world.sends(&[&extended()]);
    world.server(&[&done(c"SELECT 1")]);
    assert!(!world.session.is_at_rest());
    world.sends(&[&sync()]);
    world.server(&[&ready(b'I')]);
    assert!(world.session.is_at_rest());
}

#[test]
fn a_sync_alone_is_no_transaction() {
    let mut world = World::ready();
    world.sends(&[&sync()]);
    world.server(&[&ready(b'I')]);
    assert_eq!(world.take(), []);
    assert!(world.session.is_at_rest());
}

#[test]
fn copy_in_both_directions_ends_at_rest() {
    let data = front(CopyData { data: b"1\n" }.into());
    let formats = formats();
    let mut world = World::ready();
    world.sends(&[&query()]);
    world.server(&[&back(CopyInResponse { formats }.into())]);
    world.sends(&[&data, &data, &front(frontend::Message::CopyDone)]);
    world.server(&[&done(c"COPY 2"), &ready(b'I')]);
    assert!(world.session.is_at_rest());
    world.sends(&[&query()]);
    let out = back(CopyOutResponse { formats }.into());
    let end = back(backend::Message::CopyDone);
    world.server(&[&out, &data, &end, &done(c"COPY 1"), &ready(b'I')]);
    assert!(world.session.is_at_rest());
    assert_eq!(world.session.summary().rows, 3);
}

#[test]
fn a_sync_sent_ahead_of_copy_data_is_not_waited_for() {
    let formats = formats();
    for end in [
        front(frontend::Message::CopyDone),
        front(CopyFail { reason: c"no" }.into()),
    ] {
        let mut world = World::ready();
        // As libpq does: the server overlooks the first Sync, so there is a second one.
        world.sends(&[&extended(), &sync()]);
        world.server(&[&back(CopyInResponse { formats }.into())]);
        world.sends(&[&end, &sync()]);
        assert!(!world.session.is_at_rest());
        world.server(&[&done(c"COPY 0"), &ready(b'I')]);
        assert!(world.session.is_at_rest());
    }
}

#[test]
fn an_error_ends_copy_from_the_client() {
    let formats = formats();
    let mut world = World::ready();
    world.sends(&[&query()]);
    world.server(&[&back(CopyInResponse { formats }.into())]);
    world.server(&[&error(SqlState::INVALID_PARAMETER_VALUE), &ready(b'I')]);
    world.sends(&[&front(frontend::Message::CopyDone)]);
    assert!(world.session.is_at_rest());
    world.sends(&[&extended(), &sync()]);
    world.server(&[&done(c"SELECT 0"), &ready(b'I')]);
    assert!(world.session.is_at_rest());
}

#[test]
fn replication_streams_both_ways_and_never_rests() {
    let mut world = World::new();
    let bytes = startup_packet(&[(c"user", c"r"), (c"replication", c"true")]);
    assert!(matches!(world.open(&bytes), Opening::Startup(_, _)));
    world.server(&[&ready(b'I')]);
    assert!(!world.session.is_at_rest());
    world.sends(&[&query()]);
    let formats = formats();
    let data = front(CopyData { data: b"w" }.into());
    world.server(&[&back(CopyBothResponse { formats }.into()), &data]);
    world.sends(&[&data]);
    world.server(&[&data]);
    assert!(!world.session.is_opaque());
    world.hold = true;
    world.sends(&[&data]);
}

#[test]
fn errors_without_a_code_and_of_unknown_classes_share_a_name() {
    let mut world = World::ready();
    world.sends(&[&query()]);
    world.server(&[
        b"E\0\0\0\x05\0",
        &error(SqlState::from_bytes(b"ZZ001").unwrap()),
    ]);
    let classes: Vec<_> = world
        .take()
        .into_iter()
        .map(|event| match event {
            Event::Error { class, .. } => class.name(),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(classes, ["other", "other"]);
}

#[test]
fn a_code_behind_a_long_severity_is_found() {
    let mut world = World::ready();
    world.sends(&[&query()]);
    let mut body = vec![b'S'];
    body.extend([b'x'; 100]);
    body.extend(b"\0VERROR\0C42601\0Mlong");
    body.extend([b'y'; 500]);
    body.extend([0, 0]);
    let mut message = vec![b'E'];
    message.extend(u32::try_from(body.len() + 4).unwrap().to_be_bytes());
    message.extend(body);
    for byte in message {
        world.server(&[&[byte]]);
    }
    assert_eq!(world.take(), [failed(SqlState::SYNTAX_ERROR)]);
}
