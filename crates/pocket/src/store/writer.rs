//! The one thread that writes: it groups what has queued up into one transaction.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread::JoinHandle;

use bytes::Bytes;
use parking_lot::Mutex;
use serde_json::Value;
use tokio::sync::oneshot;

use super::db::Db;
use super::state::Shared;
use super::{Error, Event, EventKind, Key, Stored, Write};

/// The most writes that share one transaction.
const BATCH: usize = 256;

/// A write and where its answer goes.
pub(super) struct Command {
    pub(super) write: Write,
    pub(super) reply: oneshot::Sender<Result<Stored, Error>>,
}

/// The writer thread's handle.
pub(super) struct Writer {
    queue: Mutex<Option<Sender<Command>>>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Writer {
    pub(super) fn start(db: Db, shared: Arc<Shared>, history: u64) -> Result<Self, Error> {
        let (queue, commands) = mpsc::channel();
        let next = shared.revision() + 1;
        let compacted = shared.compacted();
        let mut work = Work {
            db,
            shared,
            history,
            next,
            compacted,
        };
        let thread = std::thread::Builder::new()
            .name("store".into())
            .stack_size(512 << 10)
            .spawn(move || work.run(&commands))
            .map_err(|error| Error::Unavailable(error.to_string()))?;
        Ok(Self {
            queue: Mutex::new(Some(queue)),
            thread: Mutex::new(Some(thread)),
        })
    }

    pub(super) fn send(&self, command: Command) -> Result<(), Error> {
        let queue = self.queue.lock();
        let closed = || Error::Unavailable("the store is closed".into());
        queue.as_ref().ok_or_else(closed)?.send(command)?;
        Ok(())
    }

    pub(super) fn stop(&self) {
        drop(self.queue.lock().take());
        if let Some(thread) = self.thread.lock().take()
            && thread.join().is_err()
        {
            tracing::error!("store writer panicked");
        }
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.stop();
    }
}

struct Work {
    db: Db,
    shared: Arc<Shared>,
    history: u64,
    next: u64,
    compacted: u64,
}

/// A write that passed its check: the event it becomes and who waits for it.
struct Accepted {
    event: Arc<Event>,
    reply: oneshot::Sender<Result<Stored, Error>>,
}

impl Work {
    fn run(&mut self, commands: &Receiver<Command>) {
        while let Ok(first) = commands.recv() {
            let batch = std::iter::once(first)
                .chain(commands.try_iter().take(BATCH - 1))
                .collect();
            self.carry_out(batch);
        }
    }

    fn carry_out(&mut self, batch: Vec<Command>) {
        let mut pending: HashMap<Key, Option<Stored>> = HashMap::new();
        let mut accepted = Vec::with_capacity(batch.len());
        let mut next = self.next;
        for Command { write, reply } in batch {
            match self.check(&pending, write, next) {
                Ok(event) => {
                    let gone = event.kind == EventKind::Deleted;
                    let after = (!gone).then(|| stored(&event));
                    pending.insert(event.key.clone(), after);
                    accepted.push(Accepted {
                        event: Arc::new(event),
                        reply,
                    });
                    next += 1;
                }
                // The client may have gone away; nobody is left to tell.
                Err(error) => drop(reply.send(Err(error))),
            }
        }
        self.finish(accepted, next);
    }

    fn finish(&mut self, accepted: Vec<Accepted>, next: u64) {
        if accepted.is_empty() {
            return;
        }
        let events: Vec<_> = accepted.iter().map(|one| Arc::clone(&one.event)).collect();
        let compact = self.compaction(next - 1);
        match self.db.commit(&events, compact) {
            Ok(()) => {
                self.next = next;
                self.compacted = compact.unwrap_or(self.compacted);
                self.shared.publish(&events, compact);
                for one in accepted {
                    drop(one.reply.send(Ok(stored(&one.event))));
                }
            }
            Err(error) => {
                tracing::error!(%error, "commit refused");
                for one in accepted {
                    drop(one.reply.send(Err(Error::Unavailable(error.to_string()))));
                }
            }
        }
    }

    /// The revision to forget up to, once the log is a quarter longer than it should be.
    fn compaction(&self, head: u64) -> Option<u64> {
        let upto = head.saturating_sub(self.history);
        (upto > self.compacted + self.history / 4).then_some(upto)
    }

    fn check(
        &self,
        pending: &HashMap<Key, Option<Stored>>,
        write: Write,
        revision: u64,
    ) -> Result<Event, Error> {
        let current = |key: &Key| match pending.get(key) {
            Some(known) => known.clone(),
            None => self.shared.get(key),
        };
        let (key, expected, value, kind) = match write {
            Write::Create(key, value) => (key, None, value, EventKind::Added),
            Write::Update(key, at, value) => (key, Some(at), value, EventKind::Modified),
            Write::Delete(key, at, value) => (key, Some(at), value, EventKind::Deleted),
        };
        let previous = match (expected, current(&key)) {
            (None, None) => None,
            (None, Some(_)) => return Err(Error::AlreadyExists),
            (Some(_), None) => return Err(Error::NotFound),
            (Some(at), Some(now)) if at != now.revision => return Err(Error::Conflict),
            (Some(_), Some(now)) => Some(now.json),
        };
        Ok(Event {
            revision,
            key,
            kind,
            json: encode(value, revision)?,
            previous,
        })
    }
}

fn stored(event: &Event) -> Stored {
    Stored {
        revision: event.revision,
        json: event.json.clone(),
    }
}

/// Writes the revision into the object and turns it into text.
fn encode(mut value: Value, revision: u64) -> Result<Bytes, Error> {
    let invalid = || Error::Unavailable("object without metadata".into());
    let metadata = value
        .get_mut("metadata")
        .and_then(Value::as_object_mut)
        .ok_or_else(invalid)?;
    metadata.insert(
        "resourceVersion".into(),
        Value::String(revision.to_string()),
    );
    let text = serde_json::to_vec(&value).map_err(|error| Error::Unavailable(error.to_string()))?;
    Ok(Bytes::from(text.into_boxed_slice()))
}
