//! What the connection pooler asks Postgres: one user's password, and whether it can send clients there.

use std::net::IpAddr;
use std::time::Duration;

use postgres_protocol::escape::escape_identifier;
use secrecy::ExposeSecret;
use tokio_postgres::{Config, NoTls};

use crate::roles::Credential;
use crate::session::{Error, Session};

const WHAT: &str = "look at the function for passwords";

/// What the function does, as the server keeps it. A role that is out of date or cannot log in has no password.
const BODY: &str = "\
SELECT rolname::text, CASE WHEN rolvaliduntil < now() THEN NULL ELSE rolpassword END \
FROM pg_authid WHERE rolname = $1 AND rolcanlogin";

/// True if the function is the one that is wanted, nobody but the role may call it, and nobody else could have
/// made it or put another one beside it.
const STATE: &str = "\
SELECT count(*) = 1 AND coalesce(bool_and(
    p.prosecdef AND p.prosrc = $2 AND p.proconfig = ARRAY['search_path=pg_catalog, pg_temp']
    AND p.proowner = n.nspowner AND o.rolsuper
    AND p.proacl IS NOT NULL AND n.nspacl IS NOT NULL
    AND NOT EXISTS (SELECT 1 FROM pg_catalog.aclexplode(p.proacl || n.nspacl) AS a
      WHERE a.grantee NOT IN (r.oid, p.proowner) OR (a.grantee = r.oid AND a.privilege_type = 'CREATE'))
    AND pg_catalog.has_function_privilege(r.oid, p.oid, 'EXECUTE')
    AND pg_catalog.has_schema_privilege(r.oid, n.oid, 'USAGE')), false)
FROM pg_catalog.pg_proc AS p
JOIN pg_catalog.pg_namespace AS n ON n.oid = p.pronamespace
JOIN pg_catalog.pg_roles AS o ON o.oid = p.proowner
JOIN pg_catalog.pg_roles AS r ON r.rolname = $1
WHERE n.nspname = 'pgbouncer' AND p.proname = 'lookup'";

impl Session {
    /// Makes sure that this role, which is no superuser, can look up passwords; tells whether something was
    /// changed, nothing at rest.
    ///
    /// Only a superuser's function can read them, so it is owned by one and can do just that.
    pub(crate) async fn ensure_lookup(&self, role: &str) -> Result<bool, Error> {
        let row = self.row(WHAT, STATE, &[&role, &BODY]).await?;
        let known: bool = crate::session::at(WHAT, &row, 0)?;
        if known {
            return Ok(false);
        }
        let role = escape_identifier(role);
        let batch = format!(
            "BEGIN; \
             CREATE SCHEMA IF NOT EXISTS pgbouncer; \
             ALTER SCHEMA pgbouncer OWNER TO CURRENT_USER; \
             DO $howdah$ DECLARE one record; BEGIN \
               FOR one IN SELECT oid::regprocedure AS name FROM pg_catalog.pg_proc \
                 WHERE pronamespace = 'pgbouncer'::regnamespace AND proname = 'lookup' \
               LOOP EXECUTE 'DROP FUNCTION ' || one.name || ' CASCADE'; END LOOP; \
               FOR one IN SELECT DISTINCT a.grantee::regrole::text AS name FROM pg_catalog.pg_namespace, \
                 pg_catalog.aclexplode(nspacl) AS a WHERE nspname = 'pgbouncer' AND a.grantee NOT IN (0, nspowner) \
               LOOP EXECUTE 'REVOKE ALL ON SCHEMA pgbouncer FROM ' || one.name || ' CASCADE'; END LOOP; \
             END $howdah$; \
             REVOKE ALL ON SCHEMA pgbouncer FROM PUBLIC; \
             GRANT USAGE ON SCHEMA pgbouncer TO {role}; \
             CREATE FUNCTION pgbouncer.lookup(login text) RETURNS TABLE (name text, password text) \
               LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp \
               AS $howdah${BODY}$howdah$; \
             REVOKE ALL ON FUNCTION pgbouncer.lookup(text) FROM PUBLIC; \
             GRANT EXECUTE ON FUNCTION pgbouncer.lookup(text) TO {role}; \
             COMMIT"
        );
        self.execute("make the function for passwords", &batch)
            .await
            .map(|()| true)
    }
}

/// True if this role is let in at an address, and what answers there takes writes.
pub async fn takes_writes(
    address: IpAddr,
    port: u16,
    as_role: &Credential,
    patience: Duration,
) -> bool {
    let mut config = Config::new();
    config
        .host(address.to_string())
        .port(port)
        .user(&as_role.name)
        .password(as_role.password.expose_secret())
        .dbname("postgres")
        .application_name("howdah");
    let asking = async {
        let (client, connection) = config.connect(NoTls).await.ok()?;
        let asked = client.simple_query("SELECT pg_catalog.pg_is_in_recovery()");
        let answer = tokio::select! {
            answer = asked => answer.ok()?,
            _ = connection => return None,
        };
        answer.iter().find_map(|message| match message {
            tokio_postgres::SimpleQueryMessage::Row(row) => Some(row.get(0) == Some("f")),
            _ => None,
        })
    };
    let asked = tokio::time::timeout(patience, asking).await;
    asked.ok().flatten().unwrap_or(false)
}
