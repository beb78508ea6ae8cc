//! What is in memory: the current objects, the newest events, and the wake-up per resource.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::ops::Bound;
use std::sync::Arc;

use parking_lot::{Mutex, RwLock};
use tokio::sync::watch;

use super::db::{Loaded, Reader};
use super::{Error, Event, EventKind, Key, Snapshot, Stored};

/// The ring holds at most this many events and about this many bytes of them.
const RING_EVENTS: usize = 512;
const RING_BYTES: usize = 2 << 20;

type Table = BTreeMap<(Box<str>, Box<str>), Stored>;

/// State shared by readers, watchers and the writer thread.
pub(super) struct Shared {
    state: RwLock<State>,
    reader: Mutex<Reader>,
}

struct State {
    revision: u64,
    /// Watches can start from this revision or a later one.
    compacted: u64,
    tables: HashMap<Arc<str>, Table>,
    /// The newest events with consecutive revisions, the last one at `revision`.
    ring: VecDeque<Arc<Event>>,
    ring_bytes: usize,
    wake: HashMap<Arc<str>, watch::Sender<u64>>,
}

/// Events found for a watcher, and how far the search looked.
pub(super) struct Found {
    pub(super) events: Vec<Arc<Event>>,
    pub(super) upto: u64,
    /// Nothing newer was there when the search looked.
    pub(super) complete: bool,
}

impl Shared {
    pub(super) fn new(loaded: Loaded, reader: Reader) -> Self {
        let mut tables: HashMap<Arc<str>, Table> = HashMap::new();
        for (key, stored) in loaded.objects {
            tables
                .entry(key.resource)
                .or_default()
                .insert((key.namespace, key.name), stored);
        }
        let state = State {
            revision: loaded.revision,
            compacted: loaded.compacted,
            tables,
            ring: VecDeque::new(),
            ring_bytes: 0,
            wake: HashMap::new(),
        };
        Self {
            state: RwLock::new(state),
            reader: Mutex::new(reader),
        }
    }

    pub(super) fn revision(&self) -> u64 {
        self.state.read().revision
    }

    pub(super) fn compacted(&self) -> u64 {
        self.state.read().compacted
    }

    pub(super) fn get(&self, key: &Key) -> Option<Stored> {
        let state = self.state.read();
        let table = state.tables.get(&key.resource)?;
        table
            .get(&(key.namespace.clone(), key.name.clone()))
            .cloned()
    }

    pub(super) fn list(&self, resource: &str, namespace: Option<&str>) -> Snapshot {
        let state = self.state.read();
        let mut items = Vec::new();
        if let Some((resource, table)) = state.tables.get_key_value(resource) {
            let start = namespace.map_or_else(Box::default, Box::from);
            let from = (Bound::Included((start, Box::default())), Bound::Unbounded);
            let rows = table.range::<(Box<str>, Box<str>), _>(from);
            let rows = rows.take_while(|((at, _), _)| namespace.is_none_or(|ns| &**at == ns));
            items.extend(rows.map(|((at, name), stored)| {
                let resource = Arc::clone(resource);
                (
                    Key {
                        resource,
                        namespace: at.clone(),
                        name: name.clone(),
                    },
                    stored.clone(),
                )
            }));
        }
        Snapshot {
            revision: state.revision,
            items,
        }
    }

    pub(super) fn list_at(
        &self,
        resource: &str,
        namespace: Option<&str>,
        revision: u64,
    ) -> Result<Snapshot, Error> {
        let now = self.list(resource, namespace);
        self.check_window(revision)?;
        if now.revision == revision {
            return Ok(now);
        }
        let mut items: BTreeMap<Key, Stored> = now.items.into_iter().collect();
        let resource: Arc<str> = resource.into();
        let log = self
            .reader
            .lock()
            .events(&resource, revision, now.revision, u32::MAX)?;
        // Undone newest first, the oldest event of each key decides what it was.
        for event in log.into_iter().rev() {
            if namespace.is_some_and(|ns| *event.key.namespace != *ns) {
                continue;
            }
            match event.previous {
                // The revision of the earlier state is inside its JSON; readers use only that.
                Some(json) => items.insert(event.key, Stored { revision, json }),
                None => items.remove(&event.key),
            };
        }
        // A compaction may have run in between; then the undo was incomplete.
        self.check_window(revision)?;
        Ok(Snapshot {
            revision,
            items: items.into_iter().collect(),
        })
    }

    pub(super) fn check_window(&self, revision: u64) -> Result<(), Error> {
        let state = self.state.read();
        if revision < state.compacted {
            return Err(Error::Expired {
                requested: revision,
                oldest: state.compacted,
            });
        }
        if revision > state.revision {
            return Err(Error::Future {
                requested: revision,
                current: state.revision,
            });
        }
        Ok(())
    }

    /// Subscribes to wake-ups for a resource.
    pub(super) fn subscribe(&self, resource: &Arc<str>) -> watch::Receiver<u64> {
        let mut state = self.state.write();
        let revision = state.revision;
        let wake = state.wake.entry(Arc::clone(resource));
        wake.or_insert_with(|| watch::Sender::new(revision))
            .subscribe()
    }

    /// The events of a resource after a revision that are still in memory.
    ///
    /// `None` when the ring does not reach back that far.
    pub(super) fn recent(&self, resource: &str, after: u64) -> Option<Found> {
        let state = self.state.read();
        let upto = state.revision;
        let missing = usize::try_from(upto.saturating_sub(after)).ok()?;
        let skip = state.ring.len().checked_sub(missing)?;
        let newer = state.ring.iter().skip(skip);
        let events = newer
            .filter(|event| &*event.key.resource == resource)
            .cloned()
            .collect();
        Some(Found {
            events,
            upto,
            complete: true,
        })
    }

    /// The next events of a resource after a revision, from disk.
    pub(super) fn logged(&self, resource: &Arc<str>, after: u64) -> Result<Found, Error> {
        const PAGE: u32 = 256;
        let now = self.revision();
        let events = self.reader.lock().events(resource, after, now, PAGE)?;
        self.check_window(after)?;
        let full = events.len() >= PAGE as usize;
        let upto = events
            .last()
            .filter(|_| full)
            .map_or(now, |event| event.revision);
        let events = events.into_iter().map(Arc::new).collect();
        Ok(Found {
            events,
            upto,
            complete: !full,
        })
    }

    /// Makes committed events visible and wakes the watchers of their resources.
    pub(super) fn publish(&self, events: &[Arc<Event>], compacted: Option<u64>) {
        let mut state = self.state.write();
        for event in events {
            state.apply(event);
        }
        if let Some(compacted) = compacted {
            state.compacted = compacted;
        }
        let mut woken: Vec<&str> = Vec::new();
        for event in events {
            if woken.contains(&&*event.key.resource) {
                continue;
            }
            woken.push(&event.key.resource);
            if let Some(wake) = state.wake.get(&event.key.resource) {
                wake.send_replace(state.revision);
            }
        }
        state.wake.retain(|_, wake| wake.receiver_count() > 0);
    }
}

impl State {
    fn apply(&mut self, event: &Arc<Event>) {
        let table = self
            .tables
            .entry(Arc::clone(&event.key.resource))
            .or_default();
        let place = (event.key.namespace.clone(), event.key.name.clone());
        if event.kind == EventKind::Deleted {
            table.remove(&place);
        } else {
            let json = event.json.clone();
            table.insert(
                place,
                Stored {
                    revision: event.revision,
                    json,
                },
            );
        }
        self.revision = event.revision;
        self.ring_bytes += event.json.len();
        self.ring.push_back(Arc::clone(event));
        while self.ring.len() > RING_EVENTS || self.ring_bytes > RING_BYTES {
            let Some(oldest) = self.ring.pop_front() else {
                break;
            };
            self.ring_bytes -= oldest.json.len();
        }
    }
}
