//! The SQLite file: its format, its settings, and the writer's transactions.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rusqlite::Connection;

use super::log::{self, Loaded};
use super::{Error, Event};

/// The format written by this version, in the file's `user_version`. 0 is a new file, or one from before the
/// formats were numbered.
const FORMAT: u32 = 2;
/// Marks the file as ours: "hwdh".
const APPLICATION: i64 = 0x6877_6468;

const SCHEMA: &str = "
CREATE TABLE meta (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE log (
  revision INTEGER PRIMARY KEY, previous INTEGER NOT NULL, kind INTEGER NOT NULL,
  resource TEXT NOT NULL, namespace TEXT NOT NULL, name TEXT NOT NULL, json BLOB NOT NULL);
INSERT INTO meta VALUES ('compacted', 1);
";

/// Keeps the objects of the first format and lets go of their past.
const FROM_FIRST: &str = "
ALTER TABLE meta RENAME TO old_meta;
CREATE TABLE meta (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
INSERT INTO meta SELECT 'compacted', value FROM old_meta WHERE name = 'revision';
CREATE TABLE log (
  revision INTEGER PRIMARY KEY, previous INTEGER NOT NULL, kind INTEGER NOT NULL,
  resource TEXT NOT NULL, namespace TEXT NOT NULL, name TEXT NOT NULL, json BLOB NOT NULL);
INSERT INTO log SELECT revision, 0, 0, resource, namespace, name, json FROM objects ORDER BY revision;
DROP TABLE old_meta; DROP TABLE objects; DROP TABLE events;
";

/// Pages that are not in use are given back to the file system beyond this number and a third of the file.
const SPARE_PAGES: i64 = 2048;

/// The writer's connection.
pub(super) struct Db {
    connection: Connection,
}

impl Db {
    pub(super) fn open(path: &Path, max_pages: Option<u32>) -> Result<Self, Error> {
        let mut connection = Connection::open(path)?;
        connection.busy_timeout(Duration::from_secs(5))?;
        let format = check_format(&connection)?;
        // Takes effect on a new file only.
        connection.pragma_update(None, "auto_vacuum", "INCREMENTAL")?;
        connection.pragma_update(None, "journal_mode", "WAL")?;
        // FULL syncs the log at each commit, so an answered write survives a power cut.
        connection.pragma_update(None, "synchronous", "FULL")?;
        connection.pragma_update(None, "cache_size", -512)?;
        // The writer moves the log into the file itself, after it has answered.
        connection.pragma_update(None, "wal_autocheckpoint", 0)?;
        if format < FORMAT {
            bring_up_to_date(&mut connection)?;
        }
        if let Some(pages) = max_pages {
            connection.pragma_update(None, "max_page_count", pages)?;
        }
        Ok(Self { connection })
    }

    pub(super) fn load(&self) -> Result<Loaded, Error> {
        log::load(&self.connection)
    }

    /// Commits these events, and forgets the past up to a revision, in one transaction.
    pub(super) fn commit(
        &mut self,
        events: &[Arc<Event>],
        forget: Option<u64>,
    ) -> Result<(), Error> {
        let transaction = self.connection.transaction()?;
        for event in events {
            log::append(&transaction, event)?;
        }
        if let Some(upto) = forget {
            log::forget(&transaction, upto)?;
        }
        transaction.commit()?;
        Ok(())
    }

    /// Moves what it can of the log into the file; returns how many pages long the log is.
    ///
    /// A log that has been moved as a whole is written from its start again, unless a reader is using it just then.
    pub(super) fn checkpoint(&self) -> Result<u64, Error> {
        let pragma = "PRAGMA wal_checkpoint(PASSIVE)";
        let pages: i64 = self.connection.query_row(pragma, [], |row| row.get(1))?;
        Ok(u64::try_from(pages).unwrap_or(0))
    }

    /// Moves all of the log into the file and empties it. No reader may be at work.
    pub(super) fn empty_log(&self) -> Result<(), Error> {
        self.connection
            .query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?;
        Ok(())
    }

    /// Gives some of the space that is not in use back to the file system, if there is much of it.
    pub(super) fn shrink(&self) -> Result<(), Error> {
        let number = |pragma: &str| -> Result<i64, Error> {
            Ok(self
                .connection
                .pragma_query_value(None, pragma, |row| row.get(0))?)
        };
        let free = number("freelist_count")?;
        if free > SPARE_PAGES.max(number("page_count")? / 3) {
            let mut statement = self.connection.prepare("PRAGMA incremental_vacuum(512)")?;
            let mut rows = statement.query([])?;
            while rows.next()?.is_some() {}
        }
        Ok(())
    }

    #[cfg(test)]
    pub(super) fn connection(&self) -> &Connection {
        &self.connection
    }
}

/// Refuses what this version does not understand, before anything is written.
fn check_format(connection: &Connection) -> Result<u32, Error> {
    let application: i64 =
        connection.pragma_query_value(None, "application_id", |row| row.get(0))?;
    if application != 0 && application != APPLICATION {
        return Err(Error::Foreign);
    }
    let found: u32 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    if found > FORMAT {
        return Err(Error::Newer {
            found,
            known: FORMAT,
        });
    }
    Ok(found)
}

fn bring_up_to_date(connection: &mut Connection) -> Result<(), Error> {
    let first = connection.table_exists(None, "objects")?;
    let transaction = connection.transaction()?;
    transaction.execute_batch(if first { FROM_FIRST } else { SCHEMA })?;
    transaction.pragma_update(None, "application_id", APPLICATION)?;
    transaction.pragma_update(None, "user_version", FORMAT)?;
    transaction.commit()?;
    if first {
        connection.execute_batch("VACUUM")?;
    }
    Ok(())
}
