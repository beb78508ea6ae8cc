//! A pooler that has no room for a client.

use pretty_assertions::assert_eq;

use super::*;
use crate::Crowded;

const LIMITS: [&str; 3] = [
    "no more connections allowed (max_client_conn)",
    "client connections exceeded (max_db_client_connections)",
    "client connections exceeded (max_user_client_connections)",
];

fn opened() -> World {
    let mut world = World::new();
    let startup = startup_packet(&[(c"user", c"ada")]);
    assert!(matches!(world.open(&startup), Opening::Startup(_, _)));
    world
}

fn fatal(code: SqlState, message: &str) -> Vec<u8> {
    let (mut scratch, mut out) = (Vec::new(), Vec::new());
    let report = Report::build(&mut scratch, "FATAL", code, message).unwrap();
    ErrorResponse { report }.encode(&mut out).unwrap();
    out
}

fn request_for_a_password() -> Vec<u8> {
    back(backend::Message::Authentication(
        backend::Authentication::CleartextPassword,
    ))
}

#[test]
fn one_client_too_many_is_told_so_with_the_code_of_postgres() {
    for limit in LIMITS {
        let mut world = opened();
        let refusal = fatal(SqlState::PROTOCOL_VIOLATION, limit);
        let reply = world.answer(&refusal);
        let Reply::Replace { at, size, crowded } = reply else {
            panic!("{limit}: {reply:?}");
        };
        assert_eq!((at, size), (0, refusal.len()));
        let told = fatal(
            SqlState::TOO_MANY_CONNECTIONS,
            &format!("sorry, too many clients already: {limit}"),
        );
        assert_eq!(crowded.response(), told);
        assert_eq!(world.take(), [failed(Crowded::SQLSTATE)]);
    }
}

#[test]
fn only_the_refusal_is_replaced_of_what_comes_with_it() {
    let mut world = opened();
    let (before, after) = (request_for_a_password(), ready(b'I'));
    let refusal = fatal(SqlState::PROTOCOL_VIOLATION, LIMITS[2]);
    let reply = world.answer(&[before.as_slice(), &refusal, &after].concat());
    let Reply::Replace { at, size, .. } = reply else {
        panic!("{reply:?}");
    };
    assert_eq!((at, size), (before.len(), refusal.len()));
}

#[test]
fn a_refusal_of_which_a_part_has_passed_passes_and_is_counted_as_what_it_is() {
    let refusal = fatal(SqlState::PROTOCOL_VIOLATION, LIMITS[0]);
    for cut in 1..refusal.len() {
        let mut world = opened();
        world.server(&[&refusal[..cut]]);
        world.server(&[&refusal[cut..]]);
        assert_eq!(world.take(), [failed(Crowded::SQLSTATE)], "{cut}");
    }
}

#[test]
fn other_errors_pass_as_they_are() {
    for (code, message) in [
        (SqlState::PROTOCOL_VIOLATION, "query_wait_timeout"),
        (SqlState::PROTOCOL_VIOLATION, ""),
        (SqlState::INVALID_PASSWORD, LIMITS[0]),
        (
            SqlState::TOO_MANY_CONNECTIONS,
            "sorry, too many clients already",
        ),
    ] {
        let mut world = opened();
        world.server(&[&fatal(code, message)]);
        assert_eq!(world.take(), [failed(code)]);
    }
}

#[test]
fn the_same_words_in_a_session_are_those_of_a_function() {
    let mut world = World::ready();
    world.sends(&[&query()]);
    world.server(&[&fatal(SqlState::PROTOCOL_VIOLATION, LIMITS[0])]);
    assert_eq!(world.take(), [failed(SqlState::PROTOCOL_VIOLATION)]);
}
