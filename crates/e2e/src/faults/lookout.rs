//! Asks every server again and again whether it takes writes: where clients that know all addresses go, and whether
//! two servers ever say so at once.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

use super::session::Session;
use crate::sql::Target;

const PERIOD: Duration = Duration::from_millis(25);
const LIMIT: Duration = Duration::from_millis(500);

/// The last word of one server.
#[derive(Debug, Clone, Copy, Default)]
struct Word {
    /// Since when it says so without a break.
    writable_since: Option<Instant>,
    at: Option<Instant>,
}

#[derive(Debug, Default)]
struct Seen {
    words: Vec<Word>,
    doubles: u32,
}

/// A lookout over all servers. Dropping it ends it.
#[derive(Debug)]
pub(super) struct Lookout {
    seen: Arc<Mutex<Seen>>,
    targets: Vec<Target>,
    _asking: JoinSet<()>,
}

impl Lookout {
    pub(super) fn start(targets: Vec<Target>) -> Self {
        let seen = Arc::new(Mutex::new(Seen {
            words: vec![Word::default(); targets.len()],
            doubles: 0,
        }));
        let mut asking = JoinSet::new();
        for (index, target) in targets.iter().enumerate() {
            asking.spawn(ask(target.clone(), index, Arc::clone(&seen)));
        }
        Self {
            seen,
            targets,
            _asking: asking,
        }
    }

    /// A view for writers.
    pub(super) fn view(&self) -> View {
        View {
            seen: Arc::clone(&self.seen),
            targets: self.targets.clone(),
        }
    }

    /// How often two servers said within one period that they take writes.
    pub(super) fn doubles(&self) -> u32 {
        self.seen.lock().doubles
    }
}

/// Where to write.
#[derive(Debug, Clone)]
pub(super) struct View {
    seen: Arc<Mutex<Seen>>,
    targets: Vec<Target>,
}

impl View {
    /// The server that said last that it began to take writes.
    pub(super) fn target(&self) -> Option<Target> {
        let seen = self.seen.lock();
        let newest = seen.words.iter().zip(&self.targets);
        let newest = newest.filter_map(|(word, target)| Some((word.writable_since?, target)));
        let (_, target) = newest.max_by_key(|(since, _)| *since)?;
        Some(target.clone())
    }
}

async fn ask(target: Target, index: usize, seen: Arc<Mutex<Seen>>) {
    let mut session: Option<Session> = None;
    loop {
        if session.is_none() {
            session = Session::connect(&target, LIMIT).await.ok();
        }
        let answer = match &session {
            Some(session) => session.value("SELECT pg_is_in_recovery()").await.ok(),
            None => None,
        };
        if answer.is_none() {
            session = None;
        }
        let writable = answer.as_deref() == Some("f");
        seen.lock().note(index, writable, Instant::now());
        sleep(PERIOD).await;
    }
}

impl Seen {
    fn note(&mut self, index: usize, writable: bool, now: Instant) {
        let others = self.words.iter().enumerate();
        let fresh = |word: &Word| word.at.is_some_and(|at| now - at <= PERIOD);
        let other_too = others
            .filter(|(other, _)| *other != index)
            .any(|(_, word)| word.writable_since.is_some() && fresh(word));
        if writable && other_too {
            self.doubles += 1;
        }
        let word = &mut self.words[index];
        let since = word.writable_since.unwrap_or(now);
        word.writable_since = writable.then_some(since);
        word.at = Some(now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_writable_servers_count_only_when_they_say_so_at_once() {
        let mut seen = Seen {
            words: vec![Word::default(); 2],
            doubles: 0,
        };
        let begin = Instant::now();
        let later = begin + PERIOD * 2;
        seen.note(0, true, begin);
        seen.note(1, false, begin);
        seen.note(1, true, later);
        assert_eq!(seen.doubles, 0, "the first one said nothing lately");
        seen.note(0, true, later);
        assert_eq!(seen.doubles, 1);
        seen.note(0, false, later);
        seen.note(1, true, later);
        assert_eq!(seen.doubles, 1);
    }
}
