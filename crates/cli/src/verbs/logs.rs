//! `howdah logs`: what the containers of a Pod, or of a cluster's Pods, have written.

use std::time::Duration;

use clap::Args;
use futures::stream::{self, BoxStream};
use futures::{AsyncBufReadExt, StreamExt};
use k8s_openapi::List;
use k8s_openapi::api::core::v1::Pod;

use super::status::timeout;
use crate::error::Error;
use crate::exit::Exit;
use crate::names::{CONTAINER, PRIMARY, ROLE, cluster_path, index, pods_path};
use crate::server::Server;
use crate::terminal::Terminal;
use crate::text::encode;

/// Where a Pod says which container is meant when none is named.
const DEFAULT_CONTAINER: &str = "kubectl.kubernetes.io/default-container";

const EXAMPLES: &str = "\
Examples:
  howdah logs simple                 the primary of a cluster
  howdah logs simple --all -f        all its instances, and what they write from now on
  howdah logs simple-1 --tail 20     the last lines of one instance
  howdah logs simple-1 --previous    before its container was restarted

Exit codes: 0 shown, 1 there is no such Pod, cluster or log, 2 wrong usage.";

/// Arguments of `howdah logs`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct LogsArgs {
    /// A Pod or a cluster, as NAME, pod/NAME or sgcluster/NAME
    #[arg(value_name = "NAME")]
    name: String,
    /// All instances of the cluster instead of its primary
    #[arg(long)]
    all: bool,
    /// The container [default: the one with Postgres, else the first]
    #[arg(short, long, value_name = "NAME")]
    container: Option<String>,
    /// Go on and show what is written from now on
    #[arg(short, long)]
    follow: bool,
    /// Only so many of the last lines
    #[arg(long, value_name = "LINES")]
    tail: Option<u32>,
    /// Only what is younger, such as 90s or 5m
    #[arg(long, value_parser = timeout, value_name = "TIME")]
    since: Option<Duration>,
    /// The container before its last restart
    #[arg(short, long)]
    previous: bool,
    /// Begin each line with the time
    #[arg(long)]
    timestamps: bool,
}

/// What the name can mean.
#[derive(Debug, PartialEq, Eq)]
enum Meaning<'a> {
    Pod(&'a str),
    Cluster(&'a str),
    Either(&'a str),
}

pub(super) async fn run(
    args: LogsArgs,
    server: &Server,
    terminal: &mut Terminal,
) -> Result<Exit, Error> {
    let pods = pods(&args, server, terminal).await?;
    let several = pods.len() > 1;
    let mut streams = Vec::new();
    for pod in &pods {
        let name = pod.metadata.name.as_deref().unwrap_or_default();
        let container = container(pod, args.container.as_deref())?;
        let path = path(server.namespace(), name, &container, &args);
        let prefix = if several {
            format!("[{name}] ")
        } else {
            String::new()
        };
        streams.push(lines(server, &path, prefix).await?);
    }
    let mut lines = stream::select_all(streams);
    while let Some(line) = lines.next().await {
        terminal.raw(&line?)?;
    }
    Ok(Exit::Success)
}

async fn lines(
    server: &Server,
    path: &str,
    prefix: String,
) -> Result<BoxStream<'static, Result<Vec<u8>, Error>>, Error> {
    let reader = Box::pin(server.stream(path).await?);
    // Logs are bytes: what is no UTF-8 is passed on as it is.
    let lines = stream::try_unfold((reader, prefix), |(mut reader, prefix)| async move {
        let mut line = prefix.clone().into_bytes();
        let read = reader.read_until(b'\n', &mut line).await;
        match read.map_err(|source| Error::Local {
            what: "read the log".to_owned(),
            source,
        })? {
            0 => Ok(None),
            _ => Ok(Some((line, (reader, prefix)))),
        }
    });
    Ok(lines.boxed())
}

fn meaning(name: &str) -> Result<Meaning<'_>, Error> {
    match name.split_once('/') {
        None => Ok(Meaning::Either(name)),
        Some(("pod" | "pods" | "po", name)) => Ok(Meaning::Pod(name)),
        Some(("sgcluster" | "sgclusters" | "sgclu" | "sgcluster.stackgres.io", name)) => {
            Ok(Meaning::Cluster(name))
        }
        Some((kind, _)) => Err(Error::Usage(format!(
            "a {kind} has no logs: name a Pod or a cluster"
        ))),
    }
}

async fn pods(
    args: &LogsArgs,
    server: &Server,
    terminal: &mut Terminal,
) -> Result<Vec<Pod>, Error> {
    let (as_pod, as_cluster) = match meaning(&args.name)? {
        Meaning::Pod(name) => (Some(name), None),
        Meaning::Cluster(name) => (None, Some(name)),
        Meaning::Either(name) => (Some(name), Some(name)),
    };
    let namespace = server.namespace();
    if let Some(name) = as_pod {
        let path = format!(
            "/api/v1/namespaces/{}/pods/{}",
            encode(namespace),
            encode(name)
        );
        if let Some(pod) = server.find::<Pod>(&path).await? {
            return Ok(vec![pod]);
        }
    }
    if let Some(name) = as_cluster {
        let found: Option<serde_json::Value> = server.find(&cluster_path(namespace, name)).await?;
        if found.is_some() {
            return of_cluster(args, name, server, terminal).await;
        }
    }
    let what = match (as_pod, as_cluster) {
        (Some(_), Some(_)) => "neither a Pod nor a cluster",
        (Some(_), None) => "no Pod",
        _ => "no cluster",
    };
    Err(Error::NotFound(format!(
        "there is {what} called {} in namespace {namespace}: see `howdah get pods,sgclusters`",
        args.name
    )))
}

async fn of_cluster(
    args: &LogsArgs,
    cluster: &str,
    server: &Server,
    terminal: &mut Terminal,
) -> Result<Vec<Pod>, Error> {
    let list: List<Pod> = server.read(&pods_path(server.namespace(), cluster)).await?;
    let mut pods = list.items;
    pods.sort_by_key(|pod| index(pod.metadata.name.as_deref().unwrap_or_default()));
    if pods.is_empty() {
        return Err(Error::NotNow(format!(
            "cluster {cluster} has no instance now: see `howdah describe sgcluster {cluster}`"
        )));
    }
    if args.all {
        return Ok(pods);
    }
    let is_primary = |pod: &Pod| {
        let labels = pod.metadata.labels.as_ref();
        labels
            .and_then(|labels| labels.get(ROLE))
            .map(String::as_str)
            == Some(PRIMARY)
    };
    let chosen = pods.iter().position(is_primary).unwrap_or_else(|| {
        terminal.note(&format!(
            "cluster {cluster} has no primary now; this is its first instance"
        ));
        0
    });
    Ok(vec![pods.swap_remove(chosen)])
}

fn container(pod: &Pod, wanted: Option<&str>) -> Result<String, Error> {
    let spec = pod.spec.as_ref();
    let names: Vec<&str> = spec
        .iter()
        .flat_map(|spec| {
            let init = spec.init_containers.iter().flatten();
            spec.containers.iter().chain(init)
        })
        .map(|container| container.name.as_str())
        .collect();
    if let Some(wanted) = wanted {
        if names.contains(&wanted) {
            return Ok(wanted.to_owned());
        }
        return Err(Error::NotFound(format!(
            "container {wanted} is not valid for pod {}: it has {}",
            pod.metadata.name.as_deref().unwrap_or_default(),
            names.join(", ")
        )));
    }
    let annotations = pod.metadata.annotations.as_ref();
    let chosen = annotations
        .and_then(|annotations| annotations.get(DEFAULT_CONTAINER))
        .map(String::as_str)
        .or(names.contains(&CONTAINER).then_some(CONTAINER))
        .or(names.first().copied());
    Ok(chosen.unwrap_or_default().to_owned())
}

fn path(namespace: &str, pod: &str, container: &str, args: &LogsArgs) -> String {
    let mut path = format!(
        "/api/v1/namespaces/{}/pods/{}/log?container={}",
        encode(namespace),
        encode(pod),
        encode(container)
    );
    if args.follow {
        path.push_str("&follow=true");
    }
    if args.previous {
        path.push_str("&previous=true");
    }
    if args.timestamps {
        path.push_str("&timestamps=true");
    }
    if let Some(lines) = args.tail {
        path.push_str(&format!("&tailLines={lines}"));
    }
    if let Some(age) = args.since {
        path.push_str(&format!("&sinceSeconds={}", age.as_secs().max(1)));
    }
    path
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pod(containers: &[&str]) -> Pod {
        let containers: Vec<_> = containers
            .iter()
            .map(|name| serde_json::json!({"name": name}))
            .collect();
        serde_json::from_value(serde_json::json!({
            "metadata": {"name": "simple-0"}, "spec": {"containers": containers}}))
        .unwrap()
    }

    #[test]
    fn the_container_with_postgres_is_preferred() {
        let chosen = |containers: &[&str]| container(&pod(containers), None).unwrap();
        assert_eq!(chosen(&["postgres-util", "patroni"]), "patroni");
        assert_eq!(chosen(&["a", "b"]), "a");
        assert_eq!(
            container(&pod(&["a", "b"]), Some("c"))
                .unwrap_err()
                .report(),
            "error: container c is not valid for pod simple-0: it has a, b"
        );
    }

    #[test]
    fn a_kind_before_the_name_decides() {
        assert_eq!(meaning("a").unwrap(), Meaning::Either("a"));
        assert_eq!(meaning("pod/a").unwrap(), Meaning::Pod("a"));
        assert_eq!(meaning("sgcluster/a").unwrap(), Meaning::Cluster("a"));
        assert!(meaning("service/a").is_err());
    }
}
