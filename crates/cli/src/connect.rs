//! Finds the kubeconfig and opens the connection it describes.
//!
//! The order is: `--kubeconfig`, `$KUBECONFIG`, pocket's own file, `~/.kube/config`, the Pod we run in.

use std::env;
use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};
use clap::Args;
use kube::config::{KubeConfigOptions, Kubeconfig, KubeconfigError};
use kube::{Client, Config};

use crate::error::Error;
use crate::server::Server;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// Which cluster, and which namespace in it.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Connection")]
pub struct ConnectArgs {
    /// The kubeconfig to use instead of $KUBECONFIG, the one of `howdah up`, or ~/.kube/config
    #[arg(long, global = true, value_name = "FILE")]
    pub kubeconfig: Option<Utf8PathBuf>,
    /// The context of the kubeconfig to use instead of the current one
    #[arg(long, global = true, value_name = "NAME")]
    pub context: Option<String>,
    /// The namespace to work in instead of the context's
    #[arg(short, long, global = true, value_name = "NAME")]
    pub namespace: Option<String>,
}

impl ConnectArgs {
    /// Whether anything was said about the connection.
    #[must_use]
    pub fn is_given(&self) -> bool {
        let Self {
            kubeconfig,
            context,
            namespace,
        } = self;
        kubeconfig.is_some() || context.is_some() || namespace.is_some()
    }
}

/// What the verbs need to know about the machine, decided by the binary.
#[derive(Debug, Clone)]
pub struct Environment {
    /// Where a pocket on this machine writes its kubeconfig.
    pub pocket_kubeconfig: Utf8PathBuf,
    /// Where the components of this machine are.
    pub components: Utf8PathBuf,
}

/// Where the connection's parameters come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Origin {
    Flag(Utf8PathBuf),
    Variable(String),
    Pocket(Utf8PathBuf),
    Home(Utf8PathBuf),
    Pod,
}

impl Origin {
    /// The origin as part of a sentence.
    pub(crate) fn describe(&self) -> String {
        match self {
            Self::Flag(path) | Self::Pocket(path) | Self::Home(path) => path.to_string(),
            Self::Variable(list) => format!("KUBECONFIG={list}"),
            Self::Pod => "the Pod's service account".to_owned(),
        }
    }

    /// What to do when the address does not answer.
    pub(crate) fn advice(&self, pocket: &Utf8Path) -> &'static str {
        let is_pocket = match self {
            Self::Pocket(_) => true,
            Self::Flag(path) | Self::Home(path) => path == pocket,
            Self::Variable(list) => list == pocket.as_str(),
            Self::Pod => false,
        };
        if is_pocket {
            "start it with `howdah up`"
        } else {
            "check that it runs, or name another kubeconfig with --kubeconfig"
        }
    }
}

/// Picks the first origin that was asked for or exists.
fn choose(
    flag: Option<&Utf8Path>,
    variable: Option<&str>,
    pocket: &Utf8Path,
    home: Option<&Utf8Path>,
    in_pod: bool,
) -> Result<Origin, Error> {
    if let Some(path) = flag {
        return Ok(Origin::Flag(path.to_owned()));
    }
    if let Some(list) = variable.filter(|list| !list.is_empty()) {
        return Ok(Origin::Variable(list.to_owned()));
    }
    if pocket.exists() {
        return Ok(Origin::Pocket(pocket.to_owned()));
    }
    match home {
        Some(path) if path.exists() => Ok(Origin::Home(path.to_owned())),
        _ if in_pod => Ok(Origin::Pod),
        other => Err(Error::NoKubeconfig {
            looked: other.unwrap_or(pocket).to_string(),
        }),
    }
}

/// A client for the cluster that the arguments name; no request is sent yet.
///
/// # Errors
/// When there is no kubeconfig, or it cannot be used.
pub async fn client(args: &ConnectArgs, environment: &Environment) -> Result<Client, Error> {
    Ok(connect(args, environment).await?.client())
}

/// Reads the kubeconfig and makes a client; no request is sent yet.
pub(crate) async fn connect(
    args: &ConnectArgs,
    environment: &Environment,
) -> Result<Server, Error> {
    let home = env::var("HOME")
        .ok()
        .map(|home| Utf8PathBuf::from(home).join(".kube/config"));
    let origin = choose(
        args.kubeconfig.as_deref(),
        env::var("KUBECONFIG").ok().as_deref(),
        &environment.pocket_kubeconfig,
        home.as_deref(),
        env::var_os("KUBERNETES_SERVICE_HOST").is_some(),
    )?;
    let refuse = |error| match error {
        KubeconfigError::ReadConfig(source, path) => Error::KubeconfigFile {
            path: path.display().to_string(),
            source,
        },
        source => Error::Kubeconfig {
            path: origin.describe(),
            source: Box::new(source),
        },
    };
    let mut config = load(&origin, args).await.map_err(refuse)?;
    config.connect_timeout = Some(CONNECT_TIMEOUT);
    let namespace = args
        .namespace
        .clone()
        .unwrap_or_else(|| config.default_namespace.clone());
    let address = config.cluster_url.to_string();
    let client = Client::try_from(config).map_err(|source| Error::Request {
        address: address.clone(),
        source: Box::new(source),
    })?;
    Ok(Server::new(
        client,
        namespace,
        args.namespace.is_some(),
        address.trim_end_matches('/').to_owned(),
        origin.describe(),
        origin.advice(&environment.pocket_kubeconfig),
    ))
}

async fn load(origin: &Origin, args: &ConnectArgs) -> Result<Config, KubeconfigError> {
    let kubeconfig = match origin {
        Origin::Flag(path) | Origin::Pocket(path) | Origin::Home(path) => {
            Kubeconfig::read_from(path)?
        }
        Origin::Variable(_) => Kubeconfig::from_env()?.unwrap_or_default(),
        Origin::Pod => {
            return Config::incluster().map_err(|_| KubeconfigError::CurrentContextNotSet);
        }
    };
    let options = KubeConfigOptions {
        context: args.context.clone(),
        ..KubeConfigOptions::default()
    };
    Config::from_custom_kubeconfig(kubeconfig, &options).await
}

#[cfg(test)]
mod tests {
    use super::*;

    fn existing(name: &str) -> (tempfile::TempDir, Utf8PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = Utf8PathBuf::from_path_buf(folder.path().join(name)).unwrap();
        std::fs::write(&path, "").unwrap();
        (folder, path)
    }

    #[test]
    fn the_order_is_flag_variable_pocket_home_pod() {
        let (_pocket_folder, pocket) = existing("pocket");
        let (_home_folder, home) = existing("home");
        let none = Utf8Path::new("/nonexistent/kubeconfig");
        let flag = Utf8Path::new("given");
        let pick = |flag, variable, pocket, home, in_pod| {
            choose(flag, variable, pocket, home, in_pod).unwrap()
        };
        assert_eq!(
            pick(Some(flag), Some("v"), &pocket, Some(&home), true),
            Origin::Flag("given".into())
        );
        assert_eq!(
            pick(None, Some("v"), &pocket, Some(&home), true),
            Origin::Variable("v".into())
        );
        assert_eq!(
            pick(None, Some(""), &pocket, Some(&home), true),
            Origin::Pocket(pocket.clone())
        );
        assert_eq!(
            pick(None, None, none, Some(&home), true),
            Origin::Home(home.clone())
        );
        assert_eq!(pick(None, None, none, Some(none), true), Origin::Pod);
    }

    #[test]
    fn nothing_to_talk_to_names_the_last_place_and_both_ways_out() {
        let none = Utf8Path::new("/nonexistent/config");
        let error = choose(None, None, none, Some(none), false).unwrap_err();
        assert_eq!(
            error.report(),
            "error: there is no cluster to talk to, because /nonexistent/config does not exist: start one here with `howdah up`, or name a kubeconfig with --kubeconfig"
        );
    }

    #[test]
    fn only_the_kubeconfig_of_pocket_suggests_up() {
        let pocket = Utf8Path::new("/state/kubeconfig");
        assert_eq!(
            Origin::Variable("/state/kubeconfig".into()).advice(pocket),
            "start it with `howdah up`"
        );
        assert!(
            !Origin::Home("/home/.kube/config".into())
                .advice(pocket)
                .contains("howdah up")
        );
    }
}
