//! Settings of the connection pooler: three layers merged, checked, and written as PgBouncer's file.
//!
//! Our defaults are below, what an SGPoolingConfig says is over them, and what the cluster says itself is over
//! both. Users and passwords are PgBouncer's to ask for; only Howdah says where, as whom and of whom.

mod known;
mod render;

use std::collections::BTreeMap;

use howdah_api::{IniValue, POOLING_BLOCKLIST, PgBouncerIni};

use self::known::{Kind, OF_DATABASE, OF_USER, OWNED, SETTINGS, kind};
use crate::invalid::Invalid;

pub use render::{Placeholders, Server, Users, render};

/// Where the pooler listens.
pub(crate) const PORT: i32 = 6432;

/// Settings by name.
pub type Settings = BTreeMap<String, String>;

/// Most entries of one section.
const MOST_ENTRIES: usize = 1000;
/// The longest value, in bytes.
const LONGEST: usize = 1000;
/// The longest name of a database or role, in bytes; Postgres cuts longer ones.
const LONGEST_NAME: usize = 63;
/// The database in which PgBouncer shows itself.
const CONSOLE: &str = "pgbouncer";

/// The database in which passwords are looked up.
const LOOKUPS: &str = "postgres";

/// What has a default of our own. The times let a server that comes back be found at once, and one that is
/// dead be given up.
const DEFAULTS: [(&str, &str); 16] = [
    ("application_name_add_host", "1"),
    ("ignore_startup_parameters", "extra_float_digits"),
    ("listen_backlog", "1024"),
    ("log_stats", "0"),
    ("max_client_conn", "1000"),
    ("max_db_connections", "0"),
    ("max_user_connections", "0"),
    ("pool_mode", "session"),
    ("server_check_query", ";"),
    ("server_connect_timeout", "3"),
    ("server_login_retry", "0.05"),
    ("tcp_keepalive", "1"),
    ("tcp_keepcnt", "3"),
    ("tcp_keepidle", "10"),
    ("tcp_keepintvl", "5"),
    ("tcp_user_timeout", "20000"),
];

/// All settings of the pooler, proven to be readable.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Pooling {
    settings: Settings,
    databases: BTreeMap<String, Settings>,
    users: BTreeMap<String, Settings>,
}

/// One layer of settings, and where it is written.
#[derive(Debug, Clone, Copy)]
pub struct Layer<'a> {
    /// Path of the file's settings, for messages.
    pub path: &'a str,
    /// What is written there.
    pub ini: &'a PgBouncerIni,
}

/// What the layers come to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Effective {
    /// The settings.
    pub pooling: Pooling,
    /// Paths of settings that are Howdah's own.
    pub not_acted_on: Vec<String>,
}

/// The defaults, as they are shown to users.
pub(crate) fn defaults() -> BTreeMap<String, IniValue> {
    DEFAULTS
        .map(|(name, value)| (name.to_owned(), value.into()))
        .into()
}

/// What is set without effect in one layer, or everything that is wrong there.
pub(crate) fn of_one_layer(layer: Option<Layer<'_>>) -> Result<Vec<String>, Vec<Invalid>> {
    // How many connections there are decides only a default.
    Ok(effective(layer.as_slice(), 100)?.not_acted_on)
}

/// Merges the layers, later ones over earlier ones. `max_connections` is what Postgres lets in.
pub fn effective(layers: &[Layer<'_>], max_connections: u64) -> Result<Effective, Vec<Invalid>> {
    let mut pooling = Pooling {
        settings: DEFAULTS
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into(),
        ..Pooling::default()
    };
    // A pool of its own for every user and database: one of them leaves room for the others and for people.
    let size = (max_connections / 5 * 4).max(1);
    pooling
        .settings
        .insert("default_pool_size".to_owned(), size.to_string());
    let mut reader = Reader::default();
    for layer in layers {
        let at = format!("{}.pgbouncer", layer.path);
        reader.settings(&at, &layer.ini.pgbouncer, &mut pooling.settings);
        let at = format!("{}.databases", layer.path);
        reader.entries(
            &at,
            OF_DATABASE,
            &layer.ini.databases,
            &mut pooling.databases,
        );
        let lookups = layer.ini.databases.get(LOOKUPS);
        let elsewhere = lookups.and_then(|database| database.get("dbname"));
        if elsewhere.is_some_and(|name| name.as_str() != LOOKUPS) {
            let message = format!("must be {LOOKUPS}: passwords are looked up there");
            reader.refuse(format!("{at}.{LOOKUPS}.dbname"), message);
        }
        if layer.ini.databases.contains_key(CONSOLE) {
            let message =
                format!("\"{CONSOLE}\" is the name of PgBouncer's own console; choose another");
            reader.refuse(format!("{at}.{CONSOLE}"), message);
        }
        let at = format!("{}.users", layer.path);
        reader.entries(&at, OF_USER, &layer.ini.users, &mut pooling.users);
    }
    if reader.problems.is_empty() {
        Ok(Effective {
            pooling,
            not_acted_on: reader.not_acted_on,
        })
    } else {
        Err(reader.problems)
    }
}

/// Reads layers and collects what is wrong with them.
#[derive(Default)]
struct Reader {
    problems: Vec<Invalid>,
    not_acted_on: Vec<String>,
}

impl Reader {
    fn refuse(&mut self, path: String, message: impl Into<String>) {
        self.problems.push(Invalid::config(path, message));
    }

    /// The section `[pgbouncer]`, in which settings of the blocklist are left out without a word.
    fn settings(&mut self, at: &str, given: &BTreeMap<String, IniValue>, into: &mut Settings) {
        for (name, value) in given {
            if POOLING_BLOCKLIST.contains(&name.as_str()) {
                continue;
            }
            if OWNED.contains(&name.as_str()) {
                self.not_acted_on.push(format!("{at}.{name}"));
                continue;
            }
            self.setting(at, SETTINGS, (name, value), into);
        }
    }

    fn entries(
        &mut self,
        at: &str,
        known: &[(&str, Kind)],
        given: &BTreeMap<String, BTreeMap<String, IniValue>>,
        into: &mut BTreeMap<String, Settings>,
    ) {
        if given.len() > MOST_ENTRIES {
            let message = format!(
                "has {} entries; at most {MOST_ENTRIES} are possible",
                given.len()
            );
            self.refuse(at.to_owned(), message);
            return;
        }
        for (name, settings) in given {
            let at = format!("{at}.{}", shown(name));
            if name.is_empty() || name.len() > LONGEST_NAME || !name.bytes().all(is_read) {
                let message = format!(
                    "is no name that PgBouncer can read here: 1 to {LONGEST_NAME} of a-z, A-Z, 0-9, _ . - and *"
                );
                self.refuse(at, message);
                continue;
            }
            let into = into.entry(name.clone()).or_default();
            for (name, value) in settings {
                if POOLING_BLOCKLIST.contains(&name.as_str()) {
                    let message = "is set by Howdah itself and cannot be configured; remove it";
                    self.refuse(format!("{at}.{name}"), message);
                    continue;
                }
                self.setting(&at, known, (name, value), into);
            }
        }
    }

    fn setting(
        &mut self,
        at: &str,
        known: &[(&str, Kind)],
        (name, value): (&String, &IniValue),
        into: &mut Settings,
    ) {
        let at = format!("{at}.{}", shown(name));
        let value = value.as_str().trim();
        let Some(kind) = kind(known, name) else {
            self.refuse(at, "is not a setting that PgBouncer has here; remove it");
            return;
        };
        if value.len() > LONGEST || value.chars().any(char::is_control) {
            let message = format!("must have at most {LONGEST} bytes, on one line");
            self.refuse(at, message);
            return;
        }
        match kind.refuse(value) {
            Some(why) => self.refuse(at, format!("is \"{}\", but {why}", shown(value))),
            None => {
                into.insert(name.clone(), value.to_owned());
            }
        }
    }
}

/// Whether PgBouncer reads such a byte in the name of an entry. Its manual says that other names can be quoted, and
/// its parser takes a quote for an error, after which it does not start, or goes on with the file from before.
const fn is_read(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-' | b'*')
}

/// The beginning of a text from outside, fit for a message.
fn shown(text: &str) -> String {
    let end = text.floor_char_boundary(100);
    let rest = if end < text.len() { "..." } else { "" };
    format!("{}{rest}", text[..end].escape_debug())
}

#[cfg(test)]
mod tests;
