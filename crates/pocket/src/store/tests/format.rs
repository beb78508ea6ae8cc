//! Which files the store opens, and how.

use pretty_assertions::assert_eq;
use rusqlite::Connection;

use super::*;

#[tokio::test]
async fn a_newer_format_and_foreign_files_are_refused_untouched() {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("pocket.db");
    let open = || Store::open(&path, &Options::default());
    drop(open().unwrap());
    let set = |pragma: &str, value: i64| {
        let connection = Connection::open(&path).unwrap();
        connection.pragma_update(None, pragma, value).unwrap();
    };
    set("user_version", 99);
    let before = std::fs::read(&path).unwrap();
    let error = open().err().unwrap();
    assert_eq!(
        error.to_string(),
        "the API's storage has format 99, newer than this howdah understands (2); use a newer \
         howdah or another folder"
    );
    assert!(before == std::fs::read(&path).unwrap());
    set("user_version", 2);
    drop(open().unwrap());
    set("application_id", 7);
    assert!(matches!(open().err(), Some(Error::Foreign)));
    std::fs::write(&path, "This is a letter, not a database. ".repeat(100)).unwrap();
    assert!(matches!(open().err(), Some(Error::Foreign)));
}

#[tokio::test]
async fn the_first_format_is_brought_up_to_date() {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("pocket.db");
    let old = Connection::open(&path).unwrap();
    old.execute_batch(
        "CREATE TABLE meta (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
         CREATE TABLE objects (resource TEXT NOT NULL, namespace TEXT NOT NULL, name TEXT NOT NULL,
           revision INTEGER NOT NULL, json BLOB NOT NULL, PRIMARY KEY (resource, namespace, name));
         CREATE TABLE events (revision INTEGER PRIMARY KEY, resource TEXT NOT NULL,
           namespace TEXT NOT NULL, name TEXT NOT NULL, kind INTEGER NOT NULL, json BLOB NOT NULL,
           previous BLOB);
         INSERT INTO meta VALUES ('revision', 42), ('compacted', 1);
         INSERT INTO objects VALUES ('pods', 'default', 'b', 17, CAST('{\"metadata\":{}}' AS BLOB)),
           ('pods', 'default', 'a', 40, CAST('{\"metadata\":{\"x\":1}}' AS BLOB));",
    )
    .unwrap();
    drop(old);
    for _ in 0..2 {
        let store = open(&dir, 100);
        assert_eq!(store.get(&key("a")).unwrap().revision, 40);
        assert_eq!(
            &store.get(&key("b")).unwrap().json[..],
            b"{\"metadata\":{}}"
        );
        assert!(store.revision() >= 42);
        assert!(matches!(
            store.watch(&pods(), None, 41),
            Err(Error::Expired { .. })
        ));
    }
    let store = open(&dir, 100);
    assert_eq!(create(&store, "c").await.revision, 43);
}

/// `FULL` and WAL are what the promises rest on.
#[test]
fn the_settings_of_the_file_are_those_of_the_documentation() {
    let dir = TempDir::new().unwrap();
    let db = db::Db::open(&dir.path().join("pocket.db"), None).unwrap();
    let text = |pragma: &str| -> String {
        let value = db
            .connection()
            .pragma_query_value(None, pragma, |row| row.get::<_, rusqlite::types::Value>(0));
        format!("{:?}", value.unwrap())
    };
    assert_eq!(text("journal_mode"), "Text(\"wal\")");
    assert_eq!(text("synchronous"), "Integer(2)");
    assert_eq!(text("auto_vacuum"), "Integer(2)");
    assert_eq!(text("wal_autocheckpoint"), "Integer(0)");
}
