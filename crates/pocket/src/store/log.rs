//! The log on disk: one row for each write, from which both the current objects and the past are read.
//!
//! A row names the row it took the place of (`previous`). The current objects are the rows that nobody names
//! and that are no deletions. Forgetting the past up to a revision removes the rows that were replaced, and
//! the deletions that happened, up to there; so what was current then can still be read.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use rusqlite::{Connection, OpenFlags, OptionalExtension as _, Row, params};

use super::event::Texts;
use super::{Error, Event, EventKind, Key, Stored};

/// A page of events for a watcher ends at this many, at this many bytes, or after this many revisions.
const PAGE: usize = 256;
const PAGE_BYTES: usize = 512 << 10;
const PAGE_REVISIONS: u64 = 4096;

/// A connection that reads the log while the writer works.
pub(super) struct Reader {
    connection: Connection,
}

/// What a store file held when it was opened.
pub(super) struct Loaded {
    pub(super) revision: u64,
    pub(super) compacted: u64,
    pub(super) objects: Vec<(Key, Stored)>,
    /// Revision and bytes of the events that are not forgotten.
    pub(super) history: Vec<(u64, u64)>,
}

/// An object and its state at an earlier time, if it existed.
type Before = (Key, Option<Stored>);

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

    /// The next events of a resource after a revision and up to another, oldest first, and how far this
    /// looked. It stops early so that nobody waits long for the connection.
    pub(super) fn events(
        &self,
        resource: &Arc<str>,
        after: u64,
        upto: u64,
    ) -> Result<(Vec<Event>, u64), Error> {
        let upto = upto.min(after.saturating_add(PAGE_REVISIONS));
        let mut statement = self.connection.prepare_cached(
            "SELECT e.revision, e.namespace, e.name, e.kind, e.json, p.revision, p.json
             FROM log e LEFT JOIN log p ON p.revision = e.previous
             WHERE e.revision > ?1 AND e.revision <= ?2 AND e.resource = ?3 ORDER BY e.revision",
        )?;
        let mut rows = statement.query(params![signed(after), signed(upto), resource])?;
        let (mut events, mut weight) = (Vec::new(), 0);
        while let Some(row) = rows.next()? {
            let event = read_event(resource, row)?;
            weight += event.weight();
            events.push(event);
            if events.len() >= PAGE || weight >= PAGE_BYTES {
                let upto = events.last().map_or(upto, |event| event.revision);
                return Ok((events, upto));
            }
        }
        Ok((events, upto))
    }

    /// The objects of a resource that were written after a revision and up to another, as they were at the first.
    pub(super) fn before(
        &self,
        resource: &Arc<str>,
        revision: u64,
        upto: u64,
    ) -> Result<Vec<Before>, Error> {
        // Of the writes to an object since then, the first named a row from before then, or none.
        let mut statement = self.connection.prepare_cached(
            "SELECT e.namespace, e.name, p.revision, p.json
             FROM log e LEFT JOIN log p ON p.revision = e.previous
             WHERE e.revision > ?1 AND e.revision <= ?2 AND e.resource = ?3 AND e.previous <= ?1
             ORDER BY e.revision DESC",
        )?;
        let bounds = params![signed(revision), signed(upto), resource];
        let rows = statement.query_map(bounds, |row| {
            let key = key(resource, row, 0)?;
            Ok((key, stored(row, 2)?))
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }
}

/// Reads the current objects and the books of the past.
pub(super) fn load(connection: &Connection) -> Result<Loaded, Error> {
    let compacted = compacted(connection)?;
    let newest: Option<i64> = connection
        .query_row("SELECT max(revision) FROM log", [], |row| row.get(0))
        .optional()?
        .flatten();
    let mut statement = connection.prepare(
        "SELECT resource, namespace, name, revision, json FROM log
         WHERE kind <> ?1 AND revision NOT IN (SELECT previous FROM log) ORDER BY revision",
    )?;
    let mut names: Vec<Arc<str>> = Vec::new();
    let mut objects = Vec::new();
    let mut rows = statement.query([kind_code(EventKind::Deleted)])?;
    while let Some(row) = rows.next()? {
        let resource = intern(&mut names, row.get_ref(0)?.as_str()?);
        if let Some(stored) = stored(row, 3)? {
            objects.push((key(&resource, row, 1)?, stored));
        }
    }
    let mut statement =
        connection.prepare("SELECT revision, length(json) FROM log WHERE revision > ?1")?;
    let history = statement.query_map([signed(compacted)], |row| {
        Ok((unsigned(row.get(0)?), unsigned(row.get(1)?)))
    })?;
    Ok(Loaded {
        revision: newest.map_or(compacted, unsigned).max(compacted),
        compacted,
        objects,
        history: history.collect::<Result<_, _>>()?,
    })
}

/// Adds the row of a write.
pub(super) fn append(connection: &Connection, event: &Event) -> Result<(), Error> {
    let Key {
        resource,
        namespace,
        name,
    } = &event.key;
    let previous = event.previous.as_ref().map_or(0, |stored| stored.revision);
    connection
        .prepare_cached("INSERT INTO log VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)")?
        .execute(params![
            signed(event.revision),
            signed(previous),
            kind_code(event.kind),
            resource,
            namespace,
            name,
            &event.json[..],
        ])?;
    Ok(())
}

/// Removes what only the past up to a revision needs.
pub(super) fn forget(connection: &Connection, upto: u64) -> Result<(), Error> {
    let from = signed(compacted(connection)?);
    let upto = signed(upto);
    connection
        .prepare_cached(
            "DELETE FROM log WHERE revision IN
             (SELECT previous FROM log WHERE revision > ?1 AND revision <= ?2)",
        )?
        .execute([from, upto])?;
    connection
        .prepare_cached("DELETE FROM log WHERE revision > ?1 AND revision <= ?2 AND kind = ?3")?
        .execute([from, upto, kind_code(EventKind::Deleted)])?;
    connection
        .prepare_cached("UPDATE meta SET value = ?1 WHERE name = 'compacted'")?
        .execute([upto])?;
    Ok(())
}

fn compacted(connection: &Connection) -> Result<u64, Error> {
    let mut statement =
        connection.prepare_cached("SELECT value FROM meta WHERE name = 'compacted'")?;
    Ok(unsigned(statement.query_row([], |row| row.get(0))?))
}

fn read_event(resource: &Arc<str>, row: &Row<'_>) -> rusqlite::Result<Event> {
    Ok(Event {
        revision: unsigned(row.get(0)?),
        key: key(resource, row, 1)?,
        kind: kind_of(row.get(3)?),
        json: bytes(row, 4)?.unwrap_or_default(),
        previous: stored(row, 5)?,
        texts: Texts::default(),
    })
}

/// The namespace and name from two columns.
fn key(resource: &Arc<str>, row: &Row<'_>, at: usize) -> rusqlite::Result<Key> {
    let (namespace, name) = (row.get_ref(at)?.as_str()?, row.get_ref(at + 1)?.as_str()?);
    Ok(Key::new(resource, namespace, name))
}

/// A revision and its object from two columns.
fn stored(row: &Row<'_>, at: usize) -> rusqlite::Result<Option<Stored>> {
    let revision: Option<i64> = row.get(at)?;
    let json = bytes(row, at + 1)?;
    let both = revision.map(unsigned).zip(json);
    Ok(both.map(|(revision, json)| Stored { revision, json }))
}

fn bytes(row: &Row<'_>, at: usize) -> rusqlite::Result<Option<Bytes>> {
    Ok(row
        .get_ref(at)?
        .as_blob_or_null()?
        .map(Bytes::copy_from_slice))
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
