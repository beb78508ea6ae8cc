//! The one watch of all clusters' control records, for whoever acts on them.
//!
//! A record is renewed once a second; what it says changes rarely. Renewals are told from changes here, and only a
//! text that changed in more than what every write draws anew is parsed.

use std::collections::hash_map::DefaultHasher;
use std::collections::{HashMap, HashSet};
use std::hash::{Hash as _, Hasher as _};

use futures::channel::mpsc::{UnboundedReceiver, UnboundedSender, unbounded};
use futures::{StreamExt as _, future, pin_mut};
use howdah_api::control_record::Refusal;
use howdah_api::{ControlRecord, labels};
use k8s_openapi::api::coordination::v1::Lease;
use kube::api::Api;
use kube::runtime::reflector::ObjectRef;
use kube::runtime::watcher::{Error, Event};
use kube::runtime::{WatchStreamExt as _, watcher};
use kube::{Client, ResourceExt as _};
use tracing::warn;

use crate::cluster::{Chain, Guarded};
use crate::scope::Scope;
use crate::triggers::{labelled_cluster, owned_objects};

/// What every write of a record draws anew, and tells nothing.
const NONCE: &str = "\"nonce\":";

/// Namespace and name.
pub(crate) type Key = (String, String);

/// A record that says something new.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct News {
    pub(crate) key: Key,
    /// None: the record is gone.
    pub(crate) said: Option<Said>,
}

/// What a record says.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub(crate) struct Said {
    /// Of the Lease, which may be another one of the same name.
    pub(crate) uid: Option<String>,
    /// None: it cannot be read.
    pub(crate) record: Option<ControlRecord>,
    /// Why the primary did not hand over as asked last.
    pub(crate) refusal: Option<Refusal>,
}

/// Where changes go.
#[derive(Debug)]
pub(crate) struct Listeners {
    /// The clusters that passes are due for.
    pub(crate) clusters: UnboundedReceiver<ObjectRef<Guarded>>,
    /// What changed.
    pub(crate) news: UnboundedReceiver<News>,
}

/// Watches for as long as it is polled.
pub(crate) fn watch(
    scope: &Scope,
    client: &Client,
) -> (impl Future<Output = ()> + use<>, Listeners) {
    let (to_passes, clusters) = unbounded();
    let (to_tellers, news) = unbounded();
    let records = Records {
        known: HashMap::new(),
        listed: None,
        to_passes,
        to_tellers,
    };
    (
        records.follow(scope.api(client)),
        Listeners { clusters, news },
    )
}

struct Records {
    known: HashMap<Key, Known>,
    /// What a list that is under way has shown.
    listed: Option<HashSet<Key>>,
    to_passes: UnboundedSender<ObjectRef<Guarded>>,
    to_tellers: UnboundedSender<News>,
}

/// What was seen of one Lease.
struct Known {
    /// Of its texts.
    texts: u64,
    /// Of what they mean.
    meaning: u64,
    cluster: Option<ObjectRef<Guarded>>,
}

impl Records {
    async fn follow(mut self, leases: Api<Lease>) {
        let leases = watcher(leases, owned_objects()).default_backoff();
        pin_mut!(leases);
        while let Some(event) = leases.next().await {
            match event {
                Ok(event) => self.take(event),
                Err(error) => log(&error),
            }
        }
        // A watch goes on for ever; if this one ended, passes must not end with it.
        future::pending().await
    }

    fn take(&mut self, event: Event<Lease>) {
        match event {
            Event::Init => self.listed = Some(HashSet::new()),
            Event::InitApply(lease) => {
                if let Some(listed) = &mut self.listed {
                    listed.insert(key(&lease));
                }
                self.seen(&lease);
            }
            Event::InitDone => {
                let listed = self.listed.take().unwrap_or_default();
                let known = self.known.keys().filter(|key| !listed.contains(*key));
                for key in known.cloned().collect::<Vec<_>>() {
                    self.gone(key);
                }
            }
            Event::Apply(lease) => self.seen(&lease),
            Event::Delete(lease) => self.gone(key(&lease)),
        }
    }

    fn seen(&mut self, lease: &Lease) {
        let key = key(lease);
        let texts = texts(lease);
        let known = self.known.get(&key);
        if known.is_some_and(|known| known.texts == texts) {
            return;
        }
        let said = said(lease);
        let meaning = meaning(lease, &said);
        let changed = known.is_none_or(|known| known.meaning != meaning);
        let cluster = labelled_cluster(lease);
        let of = cluster.clone();
        let known = Known {
            texts,
            meaning,
            cluster,
        };
        self.known.insert(key.clone(), known);
        if changed {
            let said = Some(said);
            self.tell(of, News { key, said });
        }
    }

    fn gone(&mut self, key: Key) {
        let cluster = self.known.remove(&key).and_then(|known| known.cluster);
        self.tell(cluster, News { key, said: None });
    }

    /// Whoever does not listen any longer is about to end.
    fn tell(&self, cluster: Option<ObjectRef<Guarded>>, news: News) {
        if let Some(cluster) = cluster {
            let _ = self.to_passes.unbounded_send(cluster);
        }
        let _ = self.to_tellers.unbounded_send(news);
    }
}

fn log(error: &Error) {
    warn!(error = %Chain(error), "control records not watched");
}

fn key(lease: &Lease) -> Key {
    (lease.namespace().unwrap_or_default(), lease.name_any())
}

/// A fingerprint of the texts, without what tells nothing.
fn texts(lease: &Lease) -> u64 {
    let mut hasher = DefaultHasher::new();
    (&lease.metadata.uid, lease.labels()).hash(&mut hasher);
    for (key, value) in lease.annotations() {
        (key, around_nonce(value)).hash(&mut hasher);
    }
    hasher.finish()
}

fn around_nonce(text: &str) -> (&str, &str) {
    match text.split_once(NONCE) {
        None => (text, ""),
        Some((before, after)) => (
            before,
            after.trim_start_matches(|c: char| c.is_ascii_digit()),
        ),
    }
}

fn said(lease: &Lease) -> Said {
    let annotation = |name: &str| lease.annotations().get(name);
    Said {
        uid: lease.uid(),
        record: annotation(labels::RECORD).and_then(|text| ControlRecord::parse(text)),
        refusal: annotation(labels::REFUSED).and_then(|text| Refusal::parse(text)),
    }
}

/// A fingerprint without what changes at every renewal.
fn meaning(lease: &Lease, said: &Said) -> u64 {
    let mut hasher = DefaultHasher::new();
    (said, lease.labels()).hash(&mut hasher);
    let others = lease.annotations().iter();
    for (key, value) in others.filter(|(key, _)| said.record.is_none() || *key != labels::RECORD) {
        (key, value).hash(&mut hasher);
    }
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use pretty_assertions::assert_eq;
    use serde_json::{Value, json};

    use super::*;

    fn lease(name: &str, record: &Value) -> Lease {
        serde_json::from_value(json!({
            "metadata": {
                "name": name, "namespace": "n", "uid": "u",
                "labels": {"stackgres.io/cluster-name": name},
                "annotations": {"howdah.io/record": record.to_string()},
            },
            "spec": {"renewTime": "2026-01-01T00:00:00.000000Z"},
        }))
        .unwrap()
    }

    fn record(nonce: u64, epoch: u64) -> Value {
        json!({"epoch": epoch, "nonce": nonce, "revision": nonce, "timeline": epoch})
    }

    fn records() -> (Records, Listeners) {
        let (to_passes, clusters) = unbounded();
        let (to_tellers, news) = unbounded();
        let records = Records {
            known: HashMap::new(),
            listed: None,
            to_passes,
            to_tellers,
        };
        (records, Listeners { clusters, news })
    }

    /// The epochs that were told, and how many passes are due.
    fn told(listeners: &mut Listeners) -> (Vec<Option<u64>>, usize) {
        let mut epochs = Vec::new();
        while let Ok(news) = listeners.news.try_recv() {
            let said = news
                .said
                .map(|said| said.record.map_or(0, |record| record.epoch));
            epochs.push(said);
        }
        let mut passes = 0;
        while listeners.clusters.try_recv().is_ok() {
            passes += 1;
        }
        (epochs, passes)
    }

    #[test]
    fn a_renewal_says_nothing_new() {
        let (mut records, mut listeners) = records();
        for (nonce, epoch) in [(1, 1), (2, 1), (3, 1), (4, 2), (5, 2)] {
            records.take(Event::Apply(lease("a", &record(nonce, epoch))));
        }
        assert_eq!(told(&mut listeners), (vec![Some(1), Some(2)], 2));
        // What is no record is told as it is.
        records.take(Event::Apply(lease("a", &json!("x"))));
        records.take(Event::Apply(lease("a", &json!("y"))));
        assert_eq!(told(&mut listeners), (vec![Some(0), Some(0)], 2));
    }

    #[test]
    fn only_what_every_write_draws_is_left_out_of_the_texts() {
        let texts = |record: Value| texts(&lease("a", &record));
        let renewed = |nonce: u64| json!({"epoch": 1, "nonce": nonce, "timeline": 7});
        assert_eq!(texts(renewed(1)), texts(renewed(u64::MAX)));
        assert_ne!(texts(record(1, 1)), texts(record(1, 2)));
        assert_ne!(
            texts(json!({"nonce": 1, "a": 1})),
            texts(json!({"nonce": 1, "a": 2}))
        );
    }

    #[test]
    fn a_refusal_is_news() {
        let (mut records, mut listeners) = records();
        let mut refused = lease("a", &record(1, 1));
        records.take(Event::Apply(refused.clone()));
        let annotations = refused.metadata.annotations.as_mut().unwrap();
        let text = r#"{"epoch":1,"revision":2,"why":"no"}"#;
        annotations.insert(labels::REFUSED.to_owned(), text.to_owned());
        records.take(Event::Apply(refused));
        let _ = listeners.news.try_recv().unwrap();
        let said = listeners.news.try_recv().unwrap().said.unwrap();
        assert_eq!(said.refusal.unwrap().why, "no");
    }

    #[test]
    fn what_a_list_no_longer_shows_is_gone() {
        let (mut records, mut listeners) = records();
        for name in ["a", "b"] {
            records.take(Event::Apply(lease(name, &record(1, 1))));
        }
        told(&mut listeners);
        records.take(Event::Init);
        records.take(Event::InitApply(lease("a", &record(2, 1))));
        records.take(Event::InitDone);
        assert_eq!(told(&mut listeners), (vec![None], 1));
        records.take(Event::Delete(lease("a", &record(3, 1))));
        assert_eq!(told(&mut listeners), (vec![None], 1));
        records.take(Event::Apply(lease("a", &record(4, 1))));
        assert_eq!(told(&mut listeners), (vec![Some(1)], 1), "made anew");
    }
}
