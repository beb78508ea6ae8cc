//! Clients that are none.

use std::io::ErrorKind;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use howdah_e2e::{Sql, Target};
use howdah_testkit::raise_descriptors;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// Envoy gives everybody fifteen seconds, twice: to agree on encryption, and to say who they are.
const LIMIT: Duration = Duration::from_secs(60);
/// Connections to each port that say nothing.
const SILENT: usize = 1000;
/// Descriptors of a test with so many.
const FILES: u64 = 4096;

/// Far more than any startup message may have.
const MIB: usize = 1 << 20;

/// What is no beginning of a session.
fn beginnings() -> Vec<(&'static str, Vec<u8>)> {
    // Protocol 3.0, see the manual's section "Message Formats".
    let startup = |length: usize| {
        let length = u32::try_from(length).unwrap_or(u32::MAX);
        let mut bytes = length.to_be_bytes().to_vec();
        bytes.extend([0, 3, 0, 0]);
        bytes
    };
    let mut large = startup(MIB);
    large.resize(MIB, b'a');
    let mut unterminated = startup(24);
    unterminated.extend([b'a'; 16]);
    vec![
        ("a startup message of 1 MiB", large),
        (
            "one that claims more than there can be",
            startup(usize::MAX),
        ),
        ("one that is too short", startup(4)),
        ("one without an end", unterminated),
        ("half of one", startup(100)),
        ("half of a request for encryption", vec![0, 0, 0, 8, 4]),
        ("garbage", (1..=250).cycle().take(MIB).collect()),
        ("zeros", vec![0; MIB]),
        (
            "another protocol",
            b"GET / HTTP/1.1\r\nHost: a\r\n\r\n".to_vec(),
        ),
        ("a query of nobody", b"Q\0\0\0\x0dSELECT 1\0".to_vec()),
        ("half of a TLS handshake", vec![0x16, 3, 1, 2, 0, 1]),
        ("nothing", Vec::new()),
    ]
}

/// All of them are closed in time, and sessions of others go on.
pub(super) async fn bytes_harm_nobody(targets: &[Target]) -> Result<()> {
    raise_descriptors(FILES)?;
    let mut others = Vec::new();
    let mut silent = Vec::new();
    let mut hostile = tokio::task::JoinSet::new();
    let over = Arc::new(AtomicBool::new(false));
    let mut working = tokio::task::JoinSet::new();
    for target in targets {
        others.push(Sql::connect(target).await?);
        working.spawn(goes_on(target.clone(), Arc::clone(&over)));
        let address = target.address.clone();
        hostile.spawn(async move {
            let fast = drips(&address, Duration::from_millis(50)).await;
            ensure!(fast? == Some(b'R'), "a slow client is not asked to log in");
            let slow = drips(&address, Duration::from_secs(2)).await;
            ensure!(slow?.is_none(), "a client may take for ever");
            Ok(())
        });
        for _ in 0..SILENT {
            silent.push(TcpStream::connect(&target.address).await?);
        }
        for (what, bytes) in beginnings() {
            let address = target.address.clone();
            hostile.spawn(async move {
                is_closed(&address, &bytes)
                    .await
                    .with_context(|| format!("{what} at {address}"))
            });
        }
    }
    for target in targets {
        others.push(Sql::connect(target).await?);
    }
    while let Some(closed) = hostile.join_next().await {
        closed??;
    }
    for other in &others {
        other.execute("SELECT 1").await?;
    }
    over.store(true, Ordering::Relaxed);
    while let Some(worked) = working.join_next().await {
        ensure!(worked?? > 0, "a client did not come to work");
    }
    // Those that said nothing were given no more time than the others.
    for stream in &mut silent {
        until_closed(stream).await.context("a silent one")?;
    }
    Ok(())
}

/// Works as an application does until told to end, and says how often: new sessions and queries of one that stays.
async fn goes_on(target: Target, over: Arc<AtomicBool>) -> Result<usize> {
    let stays = Sql::connect(&target).await?;
    let mut count = 0;
    while !over.load(Ordering::Relaxed) {
        stays.execute("SELECT 1").await?;
        Sql::connect(&target).await?.execute("SELECT 1").await?;
        count += 1;
    }
    Ok(count)
}

/// Sends a startup message byte by byte; the first byte of the answer, or none if the connection is closed.
async fn drips(address: &str, pause: Duration) -> Result<Option<u8>> {
    let mut stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let mut clock = tokio::time::interval(pause);
    for byte in b"\0\0\0\x29\0\x03\0\0user\0postgres\0database\0postgres\0\0" {
        clock.tick().await;
        if stream.write_u8(*byte).await.is_err() {
            return Ok(None);
        }
    }
    let answer = timeout(LIMIT, stream.read_u8()).await.context("nothing")?;
    Ok(answer.ok())
}

async fn is_closed(address: &str, bytes: &[u8]) -> Result<()> {
    let mut stream = TcpStream::connect(address).await?;
    // It may be closed in the middle.
    let _ = timeout(LIMIT, stream.write_all(bytes)).await;
    until_closed(&mut stream).await
}

/// Reads what is answered, which must be no invitation to log in.
async fn until_closed(stream: &mut TcpStream) -> Result<()> {
    let mut answer = Vec::new();
    let read = timeout(LIMIT, stream.read_to_end(&mut answer))
        .await
        .context("it is not closed")?;
    if let Err(error) = read {
        ensure!(error.kind() == ErrorKind::ConnectionReset, "{error}");
    }
    ensure!(answer.first() != Some(&b'R'), "it is asked to log in");
    Ok(())
}
