//! Clients that say too little, too much, or nothing that can be understood.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use howdah_testkit::wait_until;
use pretty_assertions::assert_eq;
use tokio::io::AsyncReadExt as _;
use tokio::net::TcpListener;

use crate::config::{ELSEWHERE, Way};
use crate::programs::PATIENCE;
use crate::wire::{Raw, SSL, message, query, startup};
use crate::world::World;

/// How many connections are left half-open at once.
const MANY: usize = 500;

#[tokio::test]
async fn a_startup_message_may_not_take_for_ever() -> Result<()> {
    let world = World::without_postgres().await?;
    let begin = Instant::now();
    let mut slow = Vec::new();
    // Nothing, a part of it, and no more than encryption asked for, with and without an answer in front.
    for (way, bytes) in [
        (Way::Hurried, &[][..]),
        (Way::Hurried, &startup("postgres")[..20]),
        (Way::Hurried, &SSL),
        (Way::Hurried, &SSL[..3]),
    ] {
        let mut raw = Raw::connect(world.way(way)).await?;
        raw.send(bytes).await?;
        slow.push(raw);
    }
    for mut raw in slow {
        raw.rest().await?;
    }
    let taken = begin.elapsed();
    ensure!(taken >= Duration::from_secs(1), "it took only {taken:?}");
    world.until_metric("envoy_howdah_pg_expired{}", 1.0).await?;
    world.until_logged(&["howdah_startup_timeout"]).await?;
    Ok(())
}

#[tokio::test]
async fn a_startup_packet_of_a_mebibyte_is_refused_by_its_length() -> Result<()> {
    let world = World::without_postgres().await?;
    for way in [Way::Refuse, Way::Bare, Way::Offer] {
        let mut raw = Raw::connect(world.way(way)).await?;
        // The rest of it never comes, and is not waited for.
        raw.send(&[0, 0x10, 0, 0, 0, 3, 0, 0]).await?;
        let answer = String::from_utf8_lossy(&raw.rest().await?).into_owned();
        ensure!(answer.contains("C08P01\0"), "{way:?}: {answer:?}");
        ensure!(answer.contains("too large"), "{way:?}: {answer:?}");

        // Nor is it kept if it comes at once.
        let mut raw = Raw::connect(world.way(way)).await?;
        let mut packet = vec![b'x'; 1 << 20];
        packet[..8].copy_from_slice(&[0, 0x10, 0, 0, 0, 3, 0, 0]);
        // Envoy may have closed the connection before all of it is sent.
        let _ = raw.send(&packet).await;
        raw.rest().await?;
    }
    let refused = "envoy_howdah_pg_refused{reason=\"too_large\"}";
    world.until_metric(refused, 6.0).await
}

#[tokio::test]
async fn what_is_no_startup_packet_is_refused_in_words() -> Result<()> {
    let world = World::without_postgres().await?;
    for (way, bytes, words) in [
        (Way::Refuse, &b"GET / HTTP/1.1\r\n\r\n"[..], "C08P01\0"),
        (Way::Offer, b"GET / HTTP/1.1\r\n\r\n", "C08P01\0"),
        (Way::Bare, &[0, 0, 0, 9, 0, 2, 0, 0, 0], "C0A000\0"),
        (Way::Refuse, &[0, 0, 0, 3, 0, 3, 0, 0], "C08P01\0"),
        (
            Way::Refuse,
            &[0, 0, 0, 12, 0, 3, 0, 0, b'u', b's', b'e', b'r'],
            "C08P01\0",
        ),
        // A handshake where no TLS is.
        (Way::Refuse, b"\x16\x03\x01\x02\0\x01", "C08P01\0"),
    ] {
        let mut raw = Raw::connect(world.way(way)).await?;
        raw.send(bytes).await?;
        let answer = String::from_utf8_lossy(&raw.rest().await?).into_owned();
        ensure!(answer.starts_with('E'), "{way:?} {bytes:?}: {answer:?}");
        ensure!(answer.contains(words), "{way:?} {bytes:?}: {answer:?}");
    }
    assert_eq!(world.metric("envoy_howdah_pg_sessions{}").await?, 0.0);
    Ok(())
}

#[tokio::test]
async fn a_client_that_only_says_good_bye_gets_no_answer() -> Result<()> {
    let world = World::without_postgres().await?;
    for way in [Way::Refuse, Way::Offer, Way::Bare] {
        let mut raw = Raw::connect(world.way(way)).await?;
        raw.send(&message(b'X', b"")).await?;
        assert_eq!(raw.rest().await?, b"", "{way:?}");
    }
    world.until_logged(&["howdah_good_bye"]).await?;
    Ok(())
}

#[tokio::test]
async fn bytes_that_are_no_messages_pass_unread_and_are_counted() -> Result<()> {
    let world = World::new().await?;
    let mut raw = Raw::session(world.way(Way::Refuse)).await?;
    // A length that cannot be. What to make of it is for the server, which ends the session without a word.
    raw.send(b"Q\0\0\0\x01garbage").await?;
    assert_eq!(raw.rest().await?, b"");
    world.until_metric("envoy_howdah_pg_opaque{}", 1.0).await?;
    let client = world.session(Way::Refuse).await?;
    client.batch_execute("SELECT 1").await?;
    Ok(())
}

#[tokio::test]
async fn a_server_that_sends_garbage_ends_no_more_than_its_own_sessions() -> Result<()> {
    let world = World::new().await?;
    let listener = TcpListener::bind(world.at(ELSEWHERE)).await?;
    let server = tokio::spawn(async move {
        let (stream, _) = listener.accept().await?;
        let mut server = Raw(stream);
        let mut bytes = [0; 8];
        server.0.read_exact(&mut bytes).await?;
        server.send(&message(b'Z', b"I")).await?;
        server.send(b"\x00\xff\xff\xff\xffgarbage").await?;
        // What the client says is not understood either, and arrives all the same.
        let mut rest = Vec::new();
        server.0.read_to_end(&mut rest).await?;
        anyhow::Ok(rest)
    });
    let mut raw = Raw::session(world.way(Way::Elsewhere)).await?;
    let mut garbage = [0; 12];
    tokio::time::timeout(PATIENCE, raw.0.read_exact(&mut garbage)).await??;
    assert_eq!(&garbage, b"\x00\xff\xff\xff\xffgarbage");
    raw.send(&query("SELECT 1")).await?;
    drop(raw);
    let heard = tokio::time::timeout(PATIENCE, server).await???;
    ensure!(heard.ends_with(&query("SELECT 1")), "{heard:?}");
    world.until_metric("envoy_howdah_pg_opaque{}", 1.0).await?;
    assert_eq!(world.metric("envoy_howdah_pg_panics{}").await?, 0.0);
    Ok(())
}

#[tokio::test]
async fn half_open_connections_cost_others_nothing() -> Result<()> {
    let world = World::new().await?;
    let mut many = Vec::with_capacity(MANY);
    for number in 0..MANY {
        let mut raw = Raw::connect(world.way(Way::Offer)).await?;
        // Some have asked for TLS and say nothing more, some stop in the middle of their first packet.
        match number % 3 {
            0 => raw.send(&SSL).await?,
            1 => raw.send(&startup("postgres")[..9]).await?,
            _ => {}
        }
        many.push(raw);
    }
    let client = world.session(Way::Offer).await?;
    client.batch_execute("SELECT 1").await?;
    assert_eq!(world.control("GET", "/howdah/status").await?.sessions, 1);
    drop(many);
    wait_until(PATIENCE, "the sockets to be closed", async || {
        let name = "server.total_connections";
        let (_, text) = world
            .admin("GET", "/stats?filter=server.total_connections")
            .await?;
        ensure!(text.contains(&format!("{name}: 1")), "{text}");
        anyhow::Ok(())
    })
    .await
}
