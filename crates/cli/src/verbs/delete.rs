//! `howdah delete`: removes objects, and waits until they and what runs for them are gone.

use std::time::Duration;

use camino::Utf8PathBuf;
use clap::Args;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use super::apply::choose_namespace;
use crate::discovery::Kind;
use crate::error::Error;
use crate::exit::Exit;
use crate::names::{CLUSTER_UID, GROUP};
use crate::reference;
use crate::server::Server;
use crate::terminal::Terminal;
use crate::text::{encode, enumerate};
use crate::{manifest, verbs::status::timeout};

const POLL: Duration = Duration::from_millis(300);

const EXAMPLES: &str = "\
Examples:
  howdah delete sgcluster simple         a cluster with its Pods and its data
  howdah delete sgcluster/a sgcluster/b
  howdah delete -f simple.yaml           everything that the manifests name
  howdah delete pod/simple-1 --wait=false

Exit codes: 0 deleted, 1 an object does not exist or the server refused, 2 wrong usage,
3 still there when --timeout ran out.";

/// Arguments of `howdah delete`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct DeleteArgs {
    /// KIND NAME... or KIND/NAME...
    #[arg(
        value_name = "KIND/NAME",
        required_unless_present = "filename",
        conflicts_with = "filename"
    )]
    objects: Vec<String>,
    /// Delete what a file, a folder or - (standard input) names; can be repeated
    #[arg(short, long, visible_alias = "file", value_name = "FILE")]
    filename: Vec<Utf8PathBuf>,
    /// Also read the folders below
    #[arg(short = 'R', long)]
    recursive: bool,
    /// Count objects that do not exist as deleted
    #[arg(long)]
    ignore_not_found: bool,
    /// Return only when the objects are gone
    #[arg(long, num_args = 0..=1, default_value = "true", default_missing_value = "true", require_equals = true, action = clap::ArgAction::Set)]
    wait: bool,
    /// How long to wait, such as 90s or 5m [default: no limit]
    #[arg(long, value_parser = timeout, value_name = "TIME")]
    timeout: Option<Duration>,
    /// Seconds that Pods get to stop, instead of their own setting
    #[arg(long, value_name = "SECONDS")]
    grace_period: Option<u32>,
}

struct Target {
    kind: Kind,
    namespace: String,
    name: String,
}

/// An object that was asked to go.
struct Going {
    target: Target,
    uid: String,
}

impl Target {
    fn path(&self) -> String {
        self.kind.object(&self.namespace, &self.name)
    }
}

pub(super) async fn run(
    args: DeleteArgs,
    server: &Server,
    terminal: &mut Terminal,
) -> Result<Exit, Error> {
    let targets = targets(&args, server, terminal).await?;
    let mut options = json!({"propagationPolicy": "Background"});
    if let Some(seconds) = args.grace_period {
        options["gracePeriodSeconds"] = json!(seconds);
    }
    let mut exit = Exit::Success;
    let mut going = Vec::new();
    for target in targets {
        match request(target, server, &options, terminal).await {
            Ok(asked) => going.push(asked),
            Err(error) if error.is_missing() && args.ignore_not_found => {}
            Err(error @ Error::Server { .. }) => {
                terminal.note(&error.report());
                exit = Exit::Failure;
            }
            Err(error) => return Err(error),
        }
    }
    if args.wait {
        gone(going, args.timeout, server, terminal).await?;
    }
    Ok(exit)
}

async fn targets(
    args: &DeleteArgs,
    server: &Server,
    terminal: &mut Terminal,
) -> Result<Vec<Target>, Error> {
    if args.filename.is_empty() {
        return named(&args.objects, server).await;
    }
    let manifests = manifest::read(&args.filename, args.recursive)?;
    let kinds = server.kinds().await?;
    let mut targets = Vec::new();
    for manifest in manifests {
        let Some(kind) = kinds.of_manifest(&manifest.api_version, &manifest.kind) else {
            // Without its kind the object cannot exist either.
            terminal.note(&format!(
                "no matches for kind \"{}\" in version \"{}\": {} is not there",
                manifest.kind, manifest.api_version, manifest.name
            ));
            continue;
        };
        targets.push(Target {
            kind: kind.clone(),
            namespace: choose_namespace(
                kind.namespaced,
                manifest.namespace.as_deref(),
                server.given_namespace(),
                server.namespace(),
            )?,
            name: manifest.name,
        });
    }
    Ok(targets)
}

async fn named(words: &[String], server: &Server) -> Result<Vec<Target>, Error> {
    let references = reference::parse(words)?;
    let kinds = server.kinds().await?;
    let targets = references.into_iter().map(|reference| {
        let name = reference
            .name
            .ok_or_else(|| Error::Usage(format!("name the {} to delete", reference.kind)))?;
        Ok(Target {
            kind: kinds.named(&reference.kind)?.clone(),
            namespace: server.namespace().to_owned(),
            name,
        })
    });
    targets.collect()
}

async fn request(
    target: Target,
    server: &Server,
    options: &Value,
    terminal: &mut Terminal,
) -> Result<Going, Error> {
    let before = server.get(&target.path()).await?;
    let uid = before.pointer("/metadata/uid").and_then(Value::as_str);
    let uid = uid.unwrap_or_default().to_owned();
    server.delete(&target.path(), options).await?;
    let label = target.kind.label();
    let place = if target.kind.namespaced {
        format!(" from {} namespace", target.namespace)
    } else {
        String::new()
    };
    terminal.line(&format!("{label} \"{}\" deleted{place}", target.name))?;
    Ok(Going { target, uid })
}

async fn gone(
    mut going: Vec<Going>,
    limit: Option<Duration>,
    server: &Server,
    terminal: &mut Terminal,
) -> Result<(), Error> {
    let end = limit.map(|limit| Instant::now() + limit);
    loop {
        let mut waiting = Vec::new();
        let mut still = Vec::new();
        for object in going {
            if let Some(what) = remains(&object, server).await? {
                waiting.push(what);
                still.push(object);
            }
        }
        if still.is_empty() {
            terminal.end_progress();
            return Ok(());
        }
        going = still;
        let waiting = enumerate(&waiting);
        if end.is_some_and(|end| Instant::now() >= end) {
            return Err(Error::Timeout(format!("{waiting} did not go in time")));
        }
        terminal.progress(&format!("waiting for {waiting} to go"));
        sleep(POLL).await;
    }
}

/// What is still there of an object, in words.
async fn remains(object: &Going, server: &Server) -> Result<Option<String>, Error> {
    let target = &object.target;
    let found: Option<Value> = server.find(&target.path()).await?;
    let uid = found
        .as_ref()
        .and_then(|found| found.pointer("/metadata/uid")?.as_str());
    if uid.is_some_and(|uid| uid == object.uid) {
        return Ok(Some(format!("{}/{}", target.kind.label(), target.name)));
    }
    if target.kind.group != GROUP || target.kind.kind != "SGCluster" {
        return Ok(None);
    }
    // The Pods of a deleted cluster stop after it is gone.
    let selector = encode(&format!("{CLUSTER_UID}={}", object.uid));
    let namespace = encode(&target.namespace);
    let pods = server
        .get(&format!(
            "/api/v1/namespaces/{namespace}/pods?labelSelector={selector}"
        ))
        .await?;
    let items = pods["items"].as_array().map_or(&[][..], Vec::as_slice);
    let names = items
        .iter()
        .filter_map(|pod| pod.pointer("/metadata/name")?.as_str());
    let names: Vec<String> = names.map(|name| format!("pod/{name}")).collect();
    Ok((!names.is_empty()).then(|| enumerate(&names)))
}
