//! One message as bytes: its length as four bytes, big end first, then an envelope as JSON.
//!
//! A frame of length zero is a sign of life.

use std::io;
use std::time::Duration;

use howdah_ha::machine::{Holder, Member, Message};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::io::{AsyncRead, AsyncReadExt};

/// The longest frame.
pub(super) const LONGEST: usize = 256 << 10;

/// How long a peer may take.
#[derive(Debug, Clone, Copy)]
pub(super) struct Patience {
    /// To say anything.
    idle: Duration,
    /// For the rest of a frame that began.
    body: Duration,
}

/// For members.
pub(super) const PATIENCE: Patience = Patience {
    idle: Duration::from_secs(60),
    body: Duration::from_secs(3),
};

/// A sign of life.
pub(super) const LIFE: [u8; 4] = [0; 4];

#[derive(Debug, Serialize)]
struct Out<'a> {
    cluster: &'a str,
    from: Holder,
    to: Member,
    message: &'a Message,
}

/// A message with its addresses. Fields of newer versions are no error, and neither are their
/// messages: those are [`Value`]s until somebody wants to read them.
#[derive(Debug, Deserialize)]
pub(super) struct Envelope {
    pub(super) cluster: String,
    pub(super) from: Holder,
    pub(super) to: Member,
    message: Value,
}

impl Envelope {
    /// The message, if this version knows it.
    pub(super) fn message(self) -> Option<Message> {
        serde_json::from_value(self.message).ok()
    }
}

/// A message that is not sent.
#[derive(Debug, thiserror::Error)]
pub(super) enum EncodeError {
    #[error("write a message as JSON")]
    Json(#[source] serde_json::Error),
    #[error("a message of {0} bytes is too long")]
    TooLong(usize),
}

/// Why nothing more comes from a peer.
#[derive(Debug, thiserror::Error)]
pub(super) enum ReadError {
    #[error("the peer ended the connection")]
    Ended,
    #[error("the peer said nothing for too long")]
    Idle,
    #[error("a frame did not arrive in time")]
    Slow,
    #[error("a frame of {0} bytes is too long")]
    TooLong(usize),
    #[error("the connection broke")]
    Broken(#[source] io::Error),
    #[error("a frame is no envelope")]
    Malformed(#[source] serde_json::Error),
}

impl ReadError {
    /// True if it looks like the end of the peer's process.
    pub(super) fn is_death(&self) -> bool {
        matches!(self, Self::Broken(error) if is_death(error))
    }
}

/// True for an end without goodbye: the kernel closed the connection, not the program.
pub(super) fn is_death(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::UnexpectedEof | io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe
    )
}

/// The bytes of a message.
pub(super) fn encode(
    cluster: &str,
    from: Holder,
    to: Member,
    message: &Message,
) -> Result<Vec<u8>, EncodeError> {
    let out = Out {
        cluster,
        from,
        to,
        message,
    };
    let mut frame = LIFE.to_vec();
    serde_json::to_writer(&mut frame, &out).map_err(EncodeError::Json)?;
    let length = frame.len() - LIFE.len();
    let header = u32::try_from(length).map_err(|_| EncodeError::TooLong(length))?;
    if length > LONGEST {
        return Err(EncodeError::TooLong(length));
    }
    frame[..LIFE.len()].copy_from_slice(&header.to_be_bytes());
    Ok(frame)
}

/// The next envelope.
pub(super) async fn read(
    stream: &mut (impl AsyncRead + Unpin),
    patience: Patience,
) -> Result<Envelope, ReadError> {
    loop {
        let length = tokio::time::timeout(patience.idle, header(stream))
            .await
            .map_err(|_| ReadError::Idle)??;
        if length > LONGEST {
            return Err(ReadError::TooLong(length));
        }
        if length == 0 {
            continue;
        }
        let mut body = vec![0; length];
        tokio::time::timeout(patience.body, stream.read_exact(&mut body))
            .await
            .map_err(|_| ReadError::Slow)?
            .map_err(ReadError::Broken)?;
        return serde_json::from_slice(&body).map_err(ReadError::Malformed);
    }
}

async fn header(stream: &mut (impl AsyncRead + Unpin)) -> Result<usize, ReadError> {
    let mut header = LIFE;
    // An end before the first byte is an ordinary one.
    if stream
        .read(&mut header[..1])
        .await
        .map_err(ReadError::Broken)?
        == 0
    {
        return Err(ReadError::Ended);
    }
    let rest = stream.read_exact(&mut header[1..]);
    rest.await.map_err(ReadError::Broken)?;
    Ok(usize::try_from(u32::from_be_bytes(header)).unwrap_or(usize::MAX))
}

#[cfg(test)]
mod tests {
    use howdah_ha::Epoch;
    use howdah_ha::machine::Boot;

    use super::*;

    const FROM: Holder = Holder {
        member: Member(1),
        boot: Boot(u64::MAX),
    };

    fn message() -> Message {
        Message::Canvassed {
            epoch: Epoch::FIRST,
            willing: None,
            promised: None,
        }
    }

    async fn parsed(mut bytes: &[u8]) -> Result<Envelope, ReadError> {
        read(&mut bytes, PATIENCE).await
    }

    #[tokio::test]
    async fn a_message_comes_out_as_it_went_in() {
        let mut bytes = LIFE.to_vec();
        bytes.extend(encode("simple", FROM, Member(2), &message()).unwrap());
        let envelope = parsed(&bytes).await.unwrap();
        assert_eq!(envelope.cluster, "simple");
        assert_eq!((envelope.from, envelope.to), (FROM, Member(2)));
        assert_eq!(envelope.message(), Some(message()));
    }

    #[tokio::test]
    async fn a_message_of_a_newer_version_is_not_malformed() {
        let text =
            br#"{"cluster":"c","from":{"member":1,"boot":2},"to":0,"message":{"New":{}},"x":1}"#;
        let mut bytes = u32::try_from(text.len()).unwrap().to_be_bytes().to_vec();
        bytes.extend(text);
        assert_eq!(parsed(&bytes).await.unwrap().message(), None);
    }

    #[tokio::test]
    async fn nonsense_is_an_error_of_its_kind() {
        let long = u32::try_from(LONGEST + 1).unwrap().to_be_bytes();
        let deep = {
            let text = "[".repeat(100_000);
            let mut bytes = 100_000_u32.to_be_bytes().to_vec();
            bytes.extend(text.bytes());
            bytes
        };
        assert!(matches!(parsed(b"").await, Err(ReadError::Ended)));
        assert!(matches!(parsed(b"\0\0").await, Err(ReadError::Broken(_))));
        assert!(matches!(parsed(&long).await, Err(ReadError::TooLong(_))));
        assert!(matches!(
            parsed(&u32::MAX.to_be_bytes()).await,
            Err(ReadError::TooLong(_))
        ));
        assert!(matches!(
            parsed(b"\0\0\0\x02{").await,
            Err(ReadError::Broken(_))
        ));
        assert!(matches!(
            parsed(b"\0\0\0\x02{}").await,
            Err(ReadError::Malformed(_))
        ));
        assert!(matches!(parsed(&deep).await, Err(ReadError::Malformed(_))));
    }

    #[tokio::test]
    async fn a_peer_that_stops_in_a_frame_or_says_nothing_is_given_up() {
        let short = Patience {
            idle: Duration::from_millis(50),
            body: Duration::from_millis(50),
        };
        let (mut near, mut far) = tokio::io::duplex(64);
        assert!(matches!(read(&mut near, short).await, Err(ReadError::Idle)));
        tokio::io::AsyncWriteExt::write_all(&mut far, b"\0\0\0\x09{")
            .await
            .unwrap();
        assert!(matches!(read(&mut near, short).await, Err(ReadError::Slow)));
    }
}
