//! What must have happened, from the answers of the writes.

use std::sync::Arc;

use parking_lot::Mutex;
use pretty_assertions::assert_eq;

use super::super::*;

/// A write that was answered.
#[derive(Clone, Debug)]
pub(super) struct Done {
    pub(super) key: Key,
    pub(super) kind: EventKind,
    /// The revision that was to be replaced.
    expected: Option<u64>,
    pub(super) stored: Stored,
}

type Lists = Vec<(&'static str, Snapshot)>;

/// The answers of all clients of one life of the store.
#[derive(Clone, Default)]
pub(super) struct Log(Arc<Mutex<(Vec<Done>, Lists)>>);

impl Log {
    pub(super) async fn write(&self, store: &Store, write: Write) {
        let (key, kind, expected) = match &write {
            Write::Create(key, _) => (key.clone(), EventKind::Added, None),
            Write::Update(key, at, _) => (key.clone(), EventKind::Modified, Some(*at)),
            Write::Delete(key, at, _) => (key.clone(), EventKind::Deleted, Some(*at)),
        };
        match store.write(write).await {
            Ok(stored) => {
                // Whoever has the answer reads at least that.
                assert!(store.revision() >= stored.revision);
                self.0.lock().0.push(Done {
                    key,
                    kind,
                    expected,
                    stored,
                });
            }
            Err(Error::Conflict | Error::NotFound) => assert!(expected.is_some()),
            Err(Error::AlreadyExists) => assert_eq!(expected, None),
            Err(error) => panic!("{error}"),
        }
    }

    pub(super) fn listed(&self, resource: &'static str, list: Snapshot) {
        self.0.lock().1.push((resource, list));
    }

    pub(super) fn take(&self) -> (Vec<Done>, Lists) {
        std::mem::take(&mut *self.0.lock())
    }
}

/// The one history that the answers make; the first write got revision 2.
#[derive(Default)]
pub(super) struct Model {
    done: Vec<Done>,
}

impl Model {
    pub(super) fn revision(&self) -> u64 {
        self.done.len() as u64 + 1
    }

    /// Adds what was answered in a life of the store, and checks that it fits.
    pub(super) fn extend(&mut self, (mut done, lists): (Vec<Done>, Lists)) {
        done.sort_by_key(|done| done.stored.revision);
        for done in done {
            // No revision is given twice or left out, and who expects one finds that one.
            assert_eq!(done.stored.revision, self.revision() + 1);
            let current = self.current(&done.key, self.revision());
            assert_eq!(current.map(|stored| stored.revision), done.expected);
            self.done.push(done);
        }
        for (resource, list) in lists {
            let texts = |items: Vec<(Key, Stored)>| -> Vec<(Key, Bytes)> {
                let items = items.into_iter();
                items.map(|(key, stored)| (key, stored.json)).collect()
            };
            let expected = self.state(resource, None, list.revision);
            assert_eq!(texts(list.items), texts(expected));
        }
    }

    /// What happened after a revision and up to another.
    pub(super) fn between(&self, after: u64, upto: u64) -> impl Iterator<Item = &Done> {
        let within = move |done: &&Done| (after + 1..=upto).contains(&done.stored.revision);
        self.done.iter().filter(within)
    }

    /// An object at a revision.
    pub(super) fn current(&self, key: &Key, revision: u64) -> Option<Stored> {
        let mut writes = self.done.iter().rev();
        let last = writes.find(|done| done.stored.revision <= revision && done.key == *key)?;
        (last.kind != EventKind::Deleted).then(|| last.stored.clone())
    }

    /// The objects of a resource at a revision.
    pub(super) fn state(
        &self,
        resource: &str,
        namespace: Option<&str>,
        revision: u64,
    ) -> Vec<(Key, Stored)> {
        let mut state = BTreeMap::new();
        for done in self.between(0, revision) {
            let other = namespace.is_some_and(|namespace| *done.key.namespace != *namespace);
            if *done.key.resource != *resource || other {
                continue;
            }
            match done.kind {
                EventKind::Deleted => state.remove(&done.key),
                _ => state.insert(done.key.clone(), done.stored.clone()),
            };
        }
        state.into_iter().collect()
    }
}
