//! Members among themselves.

use howdah_ha::Epoch;
use howdah_ha::machine::{Member, Message, Point, Position};
use howdah_testkit::{free_loopback_address, wait_until};
use howdah_types::{Lsn, Timeline};
use tokio::net::TcpListener;

use super::world::{Authority, Folder, NAME, Node, PATIENCE, Place, deliver, message};
use crate::wire::credentials::Credentials;
use crate::wire::{Incoming, PORT};

/// A message of more than 100 KiB.
fn large() -> Message {
    let point = Point {
        timeline: Timeline::FIRST,
        lsn: Lsn::new(u64::MAX),
    };
    Message::Heartbeat {
        epoch: Epoch::FIRST,
        revision: 1,
        sent: howdah_ha::Instant::from_nanos(0),
        follow: Some(Position {
            end: point,
            history: vec![point; 3000],
        }),
        serving: true,
    }
}

#[tokio::test]
async fn members_exchange_messages() {
    let authority = Authority::new();
    let (mut one, mut two) = (Node::new(1, &authority), Node::new(2, &authority));
    one.knows(&[&two]);
    two.knows(&[&one, &two]);
    deliver(&one, &mut two, 1).await;
    deliver(&two, &mut one, 2).await;
    two.wire.send(two.member(), message(3));
    one.wire.send(Member(9), message(4));
    assert!(two.inbox.try_recv().is_err(), "nobody sends to himself");
}

#[tokio::test]
async fn a_peer_that_never_reads_keeps_nobody_waiting() {
    let authority = Authority::new();
    let (one, mut two) = (Node::new(1, &authority), Node::new(2, &authority));
    let (deaf, folder) = (
        free_loopback_address().unwrap(),
        Folder::with(&authority, NAME),
    );
    let listener = TcpListener::bind(deaf.port(PORT)).await.unwrap();
    let acceptor = folder.tls().await.acceptor;
    let accepted = tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        (acceptor.accept(stream).await.unwrap(), listener)
    });
    one.wire
        .set_peers([(Member(2), two.place.address.ip()), (Member(3), deaf.ip())].into());
    let _held = accepted.await.unwrap();
    deliver(&one, &mut two, 1).await;
    let flood = large();
    for number in 2..30 {
        // Much more than the buffers of the kernel take.
        for _ in 0..100 {
            one.wire.send(Member(3), flood.clone());
        }
        deliver(&one, &mut two, number).await;
    }
}

#[tokio::test]
async fn a_member_that_comes_back_is_connected_again() {
    let authority = Authority::new();
    let (one, mut two) = (Node::new(1, &authority), Node::new(2, &authority));
    one.knows(&[&two]);
    deliver(&one, &mut two, 1).await;
    let place = two.stop();
    let mut two = restarted(place).await;
    deliver(&one, &mut two, 2).await;
}

async fn restarted(place: Place) -> Node {
    // The listener of the former life ends with its task.
    let address = place.address.port(PORT);
    wait_until(PATIENCE, "a free port", async || {
        std::net::TcpListener::bind(address).map(drop)
    })
    .await
    .unwrap();
    place.start()
}

#[tokio::test]
async fn a_removed_peer_is_left_in_order() {
    let authority = Authority::new();
    let (one, mut two) = (Node::new(1, &authority), Node::new(2, &authority));
    one.knows(&[&two]);
    deliver(&one, &mut two, 1).await;
    one.knows(&[]);
    wait_until(PATIENCE, "the end of the connection", async || {
        match two.wire.shared.heard.lock().len() {
            0 => Ok(()),
            some => Err(some),
        }
    })
    .await
    .unwrap();
    while let Ok(incoming) = two.inbox.try_recv() {
        assert!(matches!(incoming, Incoming::Message(..)), "{incoming:?}");
    }
}

#[tokio::test]
async fn certificates_are_waited_for() {
    let authority = Authority::new();
    let mut two = Node::new(2, &authority);
    let one = Place::new(1, Folder::new()).start();
    one.knows(&[&two]);
    one.wire.send(two.member(), message(1));
    authority.issue(&one.place.folder.path(), NAME);
    deliver(&one, &mut two, 2).await;
}

#[tokio::test]
async fn a_replaced_certificate_is_used_and_old_ones_still_work() {
    let authority = Authority::new();
    let (mut one, mut two) = (Node::new(1, &authority), Node::new(2, &authority));
    let old = one.place.folder.tls().await;
    let leaf = async |node: &Node| {
        let stream = node.raw(&old).await;
        let chain = stream.get_ref().1.peer_certificates().unwrap();
        chain[0].as_ref().to_vec()
    };
    let before = leaf(&one).await;
    authority.issue(&one.place.folder.path(), NAME);
    wait_until(PATIENCE, "the new certificate", async || {
        if leaf(&one).await == before {
            Err("the old one")
        } else {
            Ok(())
        }
    })
    .await
    .unwrap();
    one.knows(&[&two]);
    two.knows(&[&one]);
    deliver(&one, &mut two, 1).await;
    deliver(&two, &mut one, 2).await;
}

#[test]
fn files_that_do_not_fit_together_are_not_used() {
    let authority = Authority::new();
    let (folder, other) = (
        Folder::with(&authority, NAME),
        Folder::with(&authority, NAME),
    );
    let credentials = Credentials::new(folder.path(), NAME).unwrap();
    let (stamps, _) = credentials.changed(None).unwrap().unwrap();
    assert!(credentials.changed(Some(stamps)).unwrap().is_none());
    let copy = |file: &str| {
        std::fs::copy(other.path().join(file), folder.path().join(file)).unwrap();
    };
    copy("tls.key");
    assert!(credentials.changed(Some(stamps)).is_err(), "another's key");
    copy("tls.crt");
    assert!(credentials.changed(Some(stamps)).unwrap().is_some());
    for text in ["", "nonsense"] {
        std::fs::write(folder.path().join("ca.crt"), text).unwrap();
        assert!(credentials.changed(Some(stamps)).is_err(), "{text:?}");
    }
    let large = "x".repeat(1 << 20);
    std::fs::write(folder.path().join("ca.crt"), large).unwrap();
    let error = credentials.changed(Some(stamps)).err().unwrap();
    assert!(error.to_string().contains("too large"), "{error}");
}
