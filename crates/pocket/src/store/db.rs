//! The SQLite file: schema, loading, and the statements of one commit.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use rusqlite::{Connection, OpenFlags, Row, params};

use super::{Error, Event, EventKind, Key, Stored};

/// The writer's connection.
pub(super) struct Db {
    connection: Connection,
}

/// A second connection that reads the event log while the writer works.
pub(super) struct Reader {
    connection: Connection,
}

/// What a store file held when it was opened.
pub(super) struct Loaded {
    pub(super) revision: u64,
    pub(super) compacted: u64,
    pub(super) objects: Vec<(Key, Stored)>,
}

const SCHEMA: &str = "
CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS objects (
  resource TEXT NOT NULL, namespace TEXT NOT NULL, name TEXT NOT NULL,
  revision INTEGER NOT NULL, json BLOB NOT NULL,
  PRIMARY KEY (resource, namespace, name));
CREATE TABLE IF NOT EXISTS events (
  revision INTEGER PRIMARY KEY,
  resource TEXT NOT NULL, namespace TEXT NOT NULL, name TEXT NOT NULL,
  kind INTEGER NOT NULL, json BLOB NOT NULL, previous BLOB);
INSERT OR IGNORE INTO meta VALUES ('revision', 1), ('compacted', 1);
";

impl Db {
    pub(super) fn open(path: &Path) -> Result<Self, Error> {
        let connection = Connection::open(path)?;
        connection.busy_timeout(Duration::from_secs(5))?;
        connection.pragma_update(None, "journal_mode", "WAL")?;
        // FULL syncs the log at each commit, so an answered write survives a power cut.
        connection.pragma_update(None, "synchronous", "FULL")?;
        connection.pragma_update(None, "cache_size", -512)?;
        connection.execute_batch(SCHEMA)?;
        Ok(Self { connection })
    }

    pub(super) fn load(&self) -> Result<Loaded, Error> {
        let mut statement = self
            .connection
            .prepare("SELECT resource, namespace, name, revision, json FROM objects")?;
        let mut names: Vec<Arc<str>> = Vec::new();
        let mut objects = Vec::new();
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let resource: String = row.get(0)?;
            let resource = intern(&mut names, &resource);
            let key = Key {
                resource,
                namespace: row.get(1)?,
                name: row.get(2)?,
            };
            let json = Bytes::from(row.get::<_, Vec<u8>>(4)?);
            objects.push((
                key,
                Stored {
                    revision: unsigned(row.get(3)?),
                    json,
                },
            ));
        }
        Ok(Loaded {
            revision: self.meta("revision")?,
            compacted: self.meta("compacted")?,
            objects,
        })
    }

    fn meta(&self, name: &str) -> Result<u64, Error> {
        let value: i64 =
            self.connection
                .query_row("SELECT value FROM meta WHERE name = ?1", [name], |row| {
                    row.get(0)
                })?;
        Ok(unsigned(value))
    }

    /// Commits these events, and forgets log entries up to `compact`, in one transaction.
    pub(super) fn commit(
        &mut self,
        events: &[Arc<Event>],
        compact: Option<u64>,
    ) -> Result<(), Error> {
        let Some(last) = events.last() else {
            return Ok(());
        };
        let transaction = self.connection.transaction()?;
        for event in events {
            append(&transaction, event)?;
        }
        let mut set = transaction.prepare_cached("UPDATE meta SET value = ?2 WHERE name = ?1")?;
        set.execute(params!["revision", signed(last.revision)])?;
        if let Some(compact) = compact {
            transaction.execute("DELETE FROM events WHERE revision <= ?1", [signed(compact)])?;
            set.execute(params!["compacted", signed(compact)])?;
        }
        drop(set);
        transaction.commit()?;
        Ok(())
    }
}

fn append(connection: &Connection, event: &Event) -> Result<(), Error> {
    let Key {
        resource,
        namespace,
        name,
    } = &event.key;
    let revision = signed(event.revision);
    connection
        .prepare_cached("INSERT INTO events VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)")?
        .execute(params![
            revision,
            resource,
            namespace,
            name,
            kind_code(event.kind),
            &event.json[..],
            event.previous.as_deref()
        ])?;
    if event.kind == EventKind::Deleted {
        connection
            .prepare_cached(
                "DELETE FROM objects WHERE resource = ?1 AND namespace = ?2 AND name = ?3",
            )?
            .execute(params![resource, namespace, name])?;
    } else {
        connection
            .prepare_cached("INSERT OR REPLACE INTO objects VALUES (?1, ?2, ?3, ?4, ?5)")?
            .execute(params![
                resource,
                namespace,
                name,
                revision,
                &event.json[..]
            ])?;
    }
    Ok(())
}

impl Reader {
    pub(super) fn open(path: &Path) -> Result<Self, Error> {
        let connection = Connection::open_with_flags(
            path,
            OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX,
        )?;
        connection.busy_timeout(Duration::from_secs(5))?;
        connection.pragma_update(None, "cache_size", -256)?;
        Ok(Self { connection })
    }

    /// Up to `limit` events of a resource after a revision and up to another, oldest first.
    pub(super) fn events(
        &self,
        resource: &Arc<str>,
        after: u64,
        upto: u64,
        limit: u32,
    ) -> Result<Vec<Event>, Error> {
        let mut statement = self.connection.prepare_cached(
            "SELECT revision, namespace, name, kind, json, previous FROM events
             WHERE revision > ?1 AND revision <= ?2 AND resource = ?3 ORDER BY revision LIMIT ?4",
        )?;
        let rows = statement.query_map(
            params![signed(after), signed(upto), resource, limit],
            |row| read_event(resource, row),
        )?;
        Ok(rows.collect::<Result<_, _>>()?)
    }
}

fn read_event(resource: &Arc<str>, row: &Row<'_>) -> rusqlite::Result<Event> {
    Ok(Event {
        revision: unsigned(row.get(0)?),
        key: Key {
            resource: Arc::clone(resource),
            namespace: row.get(1)?,
            name: row.get(2)?,
        },
        kind: kind_of(row.get(3)?),
        json: Bytes::from(row.get::<_, Vec<u8>>(4)?),
        previous: row.get::<_, Option<Vec<u8>>>(5)?.map(Bytes::from),
    })
}

fn intern(names: &mut Vec<Arc<str>>, name: &str) -> Arc<str> {
    if let Some(known) = names.iter().find(|known| &***known == name) {
        return Arc::clone(known);
    }
    let fresh: Arc<str> = name.into();
    names.push(Arc::clone(&fresh));
    fresh
}

fn kind_code(kind: EventKind) -> i64 {
    match kind {
        EventKind::Added => 0,
        EventKind::Modified => 1,
        EventKind::Deleted => 2,
    }
}

fn kind_of(code: i64) -> EventKind {
    match code {
        0 => EventKind::Added,
        1 => EventKind::Modified,
        _ => EventKind::Deleted,
    }
}

/// SQLite integers are signed; revisions count up from one and never reach the top bit.
fn signed(revision: u64) -> i64 {
    i64::try_from(revision).unwrap_or(i64::MAX)
}

fn unsigned(value: i64) -> u64 {
    u64::try_from(value).unwrap_or(0)
}
