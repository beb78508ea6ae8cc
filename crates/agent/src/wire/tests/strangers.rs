//! What is no member, or behaves as none would.

use howdah_ha::machine::Member;
use howdah_testkit::free_loopback_address;
use pretty_assertions::assert_eq;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

use super::world::{Authority, Folder, NAME, Node, PATIENCE, holder, message};
use crate::wire::frame::{self, LONGEST};
use crate::wire::{Incoming, PORT};

/// A frame of that member, for that cluster and member.
fn framed(from: u16, cluster: &str, to: u16, number: u64) -> Vec<u8> {
    frame::encode(cluster, holder(from, 1), Member(to), &message(number)).unwrap()
}

/// True if the other end closes the connection, with or without a reason.
async fn is_closed(stream: &mut (impl AsyncReadExt + Unpin)) -> bool {
    let mut byte = [0];
    let read = timeout(PATIENCE, stream.read(&mut byte)).await;
    matches!(read.expect("the connection ends"), Ok(0) | Err(_))
}

#[tokio::test]
async fn certificates_of_others_are_refused_by_the_listener() {
    let authority = Authority::new();
    let mut one = Node::new(1, &authority);
    let mine = Folder::with(&authority, NAME).tls().await;
    for (issuer, name) in [
        (&Authority::new(), NAME),
        (&authority, "members.other.default"),
        (&authority, "members.simple.other"),
        (&authority, "simple"),
    ] {
        let folder = Folder::with(issuer, name);
        // Trusts this member, so that only this member's own check is tried.
        let wrong = folder.tls_trusting(&authority).await;
        let mut stream = one.raw(&wrong).await;
        let _ = stream.write_all(&framed(2, "simple", 1, 1)).await;
        assert!(is_closed(&mut stream).await, "{name}");
    }
    let mut stream = one.raw(&mine).await;
    stream.write_all(&framed(2, "simple", 1, 2)).await.unwrap();
    stream.flush().await.unwrap();
    assert_eq!(
        one.next().await,
        Incoming::Message(holder(2, 1), message(2))
    );
}

#[tokio::test]
async fn certificates_of_others_are_refused_by_the_sender() {
    let authority = Authority::new();
    for (issuer, name) in [
        (&Authority::new(), NAME),
        (&authority, "members.other.default"),
    ] {
        let one = Node::new(1, &authority);
        let place = free_loopback_address().unwrap();
        let listener = TcpListener::bind(place.port(PORT)).await.unwrap();
        let folder = Folder::with(issuer, name);
        let acceptor = folder.tls_trusting(&authority).await.acceptor;
        one.wire.set_peers([(Member(2), place.ip())].into());
        let (stream, from) = timeout(PATIENCE, listener.accept()).await.unwrap().unwrap();
        assert_eq!(
            from.ip(),
            one.place.address.ip(),
            "members send from their own address"
        );
        let refused = timeout(PATIENCE, acceptor.accept(stream)).await.unwrap();
        assert!(refused.is_err(), "{name}");
    }
}

#[tokio::test]
async fn plain_text_and_nonsense_end_their_own_connection_only() {
    let authority = Authority::new();
    let mut one = Node::new(1, &authority);
    let tls = one.place.folder.tls().await;
    let mut plain = TcpStream::connect(one.place.address.port(PORT))
        .await
        .unwrap();
    plain
        .write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        .await
        .unwrap();
    assert!(drained(&mut plain).await);
    let long = u32::try_from(LONGEST + 1).unwrap().to_be_bytes();
    for nonsense in [
        &long[..],
        b"\0\0\0\x02{}",
        b"\0\0\0\x04null",
        b"\xff\xff\xff\xff",
    ] {
        let mut stream = one.raw(&tls).await;
        stream.write_all(nonsense).await.unwrap();
        stream.flush().await.unwrap();
        assert!(is_closed(&mut stream).await, "{nonsense:?}");
    }
    let mut stream = one.raw(&tls).await;
    stream.write_all(&framed(2, "simple", 1, 5)).await.unwrap();
    stream.flush().await.unwrap();
    assert_eq!(
        one.next().await,
        Incoming::Message(holder(2, 1), message(5))
    );
}

/// Reads to the end: an alert comes first.
async fn drained(stream: &mut TcpStream) -> bool {
    let mut rest = Vec::new();
    timeout(PATIENCE, stream.read_to_end(&mut rest))
        .await
        .is_ok()
}

#[tokio::test]
async fn messages_for_somebody_else_are_dropped() {
    let authority = Authority::new();
    let mut one = Node::new(1, &authority);
    let mut stream = one.raw(&one.place.folder.tls().await).await;
    for frame in [
        framed(2, "other", 1, 1),
        framed(2, "simple", 3, 2),
        framed(1, "simple", 1, 3),
        framed(2, "simple", 1, 4),
    ] {
        stream.write_all(&frame).await.unwrap();
    }
    stream.flush().await.unwrap();
    assert_eq!(
        one.next().await,
        Incoming::Message(holder(2, 1), message(4))
    );
}

#[tokio::test]
async fn a_process_that_dies_is_told_and_one_that_leaves_is_not() {
    let authority = Authority::new();
    let mut one = Node::new(1, &authority);
    let tls = one.place.folder.tls().await;
    for (member, dies) in [(2, false), (3, true)] {
        let mut stream = one.raw(&tls).await;
        stream
            .write_all(&framed(member, "simple", 1, 1))
            .await
            .unwrap();
        stream.flush().await.unwrap();
        let said = Incoming::Message(holder(member, 1), message(1));
        assert_eq!(one.next().await, said);
        if !dies {
            stream.shutdown().await.unwrap();
            assert!(is_closed(&mut stream).await);
        }
    }
    assert_eq!(one.next().await, Incoming::Lost(Member(3)));
}

#[tokio::test]
async fn a_flood_of_messages_is_bounded() {
    let authority = Authority::new();
    let mut one = Node::new(1, &authority);
    let mut stream = one.raw(&one.place.folder.tls().await).await;
    for number in 1..=2000 {
        stream
            .write_all(&framed(2, "simple", 1, number))
            .await
            .unwrap();
    }
    stream.flush().await.unwrap();
    let mut taken = 0;
    // The last ones are not among those that were kept, so one more is sent until it arrives.
    let last = Incoming::Message(holder(2, 1), message(9999));
    loop {
        stream
            .write_all(&framed(2, "simple", 1, 9999))
            .await
            .unwrap();
        stream.flush().await.unwrap();
        if one.next().await == last {
            break;
        }
        taken += 1;
        assert!(taken <= 2000);
    }
}

#[tokio::test]
async fn a_flood_of_connections_is_bounded() {
    let authority = Authority::new();
    let mut one = Node::new(1, &authority);
    let mut held = Vec::new();
    for _ in 0..40 {
        held.push(
            TcpStream::connect(one.place.address.port(PORT))
                .await
                .unwrap(),
        );
    }
    let mut closed = 0;
    for stream in held.iter_mut().skip(16) {
        closed += usize::from(is_closed(stream).await);
    }
    assert_eq!(closed, 24);
    drop(held);
    // A member has another address, and there is room again anyway.
    let mut two = Node::new(2, &authority);
    two.knows(&[&one]);
    super::world::deliver(&two, &mut one, 1).await;
    one.knows(&[&two]);
    super::world::deliver(&one, &mut two, 2).await;
}
