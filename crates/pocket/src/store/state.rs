//! What is in memory: the current objects and the newest events.

use std::collections::{BTreeMap, HashMap};
use std::ops::Bound;
use std::sync::Arc;

use parking_lot::{Mutex, MutexGuard, RwLock};
use tokio::sync::watch;

use super::log::{Loaded, Reader};
use super::ring::Ring;
use super::wakes::Wakes;
use super::{Error, Event, EventKind, Key, Snapshot, Stored};

/// Namespace and name.
type Place = (Arc<str>, Arc<str>);

/// State shared by readers, watchers and the writer thread.
pub(super) struct Shared {
    state: RwLock<State>,
    wakes: Wakes,
    reader: Mutex<Reader>,
}

struct State {
    revision: u64,
    /// Watches can start from this revision or a later one.
    compacted: u64,
    /// Where this process took over: what is older is known to the disk alone.
    loaded: u64,
    tables: HashMap<Arc<str>, Table>,
    /// Bytes of all current objects.
    bytes: u64,
    ring: Ring,
}

/// The current objects of one resource.
struct Table {
    rows: BTreeMap<Place, Stored>,
    /// No event of this resource is newer.
    last: u64,
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
        let mut state = State {
            revision: loaded.revision,
            compacted: loaded.compacted,
            loaded: loaded.revision,
            tables: HashMap::new(),
            bytes: 0,
            ring: Ring::default(),
        };
        for (key, stored) in loaded.objects {
            state.put(&key, stored);
        }
        Self {
            state: RwLock::new(state),
            wakes: Wakes::default(),
            reader: Mutex::new(reader),
        }
    }

    pub(super) fn revision(&self) -> u64 {
        self.state.read().revision
    }

    pub(super) fn newest(&self, resource: &str) -> u64 {
        self.state.read().last(resource)
    }

    /// The bytes of all current objects.
    pub(super) fn bytes(&self) -> u64 {
        self.state.read().bytes
    }

    pub(super) fn get(&self, key: &Key) -> Option<Stored> {
        let state = self.state.read();
        let table = state.tables.get(&key.resource)?;
        table.rows.get(&place(key)).cloned()
    }

    pub(super) fn list(&self, resource: &str, namespace: Option<&str>) -> Snapshot {
        let state = self.state.read();
        let mut items = Vec::new();
        if let Some((resource, table)) = state.tables.get_key_value(resource) {
            let start: Arc<str> = namespace.unwrap_or_default().into();
            let from = (Bound::Included((start, "".into())), Bound::Unbounded);
            let rows = table.rows.range::<Place, _>(from);
            let rows = rows.take_while(|((at, _), _)| namespace.is_none_or(|ns| &**at == ns));
            items.extend(rows.map(|((at, name), stored)| {
                let key = Key {
                    resource: Arc::clone(resource),
                    namespace: Arc::clone(at),
                    name: Arc::clone(name),
                };
                (key, stored.clone())
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
        let before = self
            .reader
            .lock()
            .before(&resource.into(), revision, now.revision)?;
        for (key, stored) in before {
            if namespace.is_some_and(|ns| *key.namespace != *ns) {
                continue;
            }
            match stored {
                Some(stored) => items.insert(key, stored),
                None => items.remove(&key),
            };
        }
        // A compaction may have run in between; then the past was incomplete.
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

    /// Subscribes to wake-ups for a resource, in one namespace or in all.
    pub(super) fn subscribe(
        &self,
        resource: &Arc<str>,
        namespace: Option<&Arc<str>>,
    ) -> watch::Receiver<u64> {
        self.wakes.subscribe(resource, namespace)
    }

    /// The next events of a resource after a revision, when all of them are still in memory.
    pub(super) fn recent(&self, resource: &str, after: u64) -> Option<Found> {
        let state = self.state.read();
        let (events, complete) = state.ring.after(resource, after, state.last(resource))?;
        let last = events.last().filter(|_| !complete);
        Some(Found {
            upto: last.map_or(state.revision, |event| event.revision),
            events,
            complete,
        })
    }

    /// The next events of a resource after a revision, from disk.
    pub(super) fn logged(&self, resource: &Arc<str>, after: u64) -> Result<Found, Error> {
        let now = self.revision();
        let (events, upto) = self.reader.lock().events(resource, after, now)?;
        self.check_window(after)?;
        Ok(Found {
            events: events.into_iter().map(Arc::new).collect(),
            upto,
            complete: upto == now,
        })
    }

    /// Keeps readers off the disk while the guard lives.
    pub(super) fn pause_readers(&self) -> MutexGuard<'_, Reader> {
        self.reader.lock()
    }

    /// From now on nobody starts before this revision; said before the disk forgets it.
    pub(super) fn expire(&self, upto: u64) {
        self.state.write().compacted = upto;
    }

    /// Makes committed events visible and wakes the watchers of their resources.
    pub(super) fn publish(&self, events: &[Arc<Event>]) {
        let mut state = self.state.write();
        for event in events {
            state.apply(event);
        }
        drop(state);
        self.wakes.wake(events);
    }
}

impl State {
    /// The revision of a resource's newest event, or a later one after which there was none.
    fn last(&self, resource: &str) -> u64 {
        let table = self.tables.get(resource);
        table.map_or(self.loaded, |table| table.last)
    }

    fn apply(&mut self, event: &Arc<Event>) {
        let before = self.last(&event.key.resource);
        self.revision = event.revision;
        if event.kind == EventKind::Deleted {
            self.remove(&event.key);
        } else {
            self.put(&event.key, event.stored());
        }
        if let Some(table) = self.tables.get_mut(&event.key.resource) {
            table.last = event.revision;
        }
        self.ring.push(event, before);
    }

    fn remove(&mut self, key: &Key) {
        let table = self.tables.get_mut(&key.resource);
        if let Some(gone) = table.and_then(|table| table.rows.remove(&place(key))) {
            self.bytes -= gone.json.len() as u64;
        }
    }

    fn put(&mut self, key: &Key, stored: Stored) {
        self.bytes += stored.json.len() as u64;
        let loaded = self.loaded;
        let table = self.tables.entry(Arc::clone(&key.resource));
        let table = table.or_insert_with(|| Table {
            rows: BTreeMap::new(),
            last: loaded,
        });
        let (mut namespace, name) = place(key);
        if let Some(known) = table
            .rows
            .get_mut(&(Arc::clone(&namespace), Arc::clone(&name)))
        {
            self.bytes -= known.json.len() as u64;
            *known = stored;
            return;
        }
        // Objects of a namespace share its name.
        let here = (Arc::clone(&namespace), Arc::clone(&name));
        let neighbour = table.rows.range(..here).next_back();
        if let Some(((known, _), _)) = neighbour.filter(|((known, _), _)| *known == namespace) {
            namespace = Arc::clone(known);
        }
        table.rows.insert((namespace, name), stored);
    }
}

fn place(key: &Key) -> Place {
    (Arc::clone(&key.namespace), Arc::clone(&key.name))
}
