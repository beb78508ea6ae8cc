//! PgBouncer's file, but for what only the agent in the Pod knows.

use std::fmt::Write as _;

use super::{LOOKUPS, PORT, Pooling, Settings};

/// What the agent puts in place of these words.
#[derive(Debug, Clone, Copy)]
pub struct Placeholders;

impl Placeholders {
    /// Where Postgres is: this Pod, or another member.
    pub const SERVER: &str = "$(POSTGRES_HOST)";
    /// The addresses to listen on.
    pub const LISTEN: &str = "$(LISTEN_ADDRESS)";
    /// What stands before every path.
    pub const ROOT: &str = "$(HOWDAH_ROOT)";
}

/// Asks for one user's password; the agent of the primary makes the function.
const LOOKUP: &str = "SELECT name, password FROM pgbouncer.lookup($1)";

/// The pooler's own users.
#[derive(Debug, Clone, Copy)]
pub struct Users<'a> {
    /// The role that asks Postgres for passwords.
    pub authenticator: &'a str,
    /// Who may do everything in the console.
    pub admin: &'a str,
    /// Who may look at it.
    pub stats: &'a str,
}

/// What stands behind the pooler.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Server {
    /// Postgres.
    Postgres,
    /// Another member's pooler, which knows itself what is behind a name.
    OtherPooler,
}

/// What an entry of `[databases]` says about Postgres, and not about the pool.
const ABOUT_POSTGRES: [&str; 7] = [
    "application_name",
    "client_encoding",
    "connect_query",
    "datestyle",
    "dbname",
    "timezone",
    "user",
];

/// Writes the file; `tls` says whether the pooler itself encrypts what clients send.
pub fn render(pooling: &Pooling, users: Users<'_>, server: Server, tls: bool) -> String {
    let mut text = String::from("[databases]\n");
    for (name, settings) in &pooling.databases {
        if name != "*" {
            entry(&mut text, name, &with_server(settings, server));
        }
    }
    // Any other name that a client asks for is that of a database.
    let others = pooling.databases.get("*").cloned().unwrap_or_default();
    entry(&mut text, "*", &with_server(&others, server));
    text.push_str("\n[users]\n");
    for (name, settings) in &pooling.users {
        let settings: Vec<_> = settings.iter().map(pair).collect();
        entry(&mut text, name, &settings);
    }
    text.push_str("\n[pgbouncer]\n");
    for (name, value) in &pooling.settings {
        line(&mut text, name, value);
    }
    for (name, value) in ours(users) {
        line(&mut text, name, &value);
    }
    if tls {
        let pem = format!("{}/etc/howdah/tls/server.pem", Placeholders::ROOT);
        line(&mut text, "client_tls_sslmode", "prefer");
        line(&mut text, "client_tls_cert_file", &pem);
        line(&mut text, "client_tls_key_file", &pem);
        // No client is asked for a certificate. Without it PgBouncer insists on the authorities of the system, which
        // a small image does not have.
        line(&mut text, "client_tls_ca_file", &pem);
    }
    text
}

fn ours(users: Users<'_>) -> Vec<(&'static str, String)> {
    let below = |path: &str| format!("{}{path}", Placeholders::ROOT);
    vec![
        ("listen_addr", Placeholders::LISTEN.to_owned()),
        ("listen_port", PORT.to_string()),
        ("unix_socket_dir", below("/var/run/postgresql")),
        ("unix_socket_mode", "0700".to_owned()),
        ("auth_type", "scram-sha-256".to_owned()),
        ("auth_file", below("/etc/pgbouncer/userlist.txt")),
        ("auth_user", users.authenticator.to_owned()),
        // The function is in one database, so that a client's own need not be touched.
        ("auth_dbname", LOOKUPS.to_owned()),
        ("auth_query", LOOKUP.to_owned()),
        ("admin_users", users.admin.to_owned()),
        ("stats_users", users.stats.to_owned()),
        ("server_tls_sslmode", "disable".to_owned()),
    ]
}

fn with_server(settings: &Settings, server: Server) -> Vec<(&str, &str)> {
    let port = match server {
        Server::Postgres => "5432",
        Server::OtherPooler => "6432",
    };
    let ours = [("host", Placeholders::SERVER), ("port", port)];
    let kept = settings
        .iter()
        .map(pair)
        .filter(|(name, _)| server == Server::Postgres || !ABOUT_POSTGRES.contains(name));
    ours.into_iter().chain(kept).collect()
}

fn pair<'a>((name, value): (&'a String, &'a String)) -> (&'a str, &'a str) {
    (name, value)
}

fn line(text: &mut String, name: &str, value: &str) {
    // A name from a Secret of the user's may hold anything, and must not become a line of its own.
    let value: String = value.chars().filter(|c| !c.is_control()).collect();
    writeln!(text, "{name} = {value}").expect("a String takes any text");
}

/// An entry whose value is a list of settings, each quoted as in a connection string.
fn entry(text: &mut String, name: &str, settings: &[(&str, &str)]) {
    let settings: Vec<_> = settings
        .iter()
        .map(|(name, value)| format!("{name}='{}'", value.replace('\'', "''")))
        .collect();
    line(text, name, &settings.join(" "));
}
