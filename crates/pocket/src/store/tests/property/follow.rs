//! A watcher that starts anywhere, breaks off, resumes and lists again, and what it has seen.

use std::sync::Arc;

use pretty_assertions::assert_eq;
use proptest::prelude::*;
use tokio_util::sync::CancellationToken;

use super::super::*;
use super::model::Model;
use super::{NAMESPACES, RESOURCES};

/// How somebody watches.
#[derive(Clone, Debug)]
pub(super) struct Follow {
    resource: usize,
    namespace: Option<usize>,
    /// It starts so many revisions ago.
    ago: u64,
    /// It breaks off after this many events, and resumes.
    patience: usize,
}

impl Follow {
    pub(super) fn any() -> impl Strategy<Value = Self> {
        let namespace = prop::option::of(0..NAMESPACES.len());
        (0..RESOURCES.len(), namespace, 0..80_u64, 1..20_usize).prop_map(
            |(resource, namespace, ago, patience)| Self {
                resource,
                namespace,
                ago,
                patience,
            },
        )
    }
}

/// Consecutive parts of the history, as one watcher saw them.
pub(super) struct Seen {
    resource: &'static str,
    namespace: Option<&'static str>,
    parts: Vec<Part>,
    lists: Vec<Snapshot>,
}

struct Part {
    after: u64,
    upto: u64,
    events: Vec<Arc<Event>>,
}

/// Watches until it is told to stop, and then up to the newest revision.
pub(super) async fn follow(store: Store, how: Follow, stop: CancellationToken) -> Seen {
    let resource: Arc<str> = RESOURCES[how.resource].into();
    let mut seen = Seen {
        resource: RESOURCES[how.resource],
        namespace: how.namespace.map(|at| NAMESPACES[at]),
        parts: Vec::new(),
        lists: Vec::new(),
    };
    let mut at = store.revision().saturating_sub(how.ago);
    loop {
        let stopping = stop.is_cancelled();
        match store.watch(&resource, seen.namespace, at) {
            Ok(watcher) => {
                let part = watch(watcher, at, &how, &stop).await;
                at = part.upto;
                seen.parts.push(part);
            }
            Err(Error::Expired { oldest, .. }) => {
                assert!(oldest > at);
                let list = store.list(&resource, seen.namespace);
                at = list.revision;
                seen.lists.push(list);
            }
            Err(error) => panic!("{error}"),
        }
        if stopping && at == store.revision() {
            return seen;
        }
    }
}

/// Watches until patience or the test is at its end.
async fn watch(mut watcher: Watcher, after: u64, how: &Follow, stop: &CancellationToken) -> Part {
    let mut events = Vec::new();
    while events.len() < how.patience {
        tokio::select! {
            biased;
            more = watcher.next() => match more {
                Ok(more) => events.extend(more),
                Err(error) => {
                    assert!(matches!(error, Error::Expired { .. }), "{error}");
                    break;
                }
            },
            () = stop.cancelled() => break,
        }
    }
    Part {
        after,
        upto: watcher.revision(),
        events,
    }
}

impl Seen {
    /// Compares everything seen with what must have happened.
    pub(super) fn check(self, model: &Model) {
        for list in self.lists {
            let expected = model.state(self.resource, self.namespace, list.revision);
            assert_eq!(list.items, expected);
        }
        for part in self.parts {
            let mine = model.between(part.after, part.upto).filter(|done| {
                let namespace = self.namespace;
                *done.key.resource == *self.resource
                    && namespace.is_none_or(|namespace| *done.key.namespace == *namespace)
            });
            let expected: Vec<_> = mine
                .map(|done| {
                    let before = model.current(&done.key, done.stored.revision - 1);
                    let stored = done.stored.clone();
                    (done.key.clone(), done.kind, stored, before)
                })
                .collect();
            let events: Vec<_> = part
                .events
                .iter()
                .map(|event| {
                    let before = event.previous.clone();
                    (event.key.clone(), event.kind, event.stored(), before)
                })
                .collect();
            assert_eq!(events, expected, "after {} up to {}", part.after, part.upto);
        }
    }
}
