//! What waits to be sent to one peer.

use std::collections::VecDeque;
use std::time::Duration;

use howdah_ha::machine::Message;
use parking_lot::Mutex;
use tokio::sync::{Notify, watch};
use tokio::time::Instant;

/// How many messages wait at most.
const LONGEST: usize = 16;
/// A message that is older is not sent: whoever sent it has asked again or given up.
const STALE: Duration = Duration::from_secs(2);

/// A bounded queue that drops its oldest message rather than wait.
#[derive(Debug, Default)]
pub(super) struct Queue {
    waiting: Mutex<VecDeque<(Instant, Message)>>,
    pushed: Notify,
    closed: watch::Sender<bool>,
    /// The peer is known to be alive: connect without a pause.
    pub(super) kick: Notify,
}

impl Queue {
    /// Adds a message.
    pub(super) fn push(&self, message: Message) {
        let mut waiting = self.waiting.lock();
        if waiting.len() >= LONGEST {
            waiting.pop_front();
        }
        waiting.push_back((Instant::now(), message));
        drop(waiting);
        self.pushed.notify_one();
    }

    /// The oldest message that is still fresh, waited for.
    pub(super) async fn next(&self) -> Message {
        loop {
            let pushed = self.pushed.notified();
            if let Some(message) = self.pop(Instant::now()) {
                return message;
            }
            pushed.await;
        }
    }

    fn pop(&self, now: Instant) -> Option<Message> {
        let mut waiting = self.waiting.lock();
        while let Some((at, message)) = waiting.pop_front() {
            if now.duration_since(at) < STALE {
                return Some(message);
            }
        }
        None
    }

    /// Nobody sends any more.
    pub(super) fn close(&self) {
        self.closed.send_replace(true);
    }

    /// Ready once nobody sends any more.
    pub(super) async fn closed(&self) {
        // Fails only when the sender is gone, which is part of this value.
        let _ = self.closed.subscribe().wait_for(|closed| *closed).await;
    }
}

#[cfg(test)]
mod tests {
    use howdah_ha::Epoch;

    use super::*;

    fn message(number: usize) -> Message {
        Message::Canvassed {
            epoch: number.to_string().parse::<Epoch>().unwrap(),
            willing: None,
            promised: None,
        }
    }

    #[tokio::test]
    async fn the_oldest_message_gives_way() {
        let queue = Queue::default();
        for number in 1..=LONGEST + 3 {
            queue.push(message(number));
        }
        for number in 4..=LONGEST + 3 {
            assert_eq!(queue.next().await, message(number));
        }
        assert_eq!(queue.pop(Instant::now()), None);
    }

    #[tokio::test]
    async fn a_stale_message_is_not_sent() {
        let queue = Queue::default();
        queue.push(message(1));
        queue.push(message(2));
        let now = Instant::now();
        assert_eq!(queue.pop(now), Some(message(1)));
        assert_eq!(queue.pop(now + STALE), None);
    }

    #[tokio::test]
    async fn a_closed_queue_says_so_to_whoever_asks_later() {
        let queue = Queue::default();
        queue.close();
        queue.closed().await;
    }
}
