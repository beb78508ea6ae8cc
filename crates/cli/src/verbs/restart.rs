//! `howdah restart` and `howdah reinit`: what is asked of single instances.

use clap::{Args, ValueEnum};

use super::takeover::Common;
use crate::error::Error;
use crate::exit::Exit;
use crate::ha::{self, Ask, Instance, Outcome, Scope};
use crate::server::Server;
use crate::terminal::Terminal;
use crate::text::enumerate;

const RESTART_EXAMPLES: &str = "\
Examples:
  howdah restart simple                     all instances, the primary last
  howdah restart simple-1 --yes
  howdah restart simple --pending           only those that wait for a restart
  howdah restart simple --role replica

Postgres is stopped in order and started again, one instance after the other; the Pods stay.

Exit codes: 0 done (also when there was nothing to restart), 1 refused, 2 wrong usage, 3 not done within
--timeout, which counts for each instance.";

/// Arguments of `howdah restart`.
#[derive(Debug, Args)]
#[command(after_help = RESTART_EXAMPLES)]
pub struct RestartArgs {
    /// The cluster, or some of its instances
    #[arg(value_name = "CLUSTER|INSTANCE", required = true)]
    pub(super) names: Vec<String>,
    /// Only instances of this role
    #[arg(short, long, value_name = "ROLE", default_value = "any")]
    pub(super) role: Role,
    /// Only instances with parameters that wait for a restart
    #[arg(long)]
    pub(super) pending: bool,
    #[command(flatten)]
    pub(super) common: Common,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Role {
    /// All of them.
    Any,
    /// The one that takes writes.
    #[value(alias = "leader", alias = "master")]
    Primary,
    /// The others.
    Replica,
}

const REINIT_EXAMPLES: &str = "\
Examples:
  howdah reinit simple-2

The instance throws its copy away and takes a new one from the primary. The primary itself cannot be
made anew. The old copy stays beside the new one until that streams.

Exit codes: 0 done, 1 refused, 2 wrong usage, 3 not done within --timeout, which counts for each instance.";

/// Arguments of `howdah reinit`.
#[derive(Debug, Args)]
#[command(after_help = REINIT_EXAMPLES)]
pub struct ReinitArgs {
    /// The instances
    #[arg(value_name = "INSTANCE", required = true)]
    pub(super) names: Vec<String>,
    #[command(flatten)]
    pub(super) common: Common,
}

/// Which instances to restart: replicas first, so that a primary that hands over finds them ready.
fn chosen(
    present: &[Instance],
    named: &[String],
    role: Role,
    pending: bool,
) -> Result<Vec<String>, Error> {
    for name in named {
        ha::find(present, name)?;
    }
    let wanted = |one: &&Instance| {
        let is_named = named.is_empty() || named.contains(&one.name);
        let has_role = match role {
            Role::Any => true,
            Role::Primary => one.primary,
            Role::Replica => !one.primary,
        };
        is_named && has_role && (!pending || one.pending_restart)
    };
    let mut chosen: Vec<&Instance> = present.iter().filter(wanted).collect();
    chosen.sort_by_key(|one| one.primary);
    Ok(chosen.into_iter().map(|one| one.name.clone()).collect())
}

pub(super) async fn restart(
    args: RestartArgs,
    server: &Server,
    terminal: &mut Terminal,
) -> Result<Exit, Error> {
    let scope = ha::scope(server, &args.names).await?;
    let names = chosen(&scope.present, &scope.names, args.role, args.pending)?;
    let question = format!("Shall Postgres of {} be restarted?", enumerate(&names));
    let call = Call {
        ask: Ask::Restart,
        cluster: &scope.cluster,
        done: "restarted",
        nothing: "no instance needs a restart",
    };
    call.each(names, &question, &args.common, server, terminal)
        .await
}

pub(super) async fn reinit(
    args: ReinitArgs,
    server: &Server,
    terminal: &mut Terminal,
) -> Result<Exit, Error> {
    let Scope {
        cluster,
        present,
        names,
    } = ha::scope(server, &args.names).await?;
    if names.is_empty() {
        return Err(Error::Usage(
            "name the instances that take a new copy".to_owned(),
        ));
    }
    for name in &names {
        if ha::find(&present, name)?.primary {
            return Err(Error::NotNow(format!(
                "{name} is the primary, and its copy is the one that counts: switch over first"
            )));
        }
    }
    let question = format!(
        "Shall {} throw its copy away and take a new one?",
        enumerate(&names)
    );
    let call = Call {
        ask: Ask::Reinitialise,
        cluster: &cluster,
        done: "taking a new copy",
        nothing: "",
    };
    call.each(names, &question, &args.common, server, terminal)
        .await
}

/// The same wish to several instances.
struct Call<'a> {
    ask: Ask,
    cluster: &'a str,
    done: &'static str,
    nothing: &'static str,
}

impl Call<'_> {
    async fn each(
        &self,
        names: Vec<String>,
        question: &str,
        common: &Common,
        server: &Server,
        terminal: &mut Terminal,
    ) -> Result<Exit, Error> {
        let mut message = self.nothing.to_owned();
        if !names.is_empty() {
            ha::confirm(terminal, common.yes, question).await?;
            message = format!("{}: {}", enumerate(&names), self.done);
        }
        for name in &names {
            self.ask.of(server, name, common.timeout, terminal).await?;
        }
        let mut outcome = Outcome::new(self.cluster, server.namespace(), message);
        outcome.changed = !names.is_empty();
        outcome.instances = names;
        outcome.show(common.output.output, terminal)?;
        Ok(Exit::Success)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use pretty_assertions::assert_eq;

    fn instance(name: &str, primary: bool, pending_restart: bool) -> Instance {
        Instance {
            name: name.to_owned(),
            address: None,
            primary,
            ready: true,
            pending_restart,
        }
    }

    #[test]
    fn the_primary_is_restarted_last() {
        let present = [
            instance("a-0", true, true),
            instance("a-1", false, false),
            instance("a-2", false, true),
        ];
        let some = |named: &[&str], role, pending| {
            let named: Vec<String> = named.iter().map(ToString::to_string).collect();
            chosen(&present, &named, role, pending).unwrap()
        };
        assert_eq!(some(&[], Role::Any, false), ["a-1", "a-2", "a-0"]);
        assert_eq!(some(&[], Role::Any, true), ["a-2", "a-0"]);
        assert_eq!(some(&[], Role::Primary, false), ["a-0"]);
        assert_eq!(some(&["a-2", "a-0"], Role::Replica, false), ["a-2"]);
        let missing = chosen(&present, &["a-7".to_owned()], Role::Any, false);
        assert!(missing.is_err());
    }
}
