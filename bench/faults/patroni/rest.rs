//! The few requests that are made to Patroni's REST API.

use std::net::IpAddr;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

const PORT: u16 = 8008;
/// A switchover is answered when it is done.
const LIMIT: Duration = Duration::from_secs(60);
const CONNECT: Duration = Duration::from_secs(1);
/// Longer answers are none of Patroni's.
const LONGEST: u64 = 1 << 20;

/// The body of the answer.
pub(super) async fn ask(ip: IpAddr, method: &str, path: &str, body: &str) -> Result<String> {
    let limit = if method == "GET" { CONNECT } else { LIMIT };
    timeout(limit, exchange(ip, method, path, body)).await?
}

async fn exchange(ip: IpAddr, method: &str, path: &str, body: &str) -> Result<String> {
    let mut stream = timeout(CONNECT, TcpStream::connect((ip, PORT))).await??;
    let request = format!(
        "{method} {path} HTTP/1.0\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(request.as_bytes()).await?;
    let mut answer = String::new();
    stream.take(LONGEST).read_to_string(&mut answer).await?;
    let (head, body) = answer
        .split_once("\r\n\r\n")
        .context("an answer has a head and a body")?;
    let status = head.split(' ').nth(1).unwrap_or_default();
    ensure!(status.starts_with('2'), "{method} {path}: {answer}");
    Ok(body.to_owned())
}
