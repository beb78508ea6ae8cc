//! Forwarded ports over SPDY, as `kubectl` does it.
//!
//! For each connection the client begins two streams with the same number in the header `requestid`: one for errors,
//! on which it says nothing, and one for data.

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, SocketAddr};

use bytes::BytesMut;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::{CHUNK, CONNECT, port};
use crate::spdy::{Connection, Stream, StreamReader, StreamWriter};

/// How many connections may have only one of their streams.
const INCOMPLETE: usize = 64;

/// Forwards connections until the client is gone.
pub(super) async fn serve(
    mut connection: Connection,
    pod: String,
    address: IpAddr,
    shutdown: CancellationToken,
) {
    let mut incomplete: HashMap<String, Stream> = HashMap::new();
    let mut tasks = JoinSet::new();
    let gone = connection.gone();
    loop {
        let stream = tokio::select! {
            stream = connection.accept() => stream,
            () = gone.cancelled() => None,
            () = shutdown.cancelled() => None,
        };
        let Some(stream) = stream else { break };
        while tasks.try_join_next().is_some() {}
        let Some(request) = understand(&stream) else {
            tracing::debug!("stream without a port or a kind refused");
            continue;
        };
        if stream.reply().await.is_err() {
            break;
        }
        match incomplete.remove(&request) {
            Some(other) => match pair(stream, other) {
                Some((data, errors)) => {
                    tasks.spawn(forward(data, errors, pod.clone(), address));
                }
                None => tracing::debug!("two streams of one kind refused"),
            },
            None if incomplete.len() < INCOMPLETE => {
                incomplete.insert(request, stream);
            }
            None => tracing::debug!("stream refused: too many are incomplete"),
        }
    }
    incomplete.clear();
    tasks.shutdown().await;
    connection.close().await;
}

/// The number of the connection that a stream belongs to, if all of it makes sense.
fn understand(stream: &Stream) -> Option<String> {
    let kind = stream.header("streamtype")?;
    let port = port(stream.header("port")?)?;
    matches!(kind, "data" | "error").then(|| {
        // Before there was this header, the port alone told which belong together.
        let request = stream.header("requestid").unwrap_or_default();
        format!("{request}/{port}")
    })
}

/// The stream for data and the one for errors.
fn pair(one: Stream, other: Stream) -> Option<(Stream, Stream)> {
    let is_data = |stream: &Stream| stream.header("streamtype") == Some("data");
    match (is_data(&one), is_data(&other)) {
        (true, false) => Some((one, other)),
        (false, true) => Some((other, one)),
        _ => None,
    }
}

async fn forward(data: Stream, errors: Stream, pod: String, address: IpAddr) {
    let port = data.header("port").and_then(port).unwrap_or_default();
    let (reader, writer) = data.split();
    let (_, mut complaints) = errors.split();
    let target = SocketAddr::new(address, port);
    if let Err(error) = exchange(reader, writer, target).await {
        let text = format!("error forwarding port {port} to pod {pod}: {error}");
        // The client may be gone.
        drop(complaints.write(text.into()).await);
    }
    complaints.finish().await;
}

async fn exchange(
    reader: StreamReader,
    writer: StreamWriter,
    target: SocketAddr,
) -> io::Result<()> {
    let connected = tokio::time::timeout(CONNECT, TcpStream::connect(target)).await;
    let stream = match connected {
        Ok(Ok(stream)) => stream,
        failed => {
            writer.finish().await;
            let error = match failed {
                Ok(Err(error)) => error,
                _ => io::ErrorKind::TimedOut.into(),
            };
            let detail = format!("dial tcp4 {target}: connect: {error}");
            return Err(io::Error::new(error.kind(), detail));
        }
    };
    let (from, to) = stream.into_split();
    let outward = tokio::spawn(write_all(reader, to));
    let result = read_all(from, writer).await;
    // The Pod has said its last; what the client still says would reach nobody.
    outward.abort();
    drop(outward.await);
    result
}

/// From the client to the Pod.
async fn write_all(mut reader: StreamReader, mut to: OwnedWriteHalf) {
    while let Some(data) = reader.read().await {
        if to.write_all(&data).await.is_err() {
            return;
        }
    }
    // The Pod may be gone, and need not hear of it.
    drop(to.shutdown().await);
}

/// From the Pod to the client.
async fn read_all(mut from: OwnedReadHalf, mut writer: StreamWriter) -> io::Result<()> {
    let mut buffer = BytesMut::with_capacity(CHUNK);
    loop {
        buffer.reserve(CHUNK);
        match from.read_buf(&mut buffer).await {
            Ok(0) => break,
            Ok(_) => writer.write(buffer.split().freeze()).await?,
            Err(error) => {
                writer.finish().await;
                return Err(error);
            }
        }
    }
    writer.finish().await;
    Ok(())
}
