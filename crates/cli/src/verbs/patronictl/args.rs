//! The command line, with Patroni's names. What has no meaning here is accepted and ignored where that is
//! harmless, and refused where it would be missed.

use clap::{Args, Parser, Subcommand, ValueEnum};

use super::super::restart::{ReinitArgs, RestartArgs, Role};
use super::super::takeover::{Common, FailoverArgs, SwitchoverArgs};
use crate::error::Error;

/// Command-line interface for running clusters, with the commands of Patroni's tool
#[derive(Debug, Parser)]
#[command(name = "patronictl", disable_help_subcommand = true)]
pub(super) struct Patronictl {
    /// Ignored: everything is known from the Kubernetes API
    #[arg(short, long, global = true, value_name = "FILE")]
    config_file: Option<String>,
    /// Ignored, as above
    #[arg(short, long, visible_alias = "dcs", global = true, value_name = "URL")]
    dcs_url: Option<String>,
    /// Ignored, as above
    #[arg(short = 'k', long, global = true)]
    insecure: bool,
    #[command(subcommand)]
    pub(super) command: Command,
}

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// List the members of a cluster
    List {
        /// The clusters
        #[arg(value_name = "CLUSTER_NAMES")]
        names: Vec<String>,
        /// Output format
        #[arg(short, long, default_value = "pretty")]
        format: Format,
        /// Ignored
        #[arg(short, long)]
        extended: bool,
        /// Ignored
        #[arg(short, long)]
        timestamp: bool,
        /// Ignored
        #[arg(short, long)]
        group: Option<u32>,
    },
    /// Switch over to a replica
    Switchover(TakeOver),
    /// Fail over to a replica
    Failover(TakeOver),
    /// Restart members
    Restart(Restart),
    /// Reinitialize members
    Reinit(Reinit),
    /// Disable automatic failover
    Pause {
        /// The cluster
        cluster: Option<String>,
        /// Ignored: it is so at once
        #[arg(long)]
        wait: bool,
    },
    /// Resume automatic failover
    Resume {
        /// The cluster
        cluster: Option<String>,
        /// Ignored: it is so at once
        #[arg(long)]
        wait: bool,
    },
    /// Reload members
    Reload {
        /// The cluster and its members
        names: Vec<String>,
        /// Ignored
        #[arg(long)]
        force: bool,
    },
    /// Show the history of failovers and switchovers
    History {
        /// The cluster
        cluster: Option<String>,
        /// Output format
        #[arg(short, long, default_value = "pretty")]
        format: Format,
    },
    /// Show the version of this program
    Version {
        /// Ignored
        names: Vec<String>,
    },
    /// Show the settings of a cluster
    ShowConfig {
        /// The cluster
        cluster: Option<String>,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    Pretty,
    Tsv,
    Json,
    #[value(alias = "yml")]
    Yaml,
}

#[derive(Debug, Args)]
pub(super) struct TakeOver {
    /// The cluster
    pub(super) cluster: Option<String>,
    /// The name of the current leader
    #[arg(long, visible_alias = "primary", alias = "master")]
    leader: Option<String>,
    /// The name of the candidate
    #[arg(long)]
    candidate: Option<String>,
    /// Only "now"
    #[arg(long, value_name = "TIME")]
    scheduled: Option<String>,
    /// Do not ask for confirmation
    #[arg(long)]
    force: bool,
    /// Ignored
    #[arg(long)]
    group: Option<u32>,
}

#[derive(Debug, Args)]
pub(super) struct Restart {
    /// The cluster
    pub(super) cluster: Option<String>,
    /// The members
    members: Vec<String>,
    /// Restart only members with this role
    #[arg(short, long, default_value = "any")]
    role: Role,
    /// Restart only members that wait for it
    #[arg(short, long)]
    pending: bool,
    /// Only "now"
    #[arg(long, value_name = "TIME")]
    scheduled: Option<String>,
    /// Do not ask for confirmation
    #[arg(long)]
    force: bool,
}

#[derive(Debug, Args)]
pub(super) struct Reinit {
    /// The cluster
    pub(super) cluster: Option<String>,
    /// The members
    members: Vec<String>,
    /// Do not ask for confirmation
    #[arg(long)]
    force: bool,
    /// Ignored: it is always waited for
    #[arg(long)]
    wait: bool,
    /// Ignored: copies are always taken from the leader
    #[arg(long)]
    from_leader: bool,
}

fn at_once(scheduled: Option<&str>) -> Result<(), Error> {
    match scheduled {
        None | Some("now") => Ok(()),
        Some(_) => Err(Error::Usage(
            "nothing can be scheduled here: let a CronJob ask at the right time".to_owned(),
        )),
    }
}

impl TakeOver {
    pub(super) fn switchover(self, cluster: &str) -> Result<SwitchoverArgs, Error> {
        at_once(self.scheduled.as_deref())?;
        Ok(SwitchoverArgs {
            name: cluster.to_owned(),
            candidate: self.candidate,
            primary: self.leader,
            cancel: false,
            common: Common::new(self.force),
        })
    }

    pub(super) fn failover(self, cluster: &str) -> Result<FailoverArgs, Error> {
        at_once(self.scheduled.as_deref())?;
        let candidate = self.candidate.ok_or_else(|| {
            Error::Usage("Failover could be performed only to a specific candidate".to_owned())
        })?;
        Ok(FailoverArgs {
            name: cluster.to_owned(),
            candidate,
            common: Common::new(self.force),
        })
    }
}

impl Restart {
    pub(super) fn restart(self, cluster: String) -> Result<RestartArgs, Error> {
        at_once(self.scheduled.as_deref())?;
        Ok(RestartArgs {
            names: [cluster].into_iter().chain(self.members).collect(),
            role: self.role,
            pending: self.pending,
            common: Common::new(self.force),
        })
    }
}

impl Reinit {
    pub(super) fn reinit(self, cluster: String) -> ReinitArgs {
        ReinitArgs {
            names: [cluster].into_iter().chain(self.members).collect(),
            common: Common::new(self.force),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_definition_is_consistent() {
        Patronictl::command().debug_assert();
    }

    #[test]
    fn what_runbooks_say_is_understood() {
        for line in [
            "patronictl list",
            "patronictl -c /etc/patroni/patroni.yml list simple -f json",
            "patronictl list -e -t --format yaml",
            "patronictl switchover simple --leader a-0 --candidate a-1 --force",
            "patronictl switchover --master a-0 --scheduled now --force",
            "patronictl failover simple --candidate a-1 --force",
            "patronictl restart simple a-0 a-1 --role replica --pending --force",
            "patronictl reinit simple a-1 --force --wait",
            "patronictl pause --wait simple",
            "patronictl resume simple",
            "patronictl reload simple --force",
            "patronictl history simple -f tsv",
            "patronictl version",
            "patronictl show-config simple",
        ] {
            let parsed = Patronictl::try_parse_from(line.split(' '));
            assert!(parsed.is_ok(), "{line}: {parsed:?}");
        }
    }

    #[test]
    fn nothing_is_scheduled() {
        assert!(at_once(Some("now")).is_ok() && at_once(None).is_ok());
        assert!(at_once(Some("2027-01-01T10:00")).is_err());
    }
}
