//! The store's promises: compare-and-set, watches without gaps, survival.

mod damage;
mod format;
mod limits;
mod property;

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::json;
use tempfile::TempDir;

use super::*;

fn pods() -> Arc<str> {
    "pods".into()
}

fn key(name: &str) -> Key {
    Key::new(&pods(), "default", name)
}

fn object(value: i64) -> Value {
    json!({"metadata": {}, "value": value})
}

fn open(dir: &TempDir, history: u64) -> Store {
    let history = History {
        events: history,
        ..History::default()
    };
    Store::open(
        &dir.path().join("pocket.db"),
        &Options::with_history(history),
    )
    .unwrap()
}

async fn create(store: &Store, name: &str) -> Stored {
    store
        .write(Write::Create(key(name), object(0)))
        .await
        .unwrap()
}

async fn next(watcher: &mut Watcher) -> Vec<Arc<Event>> {
    tokio::time::timeout(Duration::from_secs(10), watcher.next())
        .await
        .unwrap()
        .unwrap()
}

#[tokio::test]
async fn a_stale_writer_loses_and_the_winner_counts_up() {
    let dir = TempDir::new().unwrap();
    let store = open(&dir, 100);
    let first = create(&store, "a").await;
    let second = store
        .write(Write::Update(key("a"), first.revision, object(1)))
        .await
        .unwrap();
    assert_eq!(second.revision, first.revision + 1);
    let stale = store
        .write(Write::Update(key("a"), first.revision, object(2)))
        .await;
    assert!(matches!(stale, Err(Error::Conflict)));
    let again = store.write(Write::Create(key("a"), object(2))).await;
    assert!(matches!(again, Err(Error::AlreadyExists)));
    let missing = store.write(Write::Delete(key("b"), 1, object(2))).await;
    assert!(matches!(missing, Err(Error::NotFound)));
    assert_eq!(store.get(&key("a")).unwrap(), second);
}

#[tokio::test]
async fn of_many_writers_at_one_revision_exactly_one_wins() {
    let dir = TempDir::new().unwrap();
    let store = open(&dir, 100);
    let at = create(&store, "a").await.revision;
    let writes = (0..50).map(|n| store.write(Write::Update(key("a"), at, object(n))));
    let won = futures::future::join_all(writes)
        .await
        .into_iter()
        .filter(Result::is_ok)
        .count();
    assert_eq!(won, 1);
}

#[tokio::test]
async fn the_revision_is_inside_the_object() {
    let dir = TempDir::new().unwrap();
    let store = open(&dir, 100);
    let stored = create(&store, "a").await;
    let value: Value = serde_json::from_slice(&stored.json).unwrap();
    assert_eq!(
        value["metadata"]["resourceVersion"],
        json!(stored.revision.to_string())
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn watchers_see_every_event_once_from_history_into_live() {
    let dir = TempDir::new().unwrap();
    let store = open(&dir, 100_000);
    let start = store.revision();
    for n in 0..700 {
        create(&store, &format!("early-{n}")).await;
    }
    let mut watcher = store.watch(&pods(), None, start).unwrap();
    let writer = tokio::spawn({
        let store = store.clone();
        async move {
            for n in 0..700 {
                create(&store, &format!("late-{n}")).await;
            }
        }
    });
    let mut revisions = Vec::new();
    while revisions.len() < 1400 {
        revisions.extend(next(&mut watcher).await.iter().map(|event| event.revision));
    }
    writer.await.unwrap();
    let expected: Vec<u64> = (start + 1..=start + 1400).collect();
    assert_eq!(revisions, expected);
}

#[tokio::test]
async fn watchers_see_only_their_namespace_and_resource() {
    let dir = TempDir::new().unwrap();
    let store = open(&dir, 100);
    let mut watcher = store
        .watch(&pods(), Some("default"), store.revision())
        .unwrap();
    let services: Arc<str> = "services".into();
    store
        .write(Write::Create(
            Key::new(&services, "default", "s"),
            object(0),
        ))
        .await
        .unwrap();
    store
        .write(Write::Create(Key::new(&pods(), "other", "a"), object(0)))
        .await
        .unwrap();
    create(&store, "mine").await;
    let events = next(&mut watcher).await;
    let names: Vec<&str> = events.iter().map(|event| &*event.key.name).collect();
    assert_eq!(names, ["mine"]);
}

#[tokio::test]
async fn a_compacted_revision_is_expired_and_a_future_one_is_refused() {
    let dir = TempDir::new().unwrap();
    let store = open(&dir, 8);
    let start = store.revision();
    for n in 0..40 {
        create(&store, &format!("p-{n}")).await;
    }
    assert!(matches!(
        store.watch(&pods(), None, start),
        Err(Error::Expired { .. })
    ));
    assert!(matches!(
        store.list_at("pods", None, start),
        Err(Error::Expired { .. })
    ));
    let ahead = store.revision() + 1;
    assert!(matches!(
        store.watch(&pods(), None, ahead),
        Err(Error::Future { .. })
    ));
    assert!(store.watch(&pods(), None, store.revision() - 4).is_ok());
}

#[tokio::test]
async fn an_earlier_list_is_rebuilt_from_the_log() {
    let dir = TempDir::new().unwrap();
    let store = open(&dir, 100);
    let a = create(&store, "a").await;
    let b = create(&store, "b").await;
    let then = store.list("pods", Some("default"));
    store
        .write(Write::Update(key("a"), a.revision, object(7)))
        .await
        .unwrap();
    store
        .write(Write::Delete(key("b"), b.revision, object(0)))
        .await
        .unwrap();
    create(&store, "c").await;
    let rebuilt = store
        .list_at("pods", Some("default"), then.revision)
        .unwrap();
    let texts = |snapshot: &Snapshot| -> BTreeMap<String, Bytes> {
        let rows = snapshot.items.iter();
        rows.map(|(key, stored)| (key.name.to_string(), stored.json.clone()))
            .collect()
    };
    assert_eq!(texts(&rebuilt), texts(&then));
}

#[tokio::test]
async fn everything_survives_a_reopen_and_revisions_go_on() {
    let dir = TempDir::new().unwrap();
    let store = open(&dir, 100);
    let a = create(&store, "a").await;
    let b = create(&store, "b").await;
    store
        .write(Write::Delete(key("b"), b.revision, object(0)))
        .await
        .unwrap();
    let revision = store.revision();
    store.close().await;
    assert!(matches!(
        store.write(Write::Create(key("x"), object(0))).await,
        Err(Error::Unavailable(_))
    ));
    drop(store);
    let store = open(&dir, 100);
    assert_eq!(store.revision(), revision);
    assert_eq!(store.get(&key("a")).unwrap().json, a.json);
    assert_eq!(store.get(&key("b")), None);
    let mut watcher = store.watch(&pods(), None, a.revision).unwrap();
    let kinds: Vec<EventKind> = next(&mut watcher)
        .await
        .iter()
        .map(|event| event.kind)
        .collect();
    assert_eq!(kinds, [EventKind::Added, EventKind::Deleted]);
    assert_eq!(create(&store, "c").await.revision, revision + 1);
}
