//! The newest events in memory, so that watchers who keep up cost the disk nothing.

use std::collections::VecDeque;
use std::sync::Arc;

use super::Event;

/// The ring holds at most this many events of at most about this many bytes.
const EVENTS: usize = 4096;
const BYTES: usize = 4 << 20;
/// A watcher takes at most this many of them at a time, so that one who never reads on holds little.
const PAGE: usize = 256;
const PAGE_BYTES: usize = 512 << 10;

/// Events with consecutive revisions, and for each the one before it of the same resource.
#[derive(Default)]
pub(super) struct Ring {
    entries: VecDeque<Entry>,
    bytes: usize,
}

/// Some events, and whether there are no more.
type Page = (Vec<Arc<Event>>, bool);

struct Entry {
    event: Arc<Event>,
    /// The revision of the last event of the resource before this one, or a later revision.
    before: u64,
}

impl Ring {
    /// Adds the newest event.
    pub(super) fn push(&mut self, event: &Arc<Event>, before: u64) {
        self.bytes += event.weight();
        self.entries.push_back(Entry {
            event: Arc::clone(event),
            before,
        });
        while self.entries.len() > EVENTS || self.bytes > BYTES {
            let Some(oldest) = self.entries.pop_front() else {
                break;
            };
            self.bytes -= oldest.event.weight();
        }
    }

    /// The next events of a resource after a revision, and whether these are all; nothing when some of them
    /// are no longer here.
    ///
    /// `last` is the revision of the resource's newest event.
    pub(super) fn after(&self, resource: &str, after: u64, last: u64) -> Option<Page> {
        if last <= after {
            return Some((Vec::new(), true));
        }
        let newest = self.entries.back()?.event.revision;
        let newer = usize::try_from(newest.saturating_sub(after)).unwrap_or(usize::MAX);
        let skip = self.entries.len().saturating_sub(newer);
        let found = self.entries.range(skip..);
        let mut found = found.filter(|entry| *entry.event.key.resource == *resource);
        let first = found.next().filter(|first| first.before <= after)?;
        let mut weight = first.event.weight();
        let mut events = vec![Arc::clone(&first.event)];
        for entry in found {
            weight += entry.event.weight();
            if events.len() >= PAGE || weight > PAGE_BYTES {
                return Some((events, false));
            }
            events.push(Arc::clone(&entry.event));
        }
        Some((events, true))
    }
}
