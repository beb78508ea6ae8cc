//! How much is taken of what comes in: anybody who reaches the port can send something.

use http_body_util::BodyExt as _;
use hyper::body::{Body, Bytes};
use tokio::sync::{Semaphore, SemaphorePermit};

/// The largest body: an object as it is and as it was, each of which a server keeps up to 1.5 MiB, in other words.
pub(super) const MOST_BYTES: usize = 8 << 20;

/// The most values in an object. In memory a value takes many times the room that it takes as text.
pub(super) const MOST_VALUES: usize = 20_000;

/// The most bytes of all bodies together that are held.
pub(super) const ROOM: usize = 32 << 20;

/// A body, and the room that it takes.
pub(super) struct Held<'a> {
    pub(super) bytes: Vec<u8>,
    room: Option<SemaphorePermit<'a>>,
}

/// Why there is no body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refused {
    /// It has more than [`MOST_BYTES`].
    TooLarge,
    /// It has no end.
    BrokenOff,
}

/// Reads a body to its end; one that says that it is too large is refused unread. What comes in has to wait for
/// room, however many send something.
pub(super) async fn read<B>(mut body: B, room: &Semaphore) -> Result<Held<'_>, Refused>
where
    B: Body<Data = Bytes> + Unpin,
{
    let mut held = Held {
        bytes: Vec::new(),
        room: None,
    };
    if body.size_hint().lower() > MOST_BYTES as u64 {
        return Err(Refused::TooLarge);
    }
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_| Refused::BrokenOff)?;
        let Ok(data) = frame.into_data() else {
            continue;
        };
        if held.bytes.len() + data.len() > MOST_BYTES {
            return Err(Refused::TooLarge);
        }
        let wanted = u32::try_from(data.len()).map_err(|_| Refused::TooLarge)?;
        let more = room.acquire_many(wanted).await;
        let more = more.map_err(|_| Refused::BrokenOff)?;
        match &mut held.room {
            Some(room) => room.merge(more),
            none => *none = Some(more),
        }
        held.bytes.extend_from_slice(&data);
    }
    Ok(held)
}

/// About how many values a text in JSON has; never less than it has.
pub(super) fn values(json: &str) -> usize {
    let (mut values, mut quoted, mut escaped) = (1_usize, false, false);
    for byte in json.bytes() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            b',' | b'[' | b'{' if !quoted => values = values.saturating_add(1),
            _ => {}
        }
    }
    values
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use std::convert::Infallible;

    use futures::stream;
    use http_body_util::{Full, StreamBody};
    use hyper::body::Frame;
    use tokio::time::timeout;

    use super::*;

    #[tokio::test]
    async fn bodies_wait_for_room_which_comes_back() {
        let room = Semaphore::new(10);
        let body = || Full::new(Bytes::from_static(b"123456"));
        let first = read(body(), &room).await.unwrap_or_else(|_| panic!("room"));
        assert_eq!(first.bytes, b"123456");
        let mut second = std::pin::pin!(read(body(), &room));
        let early = timeout(Duration::from_millis(50), second.as_mut()).await;
        assert!(early.is_err());
        drop(first);
        let second = timeout(Duration::from_secs(30), second).await.unwrap();
        assert!(second.is_ok());
        drop(second);
        assert_eq!(room.available_permits(), 10);
    }

    #[tokio::test]
    async fn bodies_are_taken_up_to_a_limit() {
        let room = Semaphore::new(ROOM);
        let body = |bytes: usize| Bytes::from(vec![b' '; bytes]);
        let unannounced = |bytes: usize| {
            let frame = Ok::<_, Infallible>(Frame::data(body(bytes)));
            StreamBody::new(stream::iter([frame]))
        };
        for held in [
            read(Full::new(body(MOST_BYTES)), &room).await,
            read(unannounced(MOST_BYTES), &room).await,
        ] {
            assert_eq!(held.map(|held| held.bytes.len()).ok(), Some(MOST_BYTES));
        }
        for refused in [
            read(Full::new(body(MOST_BYTES + 1)), &room).await,
            read(unannounced(MOST_BYTES + 1), &room).await,
        ] {
            assert_eq!(refused.err(), Some(Refused::TooLarge));
        }
        assert_eq!(room.available_permits(), ROOM);
    }

    #[test]
    fn what_is_quoted_is_one_value() {
        assert_eq!(values(r#""a,[{\",{ ,""#), 1);
        assert_eq!(values(r#"{"a,": [1, "\\", {}]}"#), 6);
        assert_eq!(values("[[[]]]"), 4);
    }
}
