//! Writers, and what they know must be there.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicUsize, Ordering};

use kube::Client;
use parking_lot::Mutex;
use serde_json::{Value, json};

use super::object::{LEASES, ask, lease, name, number, revision};

const NAMES: usize = 4;

/// A writer that has some names for itself.
pub(super) struct Writer {
    slots: Vec<Slot>,
    next: usize,
    /// Name and number of every write that was answered, by revision.
    pub(super) answered: BTreeMap<u64, (String, usize)>,
    /// How often a name was deleted for sure.
    pub(super) deleted: BTreeMap<String, usize>,
}

/// One name, and what is known of it.
struct Slot {
    name: String,
    /// The last answer: number and revision.
    known: Option<(usize, u64)>,
    /// A request without an answer: the number it wrote, or nothing if it was a deletion.
    open: Option<Option<usize>>,
}

impl Writer {
    pub(super) fn new(at: usize) -> Self {
        let slot = |n| Slot {
            name: format!("w{at}-{n}"),
            known: None,
            open: None,
        };
        Self {
            slots: (0..NAMES).map(slot).collect(),
            next: at,
            answered: BTreeMap::new(),
            deleted: BTreeMap::new(),
        }
    }

    /// The newest revision that was answered.
    pub(super) fn newest(&self) -> u64 {
        self.answered.keys().last().copied().unwrap_or(0)
    }

    /// Looks what is there: what was answered last, or what was under way, each of them whole.
    pub(super) async fn find(&mut self, client: &Client) {
        for slot in &mut self.slots {
            let path = format!("{LEASES}/{}", slot.name);
            let found = match ask(client, "GET", &path, &Value::Null).await {
                Ok(object) => Some((number(&object), revision(&object))),
                Err(status) => {
                    assert_eq!(status.code, 404);
                    None
                }
            };
            let number = |found: &(usize, u64)| found.0;
            let happened = slot
                .open
                .take()
                .is_some_and(|open| open == found.as_ref().map(number));
            assert!(
                found == slot.known || happened,
                "{}: {found:?}, answered {:?}",
                slot.name,
                slot.known
            );
            slot.known = found;
        }
    }

    /// Writes until the server is gone.
    pub(super) async fn work(&mut self, client: &Client, counter: &Counter) {
        while self.write(client).await.is_some() && counter.count(client).await.is_some() {}
    }

    async fn write(&mut self, client: &Client) -> Option<()> {
        self.next += 5;
        let number = self.next;
        let slot = &mut self.slots[rand::random_range(0..NAMES)];
        let path = format!("{LEASES}/{}", slot.name);
        let mut body = lease(&slot.name, number);
        let delete = slot.known.is_some() && rand::random_bool(0.2);
        let answer = match slot.known {
            None => ask(client, "POST", LEASES, &body).await,
            Some(_) if delete => ask(client, "DELETE", &path, &Value::Null).await,
            Some((_, at)) => {
                body["metadata"]["resourceVersion"] = at.to_string().into();
                ask(client, "PUT", &path, &body).await
            }
        };
        match answer {
            Ok(_) if delete => {
                slot.known = None;
                *self.deleted.entry(slot.name.clone()).or_default() += 1;
            }
            Ok(object) => {
                let at = revision(&object);
                slot.known = Some((number, at));
                let twice = self.answered.insert(at, (name(&object).to_owned(), number));
                assert_eq!(twice, None);
            }
            Err(status) => {
                assert_eq!(status.code, 0, "{status:?}");
                slot.open = Some((!delete).then_some(number));
                return None;
            }
        }
        Some(())
    }
}

/// An object that all writers count up with compare-and-set.
#[derive(Default)]
pub(super) struct Counter {
    answered: Mutex<BTreeSet<u64>>,
    open: AtomicUsize,
}

impl Counter {
    const NAME: &'static str = "counter";

    /// Every answered step is in it, and no step was taken twice.
    pub(super) async fn find(&self, client: &Client) {
        let path = format!("{LEASES}/{}", Self::NAME);
        let found = match ask(client, "GET", &path, &Value::Null).await {
            Ok(object) => Self::value(&object),
            Err(status) => {
                assert_eq!(status.code, 404);
                0
            }
        };
        let answered = self.answered.lock();
        let (steps, open) = (
            answered.len() as u64,
            self.open.load(Ordering::Relaxed) as u64,
        );
        assert!(
            (steps..=steps + open).contains(&found),
            "{steps} {open} {found}"
        );
        assert!(answered.last().is_none_or(|last| *last <= found));
    }

    /// One step, if nobody else is faster.
    async fn count(&self, client: &Client) -> Option<()> {
        let path = format!("{LEASES}/{}", Self::NAME);
        let mut body = json!({
            "apiVersion": "coordination.k8s.io/v1", "kind": "Lease",
            "metadata": {"name": Self::NAME}, "spec": {"leaseTransitions": 1},
        });
        let found = ask(client, "GET", &path, &Value::Null).await;
        let (method, path) = match found {
            Ok(object) => {
                body["spec"]["leaseTransitions"] = (Self::value(&object) + 1).into();
                body["metadata"]["resourceVersion"] = revision(&object).to_string().into();
                ("PUT", path)
            }
            Err(status) if status.code == 404 => ("POST", LEASES.to_owned()),
            Err(_) => return None,
        };
        match ask(client, method, &path, &body).await {
            Ok(object) => {
                let fresh = self.answered.lock().insert(Self::value(&object));
                assert!(fresh, "a step was answered twice");
            }
            Err(status) if status.code == 409 => {}
            Err(status) => {
                assert_eq!(status.code, 0, "{status:?}");
                self.open.fetch_add(1, Ordering::Relaxed);
                return None;
            }
        }
        Some(())
    }

    fn value(object: &Value) -> u64 {
        object["spec"]["leaseTransitions"].as_u64().unwrap()
    }
}
