//! A client that sends what it wants.

use std::net::SocketAddr;

use anyhow::{Context, Result, ensure};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::programs::PATIENCE;

/// SSLRequest.
pub(crate) const SSL: [u8; 8] = [0, 0, 0, 8, 4, 210, 22, 47];
/// GSSENCRequest.
pub(crate) const GSS: [u8; 8] = [0, 0, 0, 8, 4, 210, 22, 48];

/// A connection of bytes.
pub(crate) struct Raw(pub(crate) TcpStream);

impl Raw {
    pub(crate) async fn connect(address: SocketAddr) -> Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Self(stream))
    }

    pub(crate) async fn send(&mut self, bytes: &[u8]) -> Result<()> {
        Ok(timeout(PATIENCE, self.0.write_all(bytes)).await??)
    }

    pub(crate) async fn byte(&mut self) -> Result<u8> {
        Ok(timeout(PATIENCE, self.0.read_u8()).await??)
    }

    /// All that comes until the other side ends the connection.
    pub(crate) async fn rest(&mut self) -> Result<Vec<u8>> {
        let mut bytes = Vec::new();
        let read = timeout(PATIENCE, self.0.read_to_end(&mut bytes));
        // An end is an end: with bytes that nobody read it is a reset.
        let _ = read.await.context("the connection stays open")?;
        Ok(bytes)
    }

    /// One message: its type and body.
    pub(crate) async fn message(&mut self) -> Result<(u8, Vec<u8>)> {
        let read = async {
            let kind = self.0.read_u8().await?;
            let length = self.0.read_u32().await?;
            ensure!((4..1 << 20).contains(&length), "a length of {length}");
            let mut body = vec![0; length as usize - 4];
            self.0.read_exact(&mut body).await?;
            Ok((kind, body))
        };
        timeout(PATIENCE, read).await?
    }

    /// Messages up to one of this type, whose body is returned.
    pub(crate) async fn until(&mut self, kind: u8) -> Result<Vec<u8>> {
        loop {
            let (found, body) = self.message().await?;
            if found == kind {
                return Ok(body);
            }
            ensure!(
                found != b'E',
                "an error: {}",
                String::from_utf8_lossy(&body)
            );
        }
    }

    /// A session that is ready for a query.
    pub(crate) async fn session(address: SocketAddr) -> Result<Self> {
        let mut raw = Self::connect(address).await?;
        raw.send(&startup("postgres")).await?;
        raw.until(b'Z').await?;
        Ok(raw)
    }
}

/// A startup message of protocol 3.0.
pub(crate) fn startup(user: &str) -> Vec<u8> {
    let mut body = vec![0, 3, 0, 0];
    for text in ["user", user, "database", "postgres", ""] {
        body.extend_from_slice(text.as_bytes());
        body.push(0);
    }
    let length = u32::try_from(body.len() + 4).expect("it is short");
    [&length.to_be_bytes(), body.as_slice()].concat()
}

/// A message of the client.
pub(crate) fn message(kind: u8, body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(body.len() + 4).expect("it is short");
    [&[kind], length.to_be_bytes().as_slice(), body].concat()
}

/// A simple query.
pub(crate) fn query(sql: &str) -> Vec<u8> {
    message(b'Q', &[sql.as_bytes(), b"\0"].concat())
}
