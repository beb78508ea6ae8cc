//! What the store keeps, gives back and refuses.

use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use pretty_assertions::assert_eq;

use super::*;

fn sized(bytes: usize) -> Value {
    json!({"metadata": {}, "text": "x".repeat(bytes)})
}

async fn replace(store: &Store, name: &str, value: Value) -> Result<Stored, Error> {
    let at = store.get(&key(name)).unwrap().revision;
    store.write(Write::Update(key(name), at, value)).await
}

fn history(events: u64, bytes: u64) -> History {
    History {
        events,
        bytes,
        ..History::default()
    }
}

fn size(dir: &TempDir, file: &str) -> u64 {
    std::fs::metadata(dir.path().join(file)).map_or(0, |found| found.len())
}

#[tokio::test]
async fn the_files_stay_small_however_much_is_written() {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("pocket.db");
    let options = Options::with_history(history(1_000, 4 << 20));
    let store = Store::open(&path, &options).unwrap();
    for n in 0..20 {
        create(&store, &format!("p-{n}")).await;
    }
    for _ in 0..60 {
        let names: Vec<String> = (0..20).map(|n| format!("p-{n}")).collect();
        let writes = names
            .iter()
            .map(|name| replace(&store, name, sized(64 << 10)));
        for done in futures::future::join_all(writes).await {
            done.unwrap();
        }
    }
    // 75 MiB have been written; 1.2 MiB are current, 4 MiB history.
    let (file, log) = (size(&dir, "pocket.db"), size(&dir, "pocket.db-wal"));
    assert!(file < 24 << 20, "{file}");
    assert!(log < 24 << 20, "{log}");
    store.close().await;
    assert_eq!(size(&dir, "pocket.db-wal"), 0);
}

/// A watcher that is far behind reads from the file all the time.
#[tokio::test(flavor = "multi_thread")]
async fn the_log_stays_short_while_slow_watchers_read() {
    let dir = TempDir::new().unwrap();
    let store = open(&dir, 100_000);
    create(&store, "a").await;
    let start = store.revision();
    let done = tokio_util::sync::CancellationToken::new();
    let readers: Vec<_> = (0..4)
        .map(|_| {
            let (store, done) = (store.clone(), done.clone());
            tokio::spawn(async move {
                while !done.is_cancelled() {
                    let mut watcher = store.watch(&pods(), None, start).unwrap();
                    next(&mut watcher).await;
                }
            })
        })
        .collect();
    let mut longest = 0;
    for _ in 0..600 {
        replace(&store, "a", sized(64 << 10)).await.unwrap();
        longest = longest.max(size(&dir, "pocket.db-wal"));
    }
    done.cancel();
    for reader in readers {
        reader.await.unwrap();
    }
    assert!(longest < 24 << 20, "{longest}");
}

#[tokio::test]
async fn history_ends_by_age() {
    let dir = TempDir::new().unwrap();
    let late = Arc::new(Mutex::new(Duration::ZERO));
    let start = Instant::now();
    let clock = {
        let late = Arc::clone(&late);
        Arc::new(move || start + *late.lock())
    };
    let options = Options {
        clock,
        ..Options::default()
    };
    let store = Store::open(&dir.path().join("pocket.db"), &options).unwrap();
    let a = create(&store, "a").await.revision;
    *late.lock() = Duration::from_secs(300);
    replace(&store, "a", object(1)).await.unwrap();
    assert!(store.watch(&pods(), None, a).is_ok());
    *late.lock() = Duration::from_secs(601);
    // This write is what the writer notices the time by; its own history stays.
    let last = replace(&store, "a", object(2)).await.unwrap().revision;
    assert!(matches!(
        store.watch(&pods(), None, a - 1),
        Err(Error::Expired { .. })
    ));
    assert!(store.watch(&pods(), None, last - 1).is_ok());
}

#[tokio::test]
async fn history_ends_by_age_while_nobody_writes() {
    let dir = TempDir::new().unwrap();
    let age = Duration::from_millis(50);
    let options = Options {
        history: History {
            age,
            ..History::default()
        },
        rest: age,
        ..Options::default()
    };
    let store = Store::open(&dir.path().join("pocket.db"), &options).unwrap();
    let start = store.revision();
    let last = create(&store, "a").await.revision;
    let forgotten = async || match store.watch(&pods(), None, start) {
        Err(Error::Expired { .. }) => Ok(()),
        other => Err(format!("{:?}", other.map(|mut watcher| watcher.revision()))),
    };
    howdah_testkit::wait_until(Duration::from_secs(10), "the history to end", forgotten)
        .await
        .unwrap();
    assert!(store.watch(&pods(), None, last).is_ok());
    assert_eq!(store.list("pods", None).items.len(), 1);
}

/// However much happens to other resources: nothing of its own is missing, so nothing has expired.
#[tokio::test]
async fn a_watcher_of_a_quiet_resource_outlives_the_history() {
    let dir = TempDir::new().unwrap();
    let store = open(&dir, 64);
    let services: Arc<str> = "services".into();
    let service = |name: &str| Write::Create(Key::new(&services, "default", name), object(0));
    store.write(service("first")).await.unwrap();
    let start = store.revision();
    let mut quiet = store.watch(&services, None, start).unwrap();
    for n in 0..200 {
        create(&store, &format!("p-{n}")).await;
    }
    assert!(store.watch(&services, None, start).is_err());
    store.write(service("second")).await.unwrap();
    let events = next(&mut quiet).await;
    let names: Vec<&str> = events.iter().map(|event| &*event.key.name).collect();
    assert_eq!(names, ["second"]);
    create(&store, "one more").await;
    assert_eq!(quiet.revision(), store.revision());
}

/// As in a real cluster, where one namespace is busy and another sleeps.
#[tokio::test(flavor = "multi_thread")]
async fn a_watcher_of_a_quiet_namespace_outlives_the_history() {
    let dir = TempDir::new().unwrap();
    let store = open(&dir, 2_000);
    let start = store.revision();
    let mut quiet = store.watch(&pods(), Some("quiet"), start).unwrap();
    let waiting = tokio::spawn(async move { next(&mut quiet).await });
    // More than the history and the ring in memory have room for.
    for n in 0..700 {
        let names: Vec<String> = (0..8).map(|m| format!("p-{n}-{m}")).collect();
        futures::future::join_all(names.iter().map(|name| create(&store, name))).await;
    }
    assert!(store.watch(&pods(), Some("quiet"), start).is_err());
    let key = Key::new(&pods(), "quiet", "at last");
    let last = store.write(Write::Create(key, object(0))).await.unwrap();
    let events = waiting.await.unwrap();
    assert_eq!(events.len(), 1);
    assert_eq!(events[0].revision, last.revision);
}

#[tokio::test]
async fn a_watcher_who_is_too_slow_is_told_so() {
    let dir = TempDir::new().unwrap();
    let store = open(&dir, 64);
    let mut slow = store.watch(&pods(), None, store.revision()).unwrap();
    // More than the ring in memory has room for.
    for n in 0..600 {
        let names: Vec<String> = (0..8).map(|m| format!("p-{n}-{m}")).collect();
        futures::future::join_all(names.iter().map(|name| create(&store, name))).await;
    }
    assert!(matches!(slow.next().await, Err(Error::Expired { .. })));
}

#[tokio::test]
async fn a_full_disk_refuses_writes_and_recovers() {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("pocket.db");
    let options = Options {
        max_pages: Some(64),
        ..Options::default()
    };
    let store = Store::open(&path, &options).unwrap();
    create(&store, "a").await;
    let mut watcher = store.watch(&pods(), None, store.revision()).unwrap();
    let before = store.revision();
    let refused = store
        .write(Write::Create(key("big"), sized(300 << 10)))
        .await;
    assert!(matches!(refused, Err(Error::Full)), "{refused:?}");
    assert_eq!(store.revision(), before);
    assert_eq!(store.get(&key("big")), None);
    let small = create(&store, "small").await;
    assert_eq!(small.revision, before + 1);
    assert_eq!(next(&mut watcher).await[0].revision, before + 1);
    store.close().await;
    drop((store, watcher));
    let store = open(&dir, 100);
    store
        .write(Write::Create(key("big"), sized(300 << 10)))
        .await
        .unwrap();
    assert_eq!(store.list("pods", None).items.len(), 3);
}

#[tokio::test]
async fn beyond_the_quota_only_what_makes_room_is_accepted() {
    let dir = TempDir::new().unwrap();
    let options = Options {
        objects_bytes: 1 << 20,
        ..Options::default()
    };
    let store = Store::open(&dir.path().join("pocket.db"), &options).unwrap();
    create(&store, "a").await;
    let grown = replace(&store, "a", sized(1 << 20)).await;
    assert!(matches!(grown, Err(Error::Quota { limit: 1 })), "{grown:?}");
    replace(&store, "a", sized(1000 << 10)).await.unwrap();
    // Those who write at the same time share what is left.
    let writes = ["b", "c", "d", "e"].map(|name| Write::Create(key(name), sized(10 << 10)));
    let done = futures::future::join_all(writes.map(|write| store.write(write))).await;
    assert_eq!(done.iter().filter(|one| one.is_ok()).count(), 2);
    replace(&store, "a", sized(990 << 10)).await.unwrap();
    let at = store.get(&key("a")).unwrap().revision;
    store
        .write(Write::Delete(key("a"), at, object(0)))
        .await
        .unwrap();
    store
        .write(Write::Create(key("f"), sized(900 << 10)))
        .await
        .unwrap();
}
