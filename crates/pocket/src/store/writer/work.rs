//! What the writer thread does: check, commit, publish, answer, and then clean up.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Duration;

use bytes::Bytes;
use serde_json::Value;
use tokio::sync::oneshot;

use super::Command;
use crate::store::db::Db;
use crate::store::event::Texts;
use crate::store::history::History;
use crate::store::options::{Clock, Options};
use crate::store::state::Shared;
use crate::store::{Error, Event, EventKind, Key, Stored, Write};

/// The most writes that share one transaction.
const BATCH: usize = 256;
/// About how many pages the log has when it is moved into the file, and when readers have to wait for that.
const LOG_PAGES: u64 = 1_000;
const LOG_PAGES_LIMIT: u64 = 4_000;

pub(super) struct Work {
    db: Db,
    shared: Arc<Shared>,
    history: History,
    clock: Clock,
    rest: Duration,
    objects_bytes: u64,
    next: u64,
    /// An estimate of the pages in the log that are not in the file.
    log_pages: u64,
}

/// A write that passed its check: the event it becomes and who waits for it.
struct Accepted {
    event: Arc<Event>,
    reply: oneshot::Sender<Result<Stored, Error>>,
}

/// The writes that are to share a transaction, while they are checked.
struct Batch {
    /// What the objects written so far are now.
    pending: HashMap<Key, Option<Stored>>,
    accepted: Vec<Accepted>,
    next: u64,
    /// Bytes of all objects with these writes.
    bytes: u64,
}

impl Work {
    pub(super) fn new(db: Db, shared: Arc<Shared>, history: History, options: &Options) -> Self {
        let next = shared.revision() + 1;
        Self {
            db,
            shared,
            history,
            clock: Arc::clone(&options.clock),
            rest: options.rest,
            objects_bytes: options.objects_bytes,
            next,
            // What the log held at the start is moved early.
            log_pages: LOG_PAGES,
        }
    }

    /// Works until nobody can send any more.
    pub(super) fn run(&mut self, commands: &Receiver<Command>) {
        loop {
            let first = match self.history.wait((self.clock)()) {
                None => commands.recv().map_err(RecvTimeoutError::from),
                Some(wait) => commands.recv_timeout(wait.max(self.rest)),
            };
            match first {
                Ok(first) => {
                    let more = commands.try_iter().take(BATCH - 1);
                    let batch = std::iter::once(first).chain(more).collect();
                    self.carry_out(batch);
                }
                Err(RecvTimeoutError::Timeout) => self.grow_old(),
                Err(RecvTimeoutError::Disconnected) => break,
            }
        }
        // The file alone is then the whole store.
        self.settle(Db::empty_log);
    }

    fn carry_out(&mut self, commands: Vec<Command>) {
        let mut batch = Batch {
            pending: HashMap::new(),
            accepted: Vec::with_capacity(commands.len()),
            next: self.next,
            bytes: self.shared.bytes(),
        };
        for Command { write, reply } in commands {
            match self.check(&mut batch, write) {
                Ok(event) => {
                    let event = Arc::new(event);
                    batch.accepted.push(Accepted { event, reply });
                    batch.next += 1;
                }
                // The client may have gone away; nobody is left to tell.
                Err(error) => drop(reply.send(Err(error))),
            }
        }
        if !batch.accepted.is_empty() {
            self.finish(batch);
            self.clean_up();
        }
    }

    /// Commits, publishes and answers, in this order.
    fn finish(&mut self, batch: Batch) {
        let Batch { accepted, next, .. } = batch;
        let events: Vec<_> = accepted.iter().map(|one| Arc::clone(&one.event)).collect();
        match self.commit(&events) {
            Ok(()) => {
                self.next = next;
                self.shared.publish(&events);
                for one in accepted {
                    drop(one.reply.send(Ok(one.event.stored())));
                }
            }
            Err(error) => {
                tracing::error!(%error, "commit refused");
                // There may be room in the file where there is none for the log.
                self.log_pages = LOG_PAGES;
                for one in accepted {
                    drop(one.reply.send(Err(error.clone())));
                }
            }
        }
    }

    fn commit(&mut self, events: &[Arc<Event>]) -> Result<(), Error> {
        let now = (self.clock)();
        let forget = self.history.due(now);
        if let Some(upto) = forget {
            self.shared.expire(upto);
        }
        self.db.commit(events, forget)?;
        if let Some(upto) = forget {
            self.history.forgotten(upto);
        }
        let mut bytes = 0;
        for event in events {
            self.history
                .record(event.revision, event.json.len() as u64, now);
            bytes += event.json.len() as u64;
        }
        // Besides the rows, the pages above them and those that the forgotten rows were on.
        self.log_pages += 3 + bytes / 3_500 + if forget.is_some() { 64 } else { 0 };
        Ok(())
    }

    /// Forgets what has grown old while nobody writes.
    fn grow_old(&mut self) {
        while self.history.due((self.clock)()).is_some() {
            if let Err(error) = self.commit(&[]) {
                tracing::warn!(%error, "old events not removed");
                break;
            }
        }
        self.settle(Db::shrink);
        self.log_pages += LOG_PAGES;
        self.clean_up();
    }

    /// Keeps the log short. Writers have their answers by then.
    fn clean_up(&mut self) {
        if self.log_pages < LOG_PAGES {
            return;
        }
        self.log_pages = 0;
        self.settle(Db::shrink);
        match self.db.checkpoint() {
            Ok(pages) if pages > LOG_PAGES_LIMIT => {
                let shared = Arc::clone(&self.shared);
                let _readers = shared.pause_readers();
                self.settle(Db::empty_log);
            }
            Ok(_) => {}
            Err(error) => tracing::warn!(%error, "log not moved into the file"),
        }
    }

    fn settle(&self, step: impl FnOnce(&Db) -> Result<(), Error>) {
        if let Err(error) = step(&self.db) {
            tracing::warn!(%error, "store not tidied up");
        }
    }

    /// Makes an event of a write whose expectation holds.
    fn check(&self, batch: &mut Batch, write: Write) -> Result<Event, Error> {
        let (key, expected, value, kind) = match write {
            Write::Create(key, value) => (key, None, value, EventKind::Added),
            Write::Update(key, at, value) => (key, Some(at), value, EventKind::Modified),
            Write::Delete(key, at, value) => (key, Some(at), value, EventKind::Deleted),
        };
        let current = match batch.pending.get(&key) {
            Some(known) => known.clone(),
            None => self.shared.get(&key),
        };
        match (expected, &current) {
            (None, Some(_)) => return Err(Error::AlreadyExists),
            (Some(_), None) => return Err(Error::NotFound),
            (Some(at), Some(now)) if at != now.revision => return Err(Error::Conflict),
            _ => {}
        }
        let event = Event {
            revision: batch.next,
            key,
            kind,
            json: encode(value, batch.next)?,
            previous: current,
            texts: Texts::default(),
        };
        self.weigh(batch, &event)?;
        let after = (kind != EventKind::Deleted).then(|| event.stored());
        batch.pending.insert(event.key.clone(), after);
        Ok(event)
    }

    /// Refuses what makes the objects together larger than they may be.
    fn weigh(&self, batch: &mut Batch, event: &Event) -> Result<(), Error> {
        let before = event
            .previous
            .as_ref()
            .map_or(0, |stored| stored.json.len()) as u64;
        let after = match event.kind {
            EventKind::Deleted => 0,
            EventKind::Added | EventKind::Modified => event.json.len() as u64,
        };
        let bytes = (batch.bytes + after).saturating_sub(before);
        if after > before && bytes > self.objects_bytes {
            return Err(Error::Quota {
                limit: self.objects_bytes >> 20,
            });
        }
        batch.bytes = bytes;
        Ok(())
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
