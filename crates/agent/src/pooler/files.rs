//! The pooler's files: what the operator rendered, with what only this member knows.

use howdah_postgres::Credential;
use secrecy::{ExposeSecret as _, SecretString};

use super::aim::Aim;
use crate::member::Member;
use crate::mounted::Pooling;
use crate::replace::replace;

/// The folder that the pooler's container shares.
const FOLDER: &str = "/etc/pgbouncer";
const SETTINGS: &str = "pgbouncer.ini";
const USERS: &str = "userlist.txt";

/// The words that the operator leaves to the agent.
const SERVER: &str = "$(POSTGRES_HOST)";
const LISTEN: &str = "$(LISTEN_ADDRESS)";
const ROOT: &str = "$(HOWDAH_ROOT)";

/// The first line, by which an agent that starts again knows for whom its pooler works.
const OF_PRIMARY: &str = "; managed by howdah, for clients of the primary\n";
const OF_INSTANCE: &str = "; managed by howdah, for clients of this instance\n";

/// A file of the pooler's could not be written.
#[derive(Debug, thiserror::Error)]
#[error("write {path}")]
pub(super) struct Error {
    path: &'static str,
    #[source]
    source: std::io::Error,
}

/// What the files hold.
#[derive(Debug, Clone)]
pub(super) struct Rendered {
    settings: String,
    users: SecretString,
}

impl PartialEq for Rendered {
    fn eq(&self, other: &Self) -> bool {
        self.settings == other.settings && self.users.expose_secret() == other.users.expose_secret()
    }
}

/// Fills in what only this member knows.
pub(super) fn render(member: &Member, pooling: &Pooling, aim: &Aim) -> Rendered {
    let config = &member.config;
    let listen = config.bind.map_or("*".to_owned(), |ip| ip.to_string());
    let head = if aim.writes { OF_PRIMARY } else { OF_INSTANCE };
    let settings = if aim.elsewhere {
        &pooling.forward
    } else {
        &pooling.settings
    };
    let settings = settings
        .replace(SERVER, &aim.server.to_string())
        .replace(LISTEN, &listen)
        .replace(ROOT, config.root.trim_end_matches('/'));
    let mounted = member.mounted.borrow();
    let known = [
        &mounted.credentials.authenticator,
        &pooling.admin,
        &pooling.stats,
    ];
    // The pooler reads a new certificate when it reads its files.
    let certificate = mounted.server_tls.as_ref();
    let certificate = certificate.map_or("none", |tls| tls.fingerprint.as_str());
    Rendered {
        settings: format!("{head}; certificate {certificate}\n{settings}"),
        users: known.map(user).concat().into(),
    }
}

/// A line of the file with users, in which quotes are doubled.
fn user(credential: &Credential) -> String {
    let quoted = |text: &str| {
        let text: String = text.chars().filter(|c| !c.is_control()).collect();
        format!("\"{}\"", text.replace('"', "\"\""))
    };
    let password = quoted(credential.password.expose_secret());
    format!("{} {password}\n", quoted(&credential.name))
}

/// Puts the files in place, each as a whole; the pooler waits for the last.
pub(super) async fn write(member: &Member, rendered: &Rendered) -> Result<(), Error> {
    let folder = member.instance.layout().resolve(FOLDER);
    let rendered = rendered.clone();
    let written = tokio::task::spawn_blocking(move || {
        let put = |path, text: &str| {
            replace(&folder, path, text).map_err(|source| Error { path, source })
        };
        put(USERS, rendered.users.expose_secret())?;
        put(SETTINGS, &rendered.settings)
    });
    written.await.unwrap_or_else(|_| {
        let source = std::io::Error::other("the write was given up");
        Err(Error {
            path: SETTINGS,
            source,
        })
    })
}

/// True if the pooler works for clients that came to a primary.
pub(super) fn serves_writes(member: &Member) -> bool {
    let path = member.instance.layout().resolve(FOLDER).join(SETTINGS);
    std::fs::read_to_string(path).is_ok_and(|text| text.starts_with(OF_PRIMARY))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_name_and_password_is_one_line_of_the_users() {
        let credential = Credential {
            name: "a\"b\n".to_owned(),
            password: "p\"\r\n\"x\" \"y".to_owned().into(),
        };
        assert_eq!(user(&credential), "\"a\"\"b\" \"p\"\"\"\"x\"\" \"\"y\"\n");
    }
}
