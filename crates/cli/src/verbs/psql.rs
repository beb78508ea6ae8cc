//! `howdah psql`: a psql session with a cluster, through the API and nothing else.

mod encryption;
mod forward;
mod password;
mod program;

use std::collections::BTreeMap;
use std::process::ExitStatus;

use clap::Args;
use k8s_openapi::api::core::v1::{Pod, Secret};
use k8s_openapi::{ByteString, List};
use tokio::signal::unix::{SignalKind, signal};

use self::encryption::Encryption;
use self::forward::Forward;
use self::password::PasswordFile;
use self::program::Program;
use crate::connect::Environment;
use crate::error::Error;
use crate::exit::Exit;
use crate::names::{PRIMARY, ROLE, certificate_secret, cluster_path, index, pods_path};
use crate::server::Server;
use crate::status::is_ready;
use crate::terminal::Terminal;
use crate::text::encode;

const EXAMPLES: &str = "\
Examples:
  howdah psql simple                              a session on the primary
  howdah psql simple -d app -- -c 'select now()'  arguments of psql follow --
  howdah psql simple --replica < report.sql       on a replica, from standard input

Exit codes: those of psql (0 fine, 1 its own error, 2 connection lost, 3 error in a script),
and 1 when the session could not be opened, 2 for wrong usage.";

/// Arguments of `howdah psql`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct PsqlArgs {
    /// The cluster
    #[arg(value_name = "CLUSTER")]
    name: String,
    /// The database
    #[arg(short, long, default_value = "postgres", value_name = "NAME")]
    dbname: String,
    /// On a replica instead of the primary
    #[arg(long)]
    replica: bool,
    /// On this instance
    #[arg(long, value_name = "POD", conflicts_with = "replica")]
    instance: Option<String>,
    /// Arguments for psql
    #[arg(last = true, value_name = "PSQL ARGS")]
    arguments: Vec<String>,
}

pub(super) async fn run(
    args: PsqlArgs,
    server: &Server,
    environment: &Environment,
    terminal: &mut Terminal,
) -> Result<Exit, Error> {
    let name = args.name.rsplit('/').next().unwrap_or(&args.name);
    let program = Program::find(&environment.components)?;
    let pod = pod(&args, name, server).await?;
    let (user, password) = credentials(name, server).await?;
    let certificate = secret(&certificate_secret(name), server).await?;
    let encryption = Encryption::of(certificate.as_ref())?;
    let forward = Forward::open(server, &pod).await?;
    let file = PasswordFile::write(name, forward.port(), &user, &password)?;
    let mut command = program.command();
    command
        .args(&args.arguments)
        // The name is what the certificate is for; the address is where the way there begins.
        .env("PGHOST", name)
        .env("PGHOSTADDR", "127.0.0.1")
        .env("PGPORT", forward.port().to_string())
        .env("PGUSER", &user)
        .env("PGDATABASE", &args.dbname)
        .env("PGPASSFILE", file.path());
    // What the person has set for other servers must not lead elsewhere.
    for variable in [
        "PGPASSWORD",
        "PGSERVICE",
        "PGREQUIREAUTH",
        "PGSSLNEGOTIATION",
        "PGSSLROOTCERT",
        "PGSSLCRL",
        "PGSSLCRLDIR",
        "PGTARGETSESSIONATTRS",
        "PGOPTIONS",
    ] {
        command.env_remove(variable);
    }
    command.envs(encryption.variables());
    terminal.end_progress();
    let status = session(command).await?;
    if let Some(problem) = forward.problem() {
        terminal.note(&server.error(problem).report());
    }
    Ok(exit(status))
}

fn exit(status: ExitStatus) -> Exit {
    use std::os::unix::process::ExitStatusExt;
    let code = status.code().unwrap_or_else(|| {
        // As a shell tells about a program that a signal ended.
        128 + status.signal().unwrap_or_default()
    });
    match u8::try_from(code) {
        Ok(0) => Exit::Success,
        Ok(code) => Exit::Passed(code),
        Err(_) => Exit::Failure,
    }
}

/// Runs psql until it ends. Interrupts are psql's to handle: it cancels the statement and goes on.
async fn session(mut command: tokio::process::Command) -> Result<ExitStatus, Error> {
    let local = |what: &'static str| {
        move |source| Error::Local {
            what: what.to_owned(),
            source,
        }
    };
    let on = |kind| signal(kind).map_err(local("handle signals"));
    let mut interrupts = on(SignalKind::interrupt())?;
    let mut ends = on(SignalKind::terminate())?;
    let mut hangups = on(SignalKind::hangup())?;
    let mut child = command
        .kill_on_drop(true)
        .spawn()
        .map_err(local("start psql"))?;
    loop {
        tokio::select! {
            status = child.wait() => return status.map_err(local("wait for psql")),
            _ = interrupts.recv() => {}
            _ = ends.recv() => child.start_kill().map_err(local("stop psql"))?,
            _ = hangups.recv() => child.start_kill().map_err(local("stop psql"))?,
        }
    }
}

async fn pod(args: &PsqlArgs, cluster: &str, server: &Server) -> Result<String, Error> {
    let namespace = server.namespace();
    let list: List<Pod> = server.read(&pods_path(namespace, cluster)).await?;
    if list.items.is_empty() {
        let found: Option<serde_json::Value> =
            server.find(&cluster_path(namespace, cluster)).await?;
        return Err(match found {
            None => Error::NotFound(format!(
                "there is no cluster called {cluster} in namespace {namespace}: see `howdah get sgclusters -A`"
            )),
            Some(_) => Error::NotNow(format!(
                "cluster {cluster} has no instance now: see `howdah status {cluster}`"
            )),
        });
    }
    choose(args, cluster, &list.items)
}

fn choose(args: &PsqlArgs, cluster: &str, pods: &[Pod]) -> Result<String, Error> {
    let name = |pod: &Pod| pod.metadata.name.clone().unwrap_or_default();
    if let Some(instance) = &args.instance {
        return pods
            .iter()
            .map(name)
            .find(|name| name == instance)
            .ok_or_else(|| {
                Error::NotFound(format!(
                    "{instance} is no instance of cluster {cluster}: see `howdah status {cluster}`"
                ))
            });
    }
    let wanted = if args.replica { "replica" } else { PRIMARY };
    let mut fitting: Vec<&Pod> = pods
        .iter()
        .filter(|pod| {
            let labels = pod.metadata.labels.as_ref();
            labels
                .and_then(|labels| labels.get(ROLE))
                .map(String::as_str)
                == Some(wanted)
        })
        .filter(|pod| !args.replica || is_ready(pod))
        .collect();
    fitting.sort_by_key(|pod| index(&name(pod)));
    fitting.first().map(|pod| name(pod)).ok_or_else(|| {
        let what = if args.replica {
            "ready replica"
        } else {
            "primary"
        };
        Error::NotNow(format!(
            "cluster {cluster} has no {what} now: see `howdah status {cluster}`"
        ))
    })
}

/// The data of a Secret, if there is one of that name.
async fn secret(
    name: &str,
    server: &Server,
) -> Result<Option<BTreeMap<String, ByteString>>, Error> {
    let namespace = encode(server.namespace());
    let path = format!("/api/v1/namespaces/{namespace}/secrets/{}", encode(name));
    let secret: Option<Secret> = server.find(&path).await?;
    Ok(secret.map(|secret| secret.data.unwrap_or_default()))
}

async fn credentials(cluster: &str, server: &Server) -> Result<(String, String), Error> {
    let data = secret(cluster, server).await?.unwrap_or_default();
    let value = |key: &str| {
        let bytes = data.get(key)?;
        String::from_utf8(bytes.0.clone()).ok()
    };
    let Some(password) = value("superuser-password") else {
        return Err(Error::NotNow(format!(
            "the superuser's password of cluster {cluster} is not in Secret {cluster}: see `howdah describe sgcluster {cluster}`"
        )));
    };
    let user = value("superuser-username").unwrap_or("postgres".to_owned());
    Ok((user, password))
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::{CommandFactory, FromArgMatches, Parser};

    #[derive(Parser)]
    struct Wrapper {
        #[command(flatten)]
        args: PsqlArgs,
    }

    fn args(line: &str) -> PsqlArgs {
        let words = std::iter::once("psql").chain(line.split_whitespace());
        let matches = Wrapper::command().try_get_matches_from(words).unwrap();
        Wrapper::from_arg_matches(&matches).unwrap().args
    }

    fn pod(name: &str, role: &str, ready: bool) -> Pod {
        serde_json::from_value(serde_json::json!({
            "metadata": {"name": name, "labels": {"role": role}},
            "status": {"conditions": [{"type": "Ready", "status": if ready { "True" } else { "False" }}]}
        }))
        .unwrap()
    }

    #[test]
    fn the_primary_is_chosen_unless_a_replica_is_wanted() {
        let pods = [
            pod("a-10", "replica", true),
            pod("a-2", "replica", true),
            pod("a-1", "replica", false),
            pod("a-0", "primary", true),
        ];
        let chosen = |line| choose(&args(line), "a", &pods).map_err(|error| error.report());
        assert_eq!(chosen("a"), Ok("a-0".to_owned()));
        assert_eq!(chosen("a --replica"), Ok("a-2".to_owned()));
        assert_eq!(chosen("a --instance a-1"), Ok("a-1".to_owned()));
        assert_eq!(
            chosen("a --instance b-1"),
            Err("error: b-1 is no instance of cluster a: see `howdah status a`".to_owned())
        );
        assert!(choose(&args("a"), "a", &pods[..2]).is_err());
    }

    #[test]
    fn arguments_of_psql_follow_two_dashes() {
        let args = args("simple -d app -- -c select -d other");
        assert_eq!(args.dbname, "app");
        assert_eq!(args.arguments, ["-c", "select", "-d", "other"]);
    }

    #[test]
    fn the_exit_code_of_psql_is_passed_on() {
        use std::os::unix::process::ExitStatusExt;
        assert_eq!(exit(ExitStatus::from_raw(0)), Exit::Success);
        assert_eq!(exit(ExitStatus::from_raw(3 << 8)), Exit::Passed(3));
        assert_eq!(exit(ExitStatus::from_raw(9)), Exit::Passed(137));
    }
}
