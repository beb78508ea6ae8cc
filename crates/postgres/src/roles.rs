//! The roles that the platform itself uses, with passwords from outside.

use postgres_protocol::escape::{escape_identifier, escape_literal};
use secrecy::{ExposeSecret, SecretString};

use crate::scram;
use crate::session::{Error, Session, column};

const WHAT: &str = "look at a role";

/// A role and its password.
#[derive(Debug, Clone)]
pub struct Credential {
    /// The name of the role.
    pub name: String,
    /// Its password.
    pub password: SecretString,
}

/// The roles that every instance has.
#[derive(Debug, Clone)]
pub struct Credentials {
    /// The superuser.
    pub superuser: Credential,
    /// The role that standbys stream with.
    pub replication: Credential,
    /// The role that a pooler looks up passwords with; no superuser.
    pub authenticator: Credential,
}

/// What a role may do.
#[derive(Debug, Clone, Copy)]
struct Rights {
    superuser: bool,
    replication: bool,
    /// Reads server statistics, with which a standby learns whether its WAL is still there, and the
    /// server's files, with which it is rewound.
    member: bool,
}

/// What `pg_rewind` calls on its source (manual, `pg_rewind`).
const REWIND_FUNCTIONS: &str = "\
pg_catalog.pg_ls_dir(text, boolean, boolean), pg_catalog.pg_stat_file(text, boolean), \
pg_catalog.pg_read_binary_file(text), \
pg_catalog.pg_read_binary_file(text, bigint, bigint, boolean)";

const STATE: &str = "\
SELECT rolsuper, rolreplication, rolcanlogin, rolpassword,
  pg_catalog.pg_has_role(oid, 'pg_monitor', 'MEMBER')
  AND pg_catalog.has_function_privilege(oid, 'pg_catalog.pg_ls_dir(text, boolean, boolean)', 'EXECUTE')
  AND pg_catalog.has_function_privilege(oid, 'pg_catalog.pg_stat_file(text, boolean)', 'EXECUTE')
  AND pg_catalog.has_function_privilege(oid, 'pg_catalog.pg_read_binary_file(text)', 'EXECUTE')
  AND pg_catalog.has_function_privilege(
    oid, 'pg_catalog.pg_read_binary_file(text, bigint, bigint, boolean)', 'EXECUTE') AS member
FROM pg_catalog.pg_authid WHERE rolname = $1";

impl Session {
    /// Gives every role its rights and password, and the pooler's role its function; tells how many of these were
    /// changed, none at rest.
    pub async fn ensure_roles(&self, credentials: &Credentials) -> Result<u32, Error> {
        let none = Rights {
            superuser: false,
            replication: false,
            member: false,
        };
        let superuser = Rights {
            superuser: true,
            ..none
        };
        let replication = Rights {
            replication: true,
            member: true,
            ..none
        };
        let mut changed = 0;
        for (credential, rights) in [
            (&credentials.superuser, superuser),
            (&credentials.replication, replication),
            (&credentials.authenticator, none),
        ] {
            changed += u32::from(self.ensure_role(credential, rights).await?);
        }
        let authenticator = &credentials.authenticator.name;
        changed += u32::from(self.ensure_lookup(authenticator).await?);
        Ok(changed)
    }

    async fn ensure_role(&self, credential: &Credential, rights: Rights) -> Result<bool, Error> {
        let rows = self.rows(WHAT, STATE, &[&credential.name]).await?;
        let password = credential.password.expose_secret();
        let mut sql = Vec::new();
        let role = escape_identifier(&credential.name);
        match rows.first() {
            None => sql.push(format!(
                "CREATE ROLE {role} {}",
                attributes(rights, password, true)
            )),
            Some(row) => {
                let stored: Option<&str> = column(WHAT, row, "rolpassword")?;
                let known = stored.is_some_and(|stored| scram::matches(stored, password));
                let right = column::<bool>(WHAT, row, "rolcanlogin")?
                    && column::<bool>(WHAT, row, "rolsuper")? == rights.superuser
                    && (rights.superuser
                        || column::<bool>(WHAT, row, "rolreplication")? == rights.replication);
                if !known || !right {
                    sql.push(format!(
                        "ALTER ROLE {role} {}",
                        attributes(rights, password, !known)
                    ));
                }
            }
        }
        let is_member = match rows.first() {
            Some(row) => column::<bool>(WHAT, row, "member")?,
            None => false,
        };
        if rights.member && !is_member {
            sql.push(format!("GRANT pg_monitor TO {role}"));
            sql.push(format!(
                "GRANT EXECUTE ON FUNCTION {REWIND_FUNCTIONS} TO {role}"
            ));
        }
        if sql.is_empty() {
            return Ok(false);
        }
        // One transaction, whose statements the server does not log: they show verifiers.
        let batch = format!(
            "BEGIN; SET LOCAL log_statement = 'none'; \
             SET LOCAL log_min_error_statement = 'panic'; {}; COMMIT",
            sql.join("; ")
        );
        self.execute("change a role", &batch).await.map(|()| true)
    }
}

fn attributes(rights: Rights, password: &str, set_password: bool) -> String {
    let superuser = if rights.superuser {
        "SUPERUSER"
    } else {
        "NOSUPERUSER"
    };
    let replication = match rights {
        Rights {
            superuser: true, ..
        } => "",
        Rights {
            replication: true, ..
        } => " REPLICATION",
        _ => " NOREPLICATION",
    };
    let password = if set_password {
        format!(" PASSWORD {}", escape_literal(&scram::verifier(password)))
    } else {
        String::new()
    };
    format!("WITH LOGIN {superuser}{replication}{password}")
}
