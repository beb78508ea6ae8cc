//! Encryption: asked for, granted, demanded and refused.

use anyhow::{Context, Result, ensure};
use pretty_assertions::assert_eq;

use crate::config::Way;
use crate::wire::{GSS, Raw, SSL, startup};
use crate::world::World;

/// What psql complains about.
async fn complaint(world: &World, way: Way, more: &str) -> Result<String> {
    let answer = world.psql(way, more, "SELECT 1").await?;
    answer.err().with_context(|| format!("{way:?} took {more}"))
}

async fn works(world: &World, way: Way, more: &str) -> Result<()> {
    let answer = world.psql(way, more, "SELECT 1").await?;
    assert_eq!(answer, Ok("1".to_owned()), "{way:?} {more}");
    Ok(())
}

#[tokio::test]
async fn every_sslmode_gets_what_it_asks_for() -> Result<()> {
    let world = World::new().await?;
    for (mode, tls) in [
        ("disable", None),
        ("allow", None),
        ("prefer", Some("TLSv1.3")),
        ("require", Some("TLSv1.3")),
        ("verify-full", Some("TLSv1.3")),
        ("require sslnegotiation=direct", Some("TLSv1.3")),
        ("require max_protocol_version=latest", Some("TLSv1.3")),
        ("prefer channel_binding=disable", Some("TLSv1.3")),
    ] {
        let name = mode.split(' ').collect::<String>().replace('=', "");
        let more = format!("sslmode={mode} application_name={name}");
        works(&world, Way::Offer, &more).await?;
        let line = world.until_logged(&[&format!("\"{name}\"")]).await?;
        assert_eq!(line["tls"].as_str(), tls, "{mode}: {line}");
        let sni = tls.map(|_| "pg.test");
        assert_eq!(line["sni"].as_str(), sni, "{mode}: {line}");
        assert_eq!(line["user"], "postgres");
        assert_eq!(line["database"], "postgres");
    }
    let error = complaint(&world, Way::Offer, "sslmode=verify-full host=other.test").await?;
    ensure!(error.contains("does not match host name"), "{error}");
    let error = complaint(&world, Way::Refuse, "sslmode=require").await?;
    ensure!(error.contains("does not support SSL"), "{error}");
    works(&world, Way::Refuse, "sslmode=prefer").await?;
    let name = "envoy_listener_howdah_pg_encryption_requests";
    let listener = |way: Way| world.way(way).to_string().replace(':', "_");
    let (offer, refuse) = (listener(Way::Offer), listener(Way::Refuse));
    world
        .until_metric(
            &format!("{name}{{answer=\"yes\",envoy_listener_address=\"{offer}\"}}"),
            6.0,
        )
        .await?;
    world
        .until_metric(
            &format!("{name}{{answer=\"no\",envoy_listener_address=\"{refuse}\"}}"),
            2.0,
        )
        .await
}

#[tokio::test]
async fn plain_text_is_refused_where_tls_is_demanded() -> Result<()> {
    let world = World::new().await?;
    works(&world, Way::Require, "sslmode=require").await?;
    works(&world, Way::Require, "sslmode=prefer").await?;
    let more = "sslmode=require sslnegotiation=direct";
    works(&world, Way::Require, more).await?;
    for (way, mode) in [
        (Way::Require, "disable"),
        (Way::BareRequire, "disable"),
        (Way::BareRequire, "prefer"),
    ] {
        let error = complaint(&world, way, &format!("sslmode={mode}")).await?;
        ensure!(
            error.contains("accepts only connections with TLS: set sslmode=require or higher"),
            "{way:?} {mode}: {error}"
        );
    }
    let mut raw = Raw::connect(world.way(Way::Require)).await?;
    raw.send(&startup("postgres")).await?;
    let answer = String::from_utf8_lossy(&raw.rest().await?).into_owned();
    ensure!(answer.contains("C28000\0"), "{answer:?}");
    world
        .until_metric("envoy_howdah_pg_refused{reason=\"plain_text\"}", 4.0)
        .await
}

#[tokio::test]
async fn clients_fall_back_from_gssapi_to_tls() -> Result<()> {
    let world = World::new().await?;
    for (way, tls) in [
        (Way::Offer, b'S'),
        (Way::Refuse, b'N'),
        (Way::Bare, b'N'),
        (Way::Immediate, b'N'),
    ] {
        let mut raw = Raw::connect(world.way(way)).await?;
        raw.send(&GSS).await?;
        assert_eq!(raw.byte().await?, b'N', "{way:?}");
        // The bytes of a request need not come together.
        for byte in SSL {
            raw.send(&[byte]).await?;
        }
        assert_eq!(raw.byte().await?, tls, "{way:?}");
        if tls == b'N' {
            raw.send(&startup("postgres")).await?;
            raw.until(b'Z').await?;
        }
    }
    Ok(())
}

#[tokio::test]
async fn what_follows_a_promise_of_tls_is_tls_or_nothing() -> Result<()> {
    let world = World::without_postgres().await?;
    for behind in [startup("postgres"), SSL.to_vec(), b"more\n".to_vec()] {
        let mut raw = Raw::connect(world.way(Way::Offer)).await?;
        // In one packet, so that a part of it could be mistaken for what came through TLS.
        raw.send(&[SSL.as_slice(), &behind].concat()).await?;
        assert_eq!(raw.byte().await?, b'S');
        let rest = raw.rest().await?;
        ensure!(
            rest.first().is_none_or(|first| *first == 0x15),
            "no alert: {rest:?}"
        );
    }
    assert_eq!(world.metric("envoy_howdah_pg_sessions{}").await?, 0.0);
    Ok(())
}

#[tokio::test]
async fn the_network_filter_alone_serves_clients_that_ask_for_tls() -> Result<()> {
    let world = World::new().await?;
    for way in [Way::Bare, Way::Immediate] {
        for mode in ["disable", "allow", "prefer"] {
            works(&world, way, &format!("sslmode={mode}")).await?;
        }
        let error = complaint(&world, way, "sslmode=require").await?;
        ensure!(error.contains("does not support SSL"), "{way:?}: {error}");
        // Again and again is no way to keep a connection.
        for request in [SSL, GSS] {
            let mut raw = Raw::connect(world.way(way)).await?;
            raw.send(&[request, request].concat()).await?;
            assert_eq!(raw.byte().await?, b'N');
            let rest = String::from_utf8_lossy(&raw.rest().await?).into_owned();
            ensure!(rest.contains("C08P01\0"), "{way:?}: {rest:?}");
        }
    }
    let log = world.log()?;
    let sentence = "set upstream_connect_mode: ON_DOWNSTREAM_DATA";
    assert_eq!(log.matches(sentence).count(), 1, "{log}");
    Ok(())
}
