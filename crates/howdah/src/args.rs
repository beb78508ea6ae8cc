//! The command line as typed.

use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::Path;

use camino::Utf8PathBuf;
use clap::builder::NonEmptyStringValueParser;
use clap::{Arg, Args, CommandFactory, FromArgMatches, Parser, Subcommand, ValueEnum};
use howdah_cli::{ConnectArgs, Verb};

/// Howdah runs production-grade Postgres clusters, on this machine or on Kubernetes.
#[derive(Debug, Parser)]
#[command(name = "howdah", version, disable_help_subcommand = true)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) connection: ConnectArgs,
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Start a small Kubernetes and the operator on this machine
    ///
    /// It listens on a loopback address of its own, runs Pods as processes, and keeps everything in its state
    /// folder. What ran before the last `howdah down` runs again.
    Up(UpArgs),
    /// Stop them and all their Pods; data stays
    ///
    /// The Pods are stopped first, gracefully. Everything stays in the state folder, and `howdah up` brings
    /// it back.
    Down(DownArgs),
    #[command(flatten)]
    Verb(Verb),
    /// Run the operator
    ///
    /// It turns SGClusters into running instances, in all namespaces. On this machine `howdah up` runs it;
    /// on Kubernetes it is a Deployment.
    Operator(OperatorArgs),
    /// Run one instance of a cluster
    ///
    /// This is the first process of an instance's container. Everything it is told comes from the environment
    /// that the operator gives to the Pod.
    Instance(InstanceArgs),
    /// Do what Patroni's tool of this name does
    #[command(hide = true, disable_help_flag = true)]
    Patronictl {
        /// Its arguments.
        #[arg(value_name = "ARGUMENTS", num_args = 0.., allow_hyphen_values = true, trailing_var_arg = true)]
        words: Vec<OsString>,
    },
    /// Kill the Postgres of an instance when its authority ends
    #[command(hide = true)]
    Guard {
        /// Where that Postgres works.
        folder: Utf8PathBuf,
    },
    /// Run one container
    #[command(hide = true)]
    PocketShim {
        /// What to run.
        spec: Utf8PathBuf,
    },
}

const UP_EXAMPLES: &str = "\
Examples:
  howdah up                                start in the background
  howdah up --state-dir ./state --port 7443
  howdah up --foreground                   stay, log to standard error, end with Ctrl-C

A second `howdah up` with the same state folder is harmless. Several with different state folders
run side by side.

Exit codes: 0 it runs, 1 it could not be started, 2 wrong usage.";

/// Arguments of `howdah up`.
#[derive(Debug, Args)]
#[command(after_help = UP_EXAMPLES)]
pub(crate) struct UpArgs {
    #[command(flatten)]
    pub(crate) state: StateArgs,
    #[command(flatten)]
    pub(crate) components: ComponentsArgs,
    /// Port of the Kubernetes API
    #[arg(long, value_name = "PORT", default_value_t = 6443)]
    pub(crate) port: u16,
    /// Stay in the foreground and log to standard error
    #[arg(long)]
    pub(crate) foreground: bool,
    #[command(flatten)]
    pub(crate) log: LogArgs,
    /// Detach, and tell the parent on standard output how the start goes
    #[arg(long, hide = true)]
    pub(crate) background_child: bool,
}

const DOWN_EXAMPLES: &str = "\
Examples:
  howdah down
  howdah down --state-dir ./state

Exit codes: 0 nothing runs any more (also when nothing ran), 1 something could not be stopped,
2 wrong usage.";

/// Arguments of `howdah down`.
#[derive(Debug, Args)]
#[command(after_help = DOWN_EXAMPLES)]
pub(crate) struct DownArgs {
    #[command(flatten)]
    pub(crate) state: StateArgs,
}

#[derive(Debug, Clone, Args)]
pub(crate) struct StateArgs {
    /// Folder that keeps everything [default: /var/lib/howdah/pocket for root, else
    /// ~/.local/share/howdah/pocket]
    #[arg(
        long,
        env = "HOWDAH_STATE_DIR",
        hide_env_values = true,
        value_name = "DIR"
    )]
    pub(crate) state_dir: Option<Utf8PathBuf>,
}

#[derive(Debug, Clone, Args)]
pub(crate) struct ComponentsArgs {
    /// Folder with Postgres and the other programs [default: /var/lib/howdah/components for root, else
    /// ~/.local/share/howdah/components]
    #[arg(
        long,
        env = "HOWDAH_COMPONENTS",
        hide_env_values = true,
        value_name = "DIR"
    )]
    pub(crate) components: Option<Utf8PathBuf>,
}

#[derive(Debug, Clone, Args)]
pub(crate) struct LogArgs {
    /// Form of the log
    #[arg(
        long,
        value_name = "FORM",
        default_value = "text",
        hide_default_value = true
    )]
    pub(crate) log_format: LogFormat,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogFormat {
    /// Lines for people.
    Text,
    /// An object per line.
    Json,
}

const OPERATOR_EXAMPLES: &str = "\
Examples:
  howdah operator                    in a Pod, with its service account
  howdah operator --print-manifest --allowed-namespaces a,b | kubectl apply --server-side -f -
  howdah operator --install-crds     install or update the definitions of the kinds first

Exit codes: 0 told to stop by a signal, 1 it could not start, 2 wrong usage.";

/// Arguments of `howdah operator`.
#[derive(Debug, Args)]
#[command(after_help = OPERATOR_EXAMPLES)]
pub(crate) struct OperatorArgs {
    /// Install or update the CustomResourceDefinitions before anything else
    #[arg(long)]
    pub(crate) install_crds: bool,
    /// Print what installs an operator with these settings, for `kubectl apply --server-side -f -`, and end
    #[arg(long)]
    pub(crate) print_manifest: bool,
    /// Namespace of the operator, where its catalogue of components is
    #[arg(
        long,
        env = "POD_NAMESPACE",
        hide_env_values = true,
        default_value = "howdah-system",
        value_name = "NAME"
    )]
    pub(crate) operator_namespace: String,
    /// Name of this operator among those that run at the same time; one of them works
    #[arg(
        long,
        env = "POD_NAME",
        hide_env_values = true,
        default_value = "howdah-operator",
        value_name = "NAME"
    )]
    pub(crate) identity: String,
    /// Where to answer /livez and /readyz, such as 0.0.0.0:8080
    #[arg(
        long,
        env = "HOWDAH_HEALTH_ADDRESS",
        hide_env_values = true,
        value_name = "ADDRESS"
    )]
    pub(crate) health_address: Option<SocketAddr>,
    /// Where to answer admission webhooks over HTTPS, such as 0.0.0.0:8443
    #[arg(
        long,
        env = "HOWDAH_WEBHOOK_ADDRESS",
        hide_env_values = true,
        value_name = "ADDRESS"
    )]
    pub(crate) webhook_address: Option<SocketAddr>,
    /// Folder with tls.crt and tls.key for the webhooks, renewed by somebody else; without it the operator
    /// makes certificates itself
    #[arg(
        long,
        env = "HOWDAH_WEBHOOK_CERTIFICATE",
        hide_env_values = true,
        value_name = "FOLDER",
        requires = "webhook_address"
    )]
    pub(crate) webhook_certificate: Option<Utf8PathBuf>,
    /// Work on clusters of these namespaces only, and ask for nothing outside of them; without, of all namespaces
    #[arg(
        long,
        env = "HOWDAH_ALLOWED_NAMESPACES",
        hide_env_values = true,
        value_name = "NAME",
        value_delimiter = ',',
        value_parser = NonEmptyStringValueParser::new()
    )]
    pub(crate) allowed_namespaces: Vec<String>,
    /// Give every cluster a NetworkPolicy that limits who reaches its instances
    #[arg(long, env = "HOWDAH_NETWORK_POLICIES", hide_env_values = true)]
    pub(crate) network_policies: bool,
    #[command(flatten)]
    pub(crate) log: LogArgs,
}

const INSTANCE_EXAMPLES: &str = "\
Examples:
  howdah instance                    in a Pod that the operator made: everything is in its environment
  howdah instance --log-format json  the same, with a log for programs

Exit codes: 0 stopped by a signal, 1 it could not start, 2 wrong usage.";

/// Arguments of `howdah instance`.
#[derive(Debug, Args)]
#[command(after_help = INSTANCE_EXAMPLES)]
pub(crate) struct InstanceArgs {
    #[command(flatten)]
    pub(crate) agent: howdah_agent::Args,
    #[command(flatten)]
    pub(crate) log: LogArgs,
}

/// Headings of the overview, and the verbs below each.
const GROUPS: [(&str, &[&str]); 5] = [
    ("On this machine", &["up", "down"]),
    ("Objects", &["apply", "delete", "get", "describe", "events"]),
    ("Clusters", &["status", "psql", "logs"]),
    (
        "High availability",
        &[
            "switchover",
            "failover",
            "restart",
            "reinit",
            "pause",
            "resume",
            "fence",
            "unfence",
            "history",
        ],
    ),
    ("Other", &["version", "operator", "instance"]),
];

const FOOTER: &str = "\
The kubeconfig is the first of: --kubeconfig, $KUBECONFIG, the one written by `howdah up`,
~/.kube/config. Set HOWDAH_LOG (such as debug or howdah=debug,kube=info) for more to be logged.
`howdah VERB --help` shows flags, examples and exit codes.";

/// The definition with the grouped overview.
pub(crate) fn command() -> clap::Command {
    let command = Cli::command();
    let mut overview = String::new();
    for (heading, verbs) in GROUPS {
        overview.push_str(&format!("{heading}:\n"));
        for verb in verbs {
            let about = command
                .find_subcommand(verb)
                .and_then(clap::Command::get_about)
                .map(ToString::to_string)
                .unwrap_or_default();
            overview.push_str(&format!("  {verb:<12}{about}\n"));
        }
        overview.push('\n');
    }
    let template =
        format!("{{about}}\n\n{{usage-heading}} {{usage}}\n\n{overview}{{options}}\n\n{FOOTER}\n");
    let mut command = command.help_template(template);
    // The flags of the connection are everybody's, but these verbs have no use for them. A flag that a verb has
    // already is not handed down to it.
    let everybodys = command.get_arguments().filter(|flag| flag.is_global_set());
    let hidden: Vec<Arg> = everybodys.map(|flag| flag.clone().hide(true)).collect();
    for verb in ["up", "down"] {
        command = command.mut_subcommand(verb, |verb| verb.args(hidden.clone()));
    }
    command
}

impl Cli {
    /// Reads the command line of this process; ends the process when it makes no sense.
    pub(crate) fn read() -> Self {
        // A link of that name stands beside the program in every container.
        if let Some(words) = applet(std::env::args_os()) {
            return Self {
                connection: ConnectArgs::default(),
                command: Command::Patronictl { words },
            };
        }
        let matches = named(command(), std::env::args_os()).get_matches();
        Self::from_arg_matches(&matches).unwrap_or_else(|error| error.exit())
    }
}

/// With the name that people typed in its help: as a plugin, `kubectl` calls the program by another one.
fn named(command: clap::Command, mut words: impl Iterator<Item = OsString>) -> clap::Command {
    let program = words.next().unwrap_or_default();
    match Path::new(&program).file_name() {
        Some(name) if name == "kubectl-howdah" => command.bin_name("kubectl howdah"),
        _ => command,
    }
}

/// The arguments of the applet that the program was called as.
fn applet(mut words: impl Iterator<Item = OsString>) -> Option<Vec<OsString>> {
    let program = words.next()?;
    let name = Path::new(&program).file_name()?;
    (name == "patronictl").then(|| words.collect())
}

#[cfg(test)]
mod tests {
    use clap::error::ErrorKind;

    use super::*;

    #[test]
    fn a_plugin_of_kubectl_calls_itself_as_people_call_it() {
        let usage = |program: &str| {
            let words = [program, "status", "--help"].map(OsString::from);
            let shown = named(command(), words.clone().into_iter());
            shown.try_get_matches_from(words).unwrap_err().to_string()
        };
        let plugin = usage("/usr/local/bin/kubectl-howdah");
        assert!(plugin.contains("Usage: kubectl howdah status"), "{plugin}");
        let program = usage("/usr/local/bin/howdah");
        assert!(program.contains("Usage: howdah status"), "{program}");
    }

    #[test]
    fn the_name_of_the_program_chooses_the_applet() {
        let words = |line: &str| applet(line.split(' ').map(OsString::from));
        let list = vec![OsString::from("list"), OsString::from("-f")];
        assert_eq!(words("/s/bin/patronictl list -f"), Some(list.clone()));
        assert_eq!(words("howdah patronictl list"), None);
        let cli = Cli::try_parse_from(["howdah", "patronictl", "list", "-f"]).unwrap();
        assert!(matches!(cli.command, Command::Patronictl { words } if words == list));
    }

    #[test]
    fn the_definition_is_consistent() {
        command().debug_assert();
    }

    #[test]
    fn every_verb_explains_itself_when_asked() {
        let command = command();
        let verbs = command.get_subcommands();
        let explained = verbs.filter(|verb| !verb.is_disable_help_flag_set());
        let names: Vec<&str> = explained.map(clap::Command::get_name).collect();
        assert!(names.len() > 20, "{names:?}");
        for verb in names {
            for flag in ["--help", "-h"] {
                let answer = command.clone().try_get_matches_from(["howdah", verb, flag]);
                let answer = answer.expect_err("help is no match");
                assert_eq!(answer.kind(), ErrorKind::DisplayHelp, "{verb}: {answer}");
            }
        }
    }

    #[test]
    fn every_verb_of_peoples_has_examples() {
        for verb in command()
            .get_subcommands()
            .filter(|verb| !verb.is_hide_set())
        {
            let after = verb.get_after_help().map(ToString::to_string);
            let after = after.unwrap_or_default();
            let example = format!("\n  howdah {}", verb.get_name());
            assert!(
                after.contains("Examples:") && after.contains(&example),
                "{}",
                verb.get_name()
            );
            assert!(after.contains("Exit codes:"), "{}", verb.get_name());
        }
    }

    #[test]
    fn flags_of_the_connection_are_understood_before_and_after_every_verb() {
        for line in [
            "howdah -n a up",
            "howdah up -n a",
            "howdah status a -n a",
            "howdah up --context a",
        ] {
            let matches = command().try_get_matches_from(line.split(' ')).unwrap();
            let cli = Cli::from_arg_matches(&matches).unwrap();
            assert!(cli.connection.is_given(), "{line}");
        }
    }

    #[test]
    fn the_overview_names_every_verb_once() {
        let grouped: Vec<&str> = GROUPS
            .iter()
            .flat_map(|(_, verbs)| *verbs)
            .copied()
            .collect();
        let command = command();
        let mut visible: Vec<&str> = command
            .get_subcommands()
            .filter(|verb| !verb.is_hide_set())
            .map(clap::Command::get_name)
            .collect();
        let mut sorted = grouped;
        sorted.sort_unstable();
        visible.sort_unstable();
        assert_eq!(sorted, visible);
    }

    #[test]
    fn help_texts_are_as_reviewed() {
        let mut command = command().term_width(100);
        command.build();
        insta::assert_snapshot!("help", command.render_help().to_string());
        let names: Vec<String> = command
            .get_subcommands()
            .filter(|verb| !verb.is_hide_set())
            .map(|verb| verb.get_name().to_owned())
            .collect();
        for name in names {
            let verb = command
                .find_subcommand_mut(&name)
                .unwrap_or_else(|| panic!("{name} is a verb"));
            insta::assert_snapshot!(format!("help_{name}"), verb.render_long_help().to_string());
        }
    }
}
