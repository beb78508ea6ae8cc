//! A watcher pulls events at its own pace; the store only wakes it.

use std::sync::Arc;

use tokio::sync::watch;

use super::state::{Found, Shared};
use super::{Error, Event};

/// A position in the sequence of events of one resource.
pub(crate) struct Watcher {
    shared: Arc<Shared>,
    resource: Arc<str>,
    namespace: Option<Arc<str>>,
    seen: u64,
    wake: watch::Receiver<u64>,
}

impl Watcher {
    pub(super) fn new(
        shared: Arc<Shared>,
        resource: &Arc<str>,
        namespace: Option<&str>,
        after: u64,
    ) -> Result<Self, Error> {
        shared.check_window(after)?;
        let (resource, namespace) = (Arc::clone(resource), namespace.map(Arc::from));
        let wake = shared.subscribe(&resource, namespace.as_ref());
        Ok(Self {
            shared,
            resource,
            namespace,
            seen: after,
            wake,
        })
    }

    /// Everything up to this revision has been handed out.
    ///
    /// It goes forward with the store also while nothing happens to the resource.
    pub(crate) fn revision(&mut self) -> u64 {
        let recent = self.shared.recent(&self.resource, self.seen);
        if let Some(found) = recent.filter(|found| found.events.is_empty()) {
            self.seen = found.upto;
        }
        self.seen
    }

    /// Waits for the next events, in order of revision; never returns an empty list.
    ///
    /// # Errors
    /// [`Error::Expired`] when this watcher fell behind the end of the event log.
    pub(crate) async fn next(&mut self) -> Result<Vec<Arc<Event>>, Error> {
        loop {
            // Marked as seen before looking, so a write in between wakes the wait below.
            self.wake.mark_unchanged();
            let found = self.look().await?;
            self.seen = found.upto;
            let mut events = found.events;
            if let Some(namespace) = &self.namespace {
                events.retain(|event| event.key.namespace == *namespace);
            }
            if !events.is_empty() {
                return Ok(events);
            }
            if found.complete && self.wake.changed().await.is_err() {
                return Err(Error::Unavailable("the store is closed".into()));
            }
        }
    }

    async fn look(&self) -> Result<Found, Error> {
        if let Some(found) = self.shared.recent(&self.resource, self.seen) {
            return Ok(found);
        }
        let (shared, resource, seen) = (
            Arc::clone(&self.shared),
            Arc::clone(&self.resource),
            self.seen,
        );
        let read = tokio::task::spawn_blocking(move || shared.logged(&resource, seen));
        read.await
            .map_err(|_| Error::Unavailable("the store is closed".into()))?
    }
}
