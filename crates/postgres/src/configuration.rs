//! The files that configure an instance: all of them belong to the agent and are written as a whole.

use std::fmt::Write as _;
use std::net::IpAddr;

use howdah_types::PgVersion;
use secrecy::{ExposeSecret, SecretString};

use crate::control::{self, AT_LEAST_AS_ON_PRIMARY, ControlData};
use crate::files;
use crate::instance::{Identity, Instance, PORT};
use crate::layout::Layout;
use crate::quote;
use crate::roles::Credential;
use crate::synchronous::Synchronous;

/// The first line of every file.
const MANAGED: &str = "# managed by howdah: changes made here are overwritten\n";
/// The name of the user map in `pg_ident.conf`.
const MAP: &str = "howdah";

/// What configures an instance.
#[derive(Debug, Clone)]
pub struct Configuration {
    /// Lines `name = 'value'` of the user's parameters. Lines of the agent come after them and win.
    pub parameters: String,
    /// Client authentication rules; the agent's own rule comes before them.
    pub hba: String,
    /// Whom to stream from; none on a primary, and on a standby that must receive nothing.
    pub upstream: Option<Upstream>,
    /// Whom a commit waits for.
    pub synchronous: Synchronous,
    /// False to let in nobody but the superuser on the local socket and other members.
    pub admits: bool,
}

/// What a standby streams from, and how to get in.
#[derive(Debug, Clone)]
pub struct Upstream {
    /// Its address, or its name.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// The role for replication.
    pub user: String,
    /// The role's password.
    pub password: SecretString,
    /// None for a member of the same cluster. For a source outside of it: the role that may ask for everything, and
    /// rewind. Nothing is left behind at a source: no slot keeps WAL there.
    pub outside: Option<Credential>,
}

/// Why the configuration was not written.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file could not be written.
    #[error("write the configuration")]
    File(#[source] files::Error),
    /// The values that the primary requires are not known.
    #[error("find the values that the primary requires")]
    Control(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl Upstream {
    /// A member of the same cluster.
    pub fn member(address: IpAddr, role: Credential) -> Self {
        Self {
            host: address.to_string(),
            port: PORT,
            user: role.name,
            password: role.password,
            outside: None,
        }
    }

    /// Who asks for more than WAL.
    pub(crate) fn asks(&self) -> (&str, &SecretString) {
        match &self.outside {
            Some(role) => (&role.name, &role.password),
            None => (&self.user, &self.password),
        }
    }

    /// The connection string, without the password.
    pub(crate) fn conninfo(&self, application: &str, layout: &Layout) -> String {
        self.conninfo_as(&self.user, application, layout)
    }

    /// The same for who asks for more than WAL.
    pub(crate) fn conninfo_asking(&self, application: &str, layout: &Layout) -> String {
        self.conninfo_as(self.asks().0, application, layout)
    }

    fn conninfo_as(&self, user: &str, application: &str, layout: &Layout) -> String {
        // Members are in one network, and know each other by their passwords.
        let encryption = match self.outside {
            Some(_) => "prefer",
            None => "disable",
        };
        let fields = [
            ("host", self.host.clone()),
            ("port", self.port.to_string()),
            ("user", user.to_owned()),
            ("passfile", layout.passfile().to_string()),
            ("application_name", application.to_owned()),
            ("connect_timeout", "5".to_owned()),
            ("keepalives_idle", "5".to_owned()),
            ("keepalives_interval", "5".to_owned()),
            ("keepalives_count", "3".to_owned()),
            ("tcp_user_timeout", "15000".to_owned()),
            ("sslmode", encryption.to_owned()),
            ("gssencmode", "disable".to_owned()),
        ];
        fields
            .map(|(name, value)| format!("{name}={}", quote::conninfo(&value)))
            .join(" ")
    }

    fn passfile(&self) -> String {
        let line = |user: &str, password: &SecretString| {
            let user = quote::passfile(user);
            let password = quote::passfile(password.expose_secret());
            format!("*:*:*:{user}:{password}\n")
        };
        let asks = self.outside.as_ref();
        let asks = asks.map(|role| line(&role.name, &role.password));
        line(&self.user, &self.password) + &asks.unwrap_or_default()
    }
}

impl Instance {
    /// Writes all configuration files; tells whether one changed. A running Postgres must be told to
    /// read them again.
    pub async fn configure(&self, configuration: &Configuration) -> Result<bool, Error> {
        let data = self.layout().data();
        // A standby keeps its primary's values also while it is told to receive nothing.
        let standby = configuration.upstream.is_some() || Layout::standby_signal(&data).exists();
        let control = if standby {
            let read = control::read(self.programs(), &data).await;
            Some(read.map_err(|error| Error::Control(Box::new(error)))?)
        } else {
            None
        };
        let server = server_configuration(
            self.identity(),
            self.layout(),
            self.programs().version(),
            configuration,
            control.as_ref(),
        );
        let hba = hba(self.identity(), configuration);
        let ident = ident(self.system_user(), &self.identity().superuser);
        let passfile = configuration.upstream.as_ref().map(Upstream::passfile);
        let layout = self.layout().clone();
        files::blocking(move || {
            let mut changed = files::write_if_changed(&layout.hba(), &hba, 0o600)?;
            changed |= files::write_if_changed(&layout.ident(), &ident, 0o600)?;
            match passfile {
                Some(passfile) => {
                    files::write_if_changed(&layout.passfile(), &passfile, 0o600)?;
                }
                // Whoever has not read the new settings yet cannot get in at the former upstream.
                None => files::remove_file_if_present(&layout.passfile())?,
            }
            let path = layout.server_configuration();
            Ok(changed | files::write_if_changed(&path, &server, 0o600)?)
        })
        .await
        .map_err(Error::File)
    }

    /// Writes the password file alone, for programs that connect before there is a data directory.
    pub(crate) async fn write_passfile(&self, upstream: &Upstream) -> Result<(), files::Error> {
        let path = self.layout().passfile();
        let content = upstream.passfile();
        files::blocking(move || files::write_if_changed(&path, &content, 0o600).map(drop)).await
    }
}

/// The agent's lines, in order. They come last in the file, so they win.
fn agent_settings(
    identity: &Identity,
    layout: &Layout,
    version: PgVersion,
    configuration: &Configuration,
) -> Vec<(&'static str, String)> {
    let text = |value: &str| value.to_owned();
    let listen = identity.listen.map_or(text("*"), |ip| ip.to_string());
    let mut settings = vec![
        ("listen_addresses", listen),
        ("port", PORT.to_string()),
        ("unix_socket_directories", layout.sockets().to_string()),
        ("hba_file", layout.hba().to_string()),
        ("ident_file", layout.ident().to_string()),
        ("cluster_name", identity.name.cluster().to_string()),
        ("password_encryption", text("scram-sha-256")),
        ("lc_messages", text("C")),
        ("hot_standby", text("on")),
        // A crashed backend ends Postgres, and the agent starts it again: otherwise it would let clients
        // see recovered commits that no standby has yet, before anybody could close the door.
        ("restart_after_crash", text("off")),
        // A rewind needs it where there are no checksums, and it costs nothing where there are.
        ("wal_log_hints", text("on")),
        ("archive_mode", text("on")),
        // Keeps archiving on, which only a restart can change, until there is somewhere to archive to.
        ("archive_command", text("true")),
        // Recovery begins with a sync of the whole directory: once, not file by file.
        ("recovery_init_sync_method", text("syncfs")),
        ("wal_retrieve_retry_interval", text("100ms")),
        ("wal_receiver_timeout", text("5s")),
        ("wal_sender_timeout", text("5s")),
        (
            "synchronous_standby_names",
            configuration.synchronous.names(),
        ),
    ];
    if version.major().number() >= 17 {
        settings.push(("allow_alter_system", text("off")));
    }
    let name = identity.name.to_string();
    let (conninfo, slot) =
        configuration
            .upstream
            .as_ref()
            .map_or_else(Default::default, |upstream| {
                let slot = identity.name.slot();
                let slot = Some(slot).filter(|_| upstream.outside.is_none());
                (upstream.conninfo(&name, layout), slot.unwrap_or_default())
            });
    settings.push(("primary_conninfo", conninfo));
    settings.push(("primary_slot_name", slot));
    settings
}

fn server_configuration(
    identity: &Identity,
    layout: &Layout,
    version: PgVersion,
    configuration: &Configuration,
    control: Option<&ControlData>,
) -> String {
    let mut text = String::from(MANAGED);
    text.push_str(&configuration.parameters);
    text.push_str("\n# The lines from here on belong to the agent.\n");
    for (name, value) in agent_settings(identity, layout, version, configuration) {
        let _ = writeln!(text, "{name} = {}", quote::setting(&value));
    }
    for (name, value) in raised(&configuration.parameters, control) {
        let _ = writeln!(text, "{name} = '{value}'");
    }
    text
}

/// A standby refuses to start with values below those that its primary runs with, which may still
/// be the ones from before they were lowered.
fn raised(parameters: &str, control: Option<&ControlData>) -> Vec<(&'static str, u32)> {
    let Some(control) = control else {
        return Vec::new();
    };
    AT_LEAST_AS_ON_PRIMARY
        .iter()
        .filter_map(|(name, _, default)| {
            let configured = match configured(parameters, name) {
                Some(text) => text.parse().ok()?,
                None => *default,
            };
            let required = *control.required.get(name)?;
            (required > configured).then_some((*name, required))
        })
        .collect()
}

/// The value of a parameter in lines `name = 'value'`; the last line wins.
fn configured<'a>(parameters: &'a str, name: &str) -> Option<&'a str> {
    parameters
        .lines()
        .filter_map(|line| line.split_once('='))
        .filter(|(key, _)| key.trim().eq_ignore_ascii_case(name))
        .map(|(_, value)| value.trim().trim_matches('\''))
        .next_back()
}

fn hba(identity: &Identity, configuration: &Configuration) -> String {
    let superuser = quote::rule(&identity.superuser);
    let rules = if configuration.admits {
        configuration.hba.clone()
    } else {
        let member = quote::rule(&identity.replication);
        format!(
            "host replication {member} all scram-sha-256\n\
             host postgres {member} all scram-sha-256\n"
        )
    };
    format!("{MANAGED}local all {superuser} peer map={MAP}\n{rules}\n")
}

fn ident(system_user: &str, superuser: &str) -> String {
    let (user, role) = (quote::rule(system_user), quote::rule(superuser));
    format!("{MANAGED}{MAP} {user} {role}\n")
}

#[cfg(test)]
mod tests;
