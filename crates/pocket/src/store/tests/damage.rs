//! What a power cut leaves: the files as they were synced, and after that anything.
//!
//! A write is answered when SQLite has synced the log with it (`synchronous=FULL`). So at the moment of the answer all
//! of the log is on disk, and a cut later can damage only what was appended after that moment. The
//! tests take the files at that moment, put each kind of damage behind them, and open the result.

use std::fs;
use std::path::Path;

use super::*;

const FILE: &str = "pocket.db";
const LOG: &str = "pocket.db-wal";

/// The files of a store at one moment.
struct Files {
    file: Vec<u8>,
    log: Vec<u8>,
}

impl Files {
    fn of(dir: &TempDir) -> Self {
        let read = |name: &str| fs::read(dir.path().join(name)).unwrap();
        Self {
            file: read(FILE),
            log: read(LOG),
        }
    }

    /// A store over these files with this log.
    fn open_with_log(&self, log: &[u8]) -> (TempDir, Store) {
        let dir = TempDir::new().unwrap();
        let write = |name: &str, bytes: &[u8]| {
            let path: &Path = dir.path();
            fs::write(path.join(name), bytes).unwrap();
        };
        write(FILE, &self.file);
        write(LOG, log);
        let store = open(&dir, 1000);
        (dir, store)
    }
}

fn values(store: &Store) -> Vec<i64> {
    let items = store.list("pods", None).items;
    let value = |stored: &Stored| {
        let object: Value = serde_json::from_slice(&stored.json).unwrap();
        assert_eq!(
            object["metadata"]["resourceVersion"],
            json!(stored.revision.to_string())
        );
        object["value"].as_i64().unwrap()
    };
    items.iter().map(|(_, stored)| value(stored)).collect()
}

fn numbered(n: usize) -> Write {
    let value = i64::try_from(n).unwrap();
    Write::Create(key(&format!("p-{n:03}")), object(value))
}

/// The files of a live store, copied after an answer, are what a power cut right then leaves.
#[tokio::test]
async fn an_answered_write_survives_a_power_cut() {
    let dir = TempDir::new().unwrap();
    let store = open(&dir, 100);
    for n in 0..30 {
        store.write(numbered(n)).await.unwrap();
        let files = Files::of(&dir);
        let (_copy, after) = files.open_with_log(&files.log);
        assert_eq!(values(&after).len(), n + 1);
        assert_eq!(after.revision(), store.revision());
    }
}

/// Of the next transaction any part may have reached the disk, in any order.
#[tokio::test]
async fn a_torn_tail_takes_nothing_that_was_answered() {
    let dir = TempDir::new().unwrap();
    let store = open(&dir, 100);
    for n in 0..10 {
        store.write(numbered(n)).await.unwrap();
    }
    let answered = Files::of(&dir);
    let large = json!({"metadata": {}, "value": 10, "text": "y".repeat(20_000)});
    store
        .write(Write::Create(key("p-010"), large))
        .await
        .unwrap();
    let later = Files::of(&dir).log;
    let synced = answered.log.len();
    assert!(later.len() > synced && later[..synced] == answered.log);
    let mut lost = 0;
    for length in (synced..later.len()).step_by(997) {
        let (_copy, after) = answered.open_with_log(&later[..length]);
        assert_eq!(values(&after), (0..10).collect::<Vec<i64>>(), "{length}");
        lost += 1;
    }
    assert!(lost > 10);
    for at in (synced..later.len()).step_by(1499) {
        let mut torn = later.clone();
        let end = (at + 512).min(torn.len());
        torn[at..end].fill(0);
        let (_copy, after) = answered.open_with_log(&torn);
        let found = values(&after);
        // The part may have been zeroes before; then the transaction is whole.
        assert!(found.len() == 10 || torn == later, "{at}");
    }
    let (_copy, after) = answered.open_with_log(&later);
    assert_eq!(values(&after).len(), 11);
}

/// What was before in the place where the log grows is not mistaken for writes.
#[tokio::test]
async fn rubbish_behind_the_log_is_no_write_and_is_written_over() {
    let dir = TempDir::new().unwrap();
    let store = open(&dir, 100);
    for n in 0..5 {
        store.write(numbered(n)).await.unwrap();
    }
    let files = Files::of(&dir);
    let mut log = files.log.clone();
    // Old frames of the same log, the worst rubbish there is.
    log.extend_from_slice(&files.log[32..]);
    log.extend(std::iter::repeat_n(0xA5, 9000));
    let (copy, after) = files.open_with_log(&log);
    assert_eq!(values(&after).len(), 5);
    for n in 5..10 {
        after.write(numbered(n)).await.unwrap();
    }
    let again = Files::of(&copy);
    let (_copy, last) = again.open_with_log(&again.log);
    assert_eq!(values(&last).len(), 10);
    assert_eq!(last.revision(), store.revision() + 5);
}
