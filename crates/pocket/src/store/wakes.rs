//! Who is woken by a write: the watchers of its resource, in all namespaces or in its own.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::{Mutex, RwLock};
use tokio::sync::watch;

use super::Event;

/// After so many events, or bytes of them, everybody is woken: so those for whom there is nothing also note how
/// far they are, long before their place is forgotten.
const EVENTS: u64 = 256;
const BYTES: usize = 1 << 20;

/// A wake-up carries the revision up to which there is something to look at.
type Sender = watch::Sender<u64>;

/// The wake-ups of all watchers.
#[derive(Default)]
pub(super) struct Wakes {
    resources: RwLock<HashMap<Arc<str>, Resource>>,
    since: Mutex<Since>,
}

/// The watchers of one resource.
#[derive(Default)]
struct Resource {
    all: Sender,
    namespaces: HashMap<Arc<str>, Sender>,
}

/// What happened since everybody was woken.
#[derive(Default)]
struct Since {
    events: u64,
    bytes: usize,
}

impl Wakes {
    /// Subscribes to a resource, in one namespace or in all.
    pub(super) fn subscribe(
        &self,
        resource: &Arc<str>,
        namespace: Option<&Arc<str>>,
    ) -> watch::Receiver<u64> {
        let mut resources = self.resources.write();
        resources.retain(|_, resource| resource.tidy());
        let resource = resources.entry(Arc::clone(resource)).or_default();
        match namespace {
            None => resource.all.subscribe(),
            Some(namespace) => {
                let sender = resource.namespaces.entry(Arc::clone(namespace));
                sender.or_default().subscribe()
            }
        }
    }

    /// Wakes those for whom there may be something in these events.
    pub(super) fn wake(&self, events: &[Arc<Event>]) {
        let Some(last) = events.last() else { return };
        let everybody = self.since.lock().count(events);
        let resources = self.resources.read();
        if everybody {
            for resource in resources.values() {
                let namespaces = resource.namespaces.values();
                namespaces
                    .chain([&resource.all])
                    .for_each(|sender| tell(sender, last.revision));
            }
            return;
        }
        for event in events {
            if let Some(resource) = resources.get(&event.key.resource) {
                tell(&resource.all, last.revision);
                if let Some(sender) = resource.namespaces.get(&event.key.namespace) {
                    tell(sender, last.revision);
                }
            }
        }
    }
}

impl Resource {
    /// Drops what nobody listens to; tells whether anybody is left.
    fn tidy(&mut self) -> bool {
        self.namespaces
            .retain(|_, sender| sender.receiver_count() > 0);
        self.all.receiver_count() > 0 || !self.namespaces.is_empty()
    }
}

impl Since {
    /// Whether it is time to wake everybody.
    fn count(&mut self, events: &[Arc<Event>]) -> bool {
        self.events += events.len() as u64;
        self.bytes += events.iter().map(|event| event.weight()).sum::<usize>();
        let due = self.events >= EVENTS || self.bytes >= BYTES;
        if due {
            *self = Self::default();
        }
        due
    }
}

/// Several events of one commit are one wake-up.
fn tell(sender: &Sender, revision: u64) {
    sender.send_if_modified(|told| std::mem::replace(told, revision) != revision);
}
