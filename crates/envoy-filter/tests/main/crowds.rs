//! A pooler that has no room for a client.

use anyhow::{Context, Result, ensure};
use pretty_assertions::assert_eq;
use tokio::io::AsyncReadExt as _;
use tokio::net::TcpListener;
use tokio_postgres::error::SqlState;

use crate::config::{ELSEWHERE, Way};
use crate::wire::{Raw, message};
use crate::world::World;

/// What PgBouncer sends when `max_client_conn` is reached.
const REFUSAL: &[u8] =
    b"SFATAL\0VFATAL\0C08P01\0Mno more connections allowed (max_client_conn)\0\0";

#[tokio::test]
async fn one_client_too_many_for_the_pooler_gets_the_code_of_postgres() -> Result<()> {
    let world = World::without_postgres().await?;
    let listener = TcpListener::bind(world.at(ELSEWHERE)).await?;
    let pooler = tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await?;
            let mut pooler = Raw(stream);
            // Bytes that nobody read would end the connection before the refusal is read.
            let length = pooler.0.read_u32().await?;
            let mut startup = vec![0; length as usize - 4];
            pooler.0.read_exact(&mut startup).await?;
            pooler.send(&message(b'E', REFUSAL)).await?;
        }
        #[expect(unreachable_code, reason = "it says what the task fails with")]
        anyhow::Ok(())
    });
    let error = world.session(Way::Elsewhere).await.err();
    let error = error.context("it is let in")?;
    let error: &tokio_postgres::Error = error.downcast_ref().context("an error of the driver")?;
    let told = error.as_db_error().context("an error of the server")?;
    assert_eq!(told.code(), &SqlState::TOO_MANY_CONNECTIONS);
    assert_eq!(told.severity(), "FATAL");
    assert_eq!(
        told.message(),
        "sorry, too many clients already: no more connections allowed (max_client_conn)"
    );
    let said = world.psql(Way::Elsewhere, "", "SELECT 1").await?;
    let said = said.err().context("psql is let in")?;
    ensure!(said.contains("too many clients already"), "{said}");
    world.until_logged(&["\"sqlstate\":\"53300\""]).await?;
    ensure!(!pooler.is_finished(), "the pooler failed");
    Ok(())
}
