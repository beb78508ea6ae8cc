//! The one thread that writes: it groups what has queued up into one transaction.
//!
//! It never waits for a group to fill. While one transaction is on its way to the disk the next writes queue up,
//! and they share the next one; a lone writer is alone in his.

mod work;

use std::sync::Arc;
use std::sync::mpsc::{self, Sender};
use std::thread::JoinHandle;

use parking_lot::Mutex;
use tokio::sync::oneshot;

use self::work::Work;
use super::db::Db;
use super::history::History;
use super::options::Options;
use super::state::Shared;
use super::{Error, Stored, Write};

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
    pub(super) fn start(
        db: Db,
        shared: Arc<Shared>,
        history: History,
        options: &Options,
    ) -> Result<Self, Error> {
        let (queue, commands) = mpsc::channel();
        let mut work = Work::new(db, shared, history, options);
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
