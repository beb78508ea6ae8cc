//! The first packet, holding, and what cannot be.

use pretty_assertions::assert_eq;

use super::*;

fn encoded(message: startup::Message<'_>) -> Vec<u8> {
    let mut out = Vec::new();
    message.encode(&mut out).unwrap();
    out
}

fn cancel(key: &[u8]) -> Vec<u8> {
    encoded(startup::Message::Cancel(CancelRequest {
        process_id: 7,
        key: SecretKey::new(key).unwrap(),
    }))
}

#[test]
fn plain_text_is_refused_only_where_tls_is_demanded() {
    let bytes = startup_packet(&[(c"user", c"ada")]);
    for (require_tls, tls, refused) in [
        (false, false, false),
        (false, true, false),
        (true, true, false),
        (true, false, true),
    ] {
        let policy = Policy {
            require_tls,
            ..Policy::default()
        };
        let opening = Session::new(tls).open(&policy, &bytes, false, 0);
        let expected = Opening::Refuse(Refusal::PlainText);
        assert_eq!(opening == expected, refused, "{require_tls} {tls}");
    }
}

#[test]
fn the_refusal_is_an_error_that_every_client_shows() {
    let bytes = Refusal::PlainText.response();
    let (message, size) = backend::parse(&bytes, &howdah_pgwire::Limits::default())
        .unwrap()
        .unwrap();
    assert_eq!(size, bytes.len());
    let backend::Message::ErrorResponse(ErrorResponse { report }) = message else {
        panic!("{message:?}");
    };
    assert_eq!(report.severity(), Some(c"FATAL"));
    assert_eq!(
        report.sqlstate(),
        Some(SqlState::INVALID_AUTHORIZATION_SPECIFICATION)
    );
    for (index, refusal) in Refusal::ALL.into_iter().enumerate() {
        assert_eq!(refusal.index(), index);
        assert!(!refusal.response().is_empty());
    }
}

#[test]
fn cancel_requests_pass_without_tls_and_while_clients_are_held() {
    for key in [&[1; 4][..], &[2; 32], &[3; 256]] {
        let mut world = World::new();
        world.session = Session::new(false);
        world.policy.require_tls = true;
        world.hold = true;
        assert_eq!(world.open(&cancel(key)), Opening::Cancel);
        assert!(!world.session.is_held());
        assert!(world.session.is_opaque());
        world.sends(&[b"whatever follows"]);
        assert_eq!(world.take(), []);
    }
}

#[test]
fn encryption_that_is_asked_for_inside_tls_comes_too_late() {
    for bytes in [
        encoded(startup::Message::SslRequest),
        encoded(startup::Message::GssEncRequest),
        vec![startup::TLS_HANDSHAKE],
    ] {
        assert_eq!(
            World::new().open(&bytes),
            Opening::Refuse(Refusal::EncryptionAgain)
        );
    }
}

#[test]
fn encryption_that_is_asked_for_in_plain_text_is_declined_once_for_each_kind() {
    let mut world = World::new();
    world.session = Session::new(false);
    let (tls, gss) = (
        encoded(startup::Message::SslRequest),
        encoded(startup::Message::GssEncRequest),
    );
    let startup = startup_packet(&[(c"user", c"ada")]);
    assert_eq!(world.open(&gss[..7]), Opening::More);
    assert_eq!(world.open(&gss), Opening::Decline);
    // What a client sends without waiting for the answer is looked at once the request is gone.
    assert_eq!(
        world.open(&[tls.as_slice(), &startup].concat()),
        Opening::Decline
    );
    for again in [&tls, &gss] {
        let refusal = Opening::Refuse(Refusal::EncryptionAgain);
        assert_eq!(world.open(again), refusal);
    }
    assert!(matches!(world.open(&startup), Opening::Startup(_, _)));
    let handshake = [startup::TLS_HANDSHAKE];
    let refusal = Opening::Refuse(Refusal::EncryptionAgain);
    assert_eq!(
        Session::new(false).open(&world.policy, &handshake, false, 0),
        refusal
    );
}

#[test]
fn other_protocols_are_refused() {
    for (bytes, refusal) in [
        (&b"\0\0\0\x08\0\x02\0\0"[..], Refusal::Version),
        (b"GET / HTTP/1.1\r\n\r\n", Refusal::TooLarge),
        (b"\0\0\0\x03\0\0\0\0", Refusal::Malformed),
        (b"\0\0\0\x09\0\x03\0\0\x01", Refusal::Malformed),
    ] {
        assert_eq!(World::new().open(bytes), Opening::Refuse(refusal));
    }
}

#[test]
fn a_client_that_only_says_good_bye_is_let_go_without_a_word() {
    let goodbye = front(frontend::Message::Terminate);
    for cut in 0..goodbye.len() {
        assert_eq!(World::new().open(&goodbye[..cut]), Opening::More, "{cut}");
    }
    assert_eq!(World::new().open(&goodbye), Opening::Farewell);
    let mut world = World::new();
    world.session = Session::new(false);
    assert_eq!(
        world.open(&encoded(startup::Message::SslRequest)),
        Opening::Decline
    );
    assert_eq!(world.open(&goodbye), Opening::Farewell);
    // The same type with another length is none.
    for bytes in [b"X\0\0\0\x05", b"X\0\0\x01\x04"] {
        assert_eq!(World::new().open(bytes), Opening::Refuse(Refusal::TooLarge));
    }
}

#[test]
fn the_startup_packet_may_be_as_large_as_the_server_takes_and_no_larger() {
    let limit = startup::Limits::default().packet;
    let packet = |body: u32| {
        // Version, `user`, and a value that fills the rest up to two terminators.
        let mut bytes = (body + 4).to_be_bytes().to_vec();
        bytes.extend(b"\0\x03\0\0user\0");
        bytes.resize(usize::try_from(body).unwrap() + 2, b'x');
        bytes.extend([0, 0]);
        bytes
    };
    let largest = packet(limit);
    let opening = World::new();
    let mut world = opening;
    assert!(matches!(world.open(&largest), Opening::Startup(_, size) if size == largest.len()));
    // Four bytes are enough to refuse more.
    let announced = packet(limit + 1);
    assert_eq!(
        World::new().open(&announced[..4]),
        Opening::Refuse(Refusal::TooLarge)
    );
    for cut in [0, 1, 3, 4, 8, largest.len() - 1] {
        assert_eq!(World::new().open(&largest[..cut]), Opening::More);
    }
}

#[test]
fn a_message_above_the_limit_makes_the_connection_opaque() {
    let query = query();
    let body = u32::try_from(query.len()).unwrap() - 5;
    for (limit, opaque) in [(body, false), (body - 1, true)] {
        let mut world = World::ready();
        world.policy.frontend = howdah_pgwire::Limits::default().at_most(limit);
        world.sends(&[&query]);
        assert_eq!(world.session.is_opaque(), opaque);
        assert_eq!(world.take() == [Event::Opaque], opaque);
    }
    for (limit, opaque) in [(1, false), (0, true)] {
        let mut world = World::ready();
        world.policy.backend = howdah_pgwire::Limits::default().at_most(limit);
        world.server(&[&ready(b'I')]);
        assert_eq!(world.session.is_opaque(), opaque);
    }
}

#[test]
fn an_opaque_connection_passes_and_is_never_held() {
    let mut world = World::ready();
    world.server(&[b"?garbage"]);
    assert_eq!(world.take(), [Event::Opaque]);
    world.hold = true;
    world.sends(&[&query()]);
    world.server(&[&done(c"SELECT 1"), &ready(b'I')]);
    assert_eq!(world.take(), []);
}

#[test]
fn a_client_at_rest_is_held_when_it_begins_something_and_let_go() {
    let mut world = World::ready();
    world.hold = true;
    world.now = 1_000;
    assert_eq!(world.client(&[&query()[..3]]), Flow::Hold);
    assert_eq!(world.client(&[&query()[3..]]), Flow::Hold);
    assert!(world.session.is_held());
    world.hold = false;
    // Also bytes that come after the order to let go, and before it reaches this connection.
    assert_eq!(world.client(&[]), Flow::Hold);
    world.session.resume();
    world.at(5_000).server(&[&done(c"SELECT 1"), &ready(b'I')]);
    assert_eq!(
        world.take(),
        [
            statement(StatementKind::Select, 1),
            answered(4_000),
            transaction(End::Commit, 4_000),
        ]
    );
}

#[test]
fn a_transaction_that_is_open_is_let_through_to_its_end() {
    let mut world = World::ready();
    world.sends(&[&query()]);
    world.server(&[&done(c"BEGIN"), &ready(b'T')]);
    world.hold = true;
    world.sends(&[&query()]);
    world.server(&[&done(c"COMMIT"), &ready(b'I')]);
    assert_eq!(world.client(&[&query()]), Flow::Hold);
}

#[test]
fn a_client_that_only_says_good_bye_may_go() {
    let goodbye = front(frontend::Message::Terminate);
    let mut world = World::ready();
    world.hold = true;
    world.sends(&[&goodbye]);
    assert!(!world.session.is_held());
    let mut world = World::ready();
    world.hold = true;
    assert_eq!(world.client(&[&query(), &goodbye]), Flow::Hold);
}

#[test]
fn a_new_session_is_held_before_it_reaches_a_server() {
    let mut world = World::new();
    world.hold = true;
    let bytes = startup_packet(&[(c"user", c"ada")]);
    assert!(matches!(world.open(&bytes), Opening::Startup(_, _)));
    assert!(world.session.is_held());
    assert_eq!(world.client(&[]), Flow::Hold);
    world.session.resume();
    world.now = 900;
    world.server(&[&ready(b'I')]);
    assert_eq!(world.take(), [Event::Ready { micros: 900 }]);
}

#[test]
fn a_new_session_for_replication_is_not_held() {
    for value in [c"true", c"database", c"nonsense"] {
        let mut world = World::new();
        world.hold = true;
        let bytes = startup_packet(&[(c"user", c"r"), (c"replication", value)]);
        assert!(matches!(world.open(&bytes), Opening::Startup(_, _)));
        assert!(!world.session.is_held());
    }
}

#[test]
fn a_connection_takes_a_few_hundred_bytes() {
    assert!(size_of::<Session>() <= 512, "{}", size_of::<Session>());
}
