//! Entry points for fuzzers and for tests that feed any bytes: each panics only if the crate breaks a promise.
//!
//! The promises: no input panics; it makes no difference in which pieces the bytes of one side arrive; a client is
//! held only between transactions.

use crate::{Event, Flow, Greeting, Opening, Policy, Reply, Session, Summary};

/// Who sent some bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// The client.
    Client,
    /// The server.
    Server,
}

/// What one run of a conversation came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// All events, in order.
    pub events: Vec<Event>,
    /// The sums.
    pub summary: Summary,
    /// Whether the client could be held in the end.
    pub at_rest: bool,
    /// Whether bytes passed unread in the end.
    pub opaque: bool,
}

/// Plays a conversation: each part is told in pieces of `step` bytes, at times that count the parts.
#[must_use]
pub fn play(parts: &[(Side, &[u8])], step: usize) -> Outcome {
    let policy = Policy::default();
    let mut session = Session::new(false);
    let mut events = Vec::new();
    let mut unopened: Vec<u8> = Vec::new();
    for (now, (side, bytes)) in (0..).zip(parts) {
        for piece in bytes.chunks(step.max(1)) {
            let mut record = |event| events.push(event);
            if *side == Side::Server {
                inside(session.server(&policy, piece, now, &mut record), piece);
            } else if session.is_opening() {
                unopened.extend_from_slice(piece);
                let mut opening = session.open(&policy, &unopened, false, now);
                while opening == Opening::Decline {
                    unopened.drain(..Greeting::SIZE);
                    opening = session.open(&policy, &unopened, false, now);
                }
                if let Opening::Startup(_, size) = opening {
                    let rest = unopened.get(size..).expect("no more than there is");
                    let flow = session.client(&policy, rest, false, now, &mut record);
                    assert_eq!(flow, Flow::Pass, "nobody asked to hold");
                }
            } else {
                let flow = session.client(&policy, piece, false, now, &mut record);
                assert_eq!(flow, Flow::Pass, "nobody asked to hold");
            }
        }
    }
    Outcome {
        events,
        summary: *session.summary(),
        at_rest: session.is_at_rest(),
        opaque: session.is_opaque(),
    }
}

/// What is to be replaced is there, and is one message.
fn inside(reply: Reply, bytes: &[u8]) {
    if let Reply::Replace { at, size, .. } = reply {
        let message = bytes.get(at..).and_then(|bytes| bytes.get(..size));
        assert_eq!(message.and_then(<[u8]>::first), Some(&b'E'));
    }
}

/// Reads any bytes as a conversation and plays it at once, in pieces, and with a proxy that always wants to hold.
///
/// The first byte is the size of the pieces; then each part is a byte with the side and the length.
///
/// # Panics
/// If the crate breaks a promise.
pub fn session(bytes: &[u8]) {
    let Some((step, mut rest)) = bytes.split_first() else {
        return;
    };
    let mut parts = Vec::new();
    while let Some((head, tail)) = rest.split_first() {
        let side = if head & 1 == 0 {
            Side::Client
        } else {
            Side::Server
        };
        let length = usize::from(head >> 1).min(tail.len());
        let (part, tail) = tail.split_at(length);
        parts.push((side, part));
        rest = tail;
    }
    let whole = play(&parts, usize::MAX);
    assert_eq!(whole, play(&parts, usize::from(*step)));
    assert_eq!(whole, play(&parts, 1));
    hold(&parts);
}

/// Always wants to hold, and lets go at the next word of the server.
fn hold(parts: &[(Side, &[u8])]) {
    let policy = Policy::default();
    let mut session = Session::new(true);
    let mut record = |_event| {};
    for (side, bytes) in parts {
        if *side == Side::Server {
            session.resume();
            assert!(!session.is_held(), "it was let go");
            inside(session.server(&policy, bytes, 0, &mut record), bytes);
        } else if session.is_opening() {
            let _ = session.open(&policy, bytes, true, 0);
        } else {
            let may = session.is_held() || session.is_at_rest();
            let flow = session.client(&policy, bytes, true, 0, &mut record);
            assert_eq!(flow == Flow::Hold, session.is_held());
            assert!(flow == Flow::Pass || may, "held in the middle of something");
        }
    }
}
