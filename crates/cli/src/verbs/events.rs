//! `howdah events`: what happened, oldest first.

use clap::Args;
use jiff::Timestamp;
use k8s_openapi::List;
use k8s_openapi::api::core::v1::Event;
use serde::Serialize;

use crate::error::Error;
use crate::exit::Exit;
use crate::names::GROUP;
use crate::output::{self, DataOutput};
use crate::reference::{self, Reference};
use crate::server::Server;
use crate::table::Table;
use crate::terminal::Terminal;
use crate::text::{encode, since};

const EXAMPLES: &str = "\
Examples:
  howdah events                      everything in the namespace
  howdah events sgcluster/simple     a cluster, its Pods and its volumes
  howdah events pod simple-0
  howdah events --warnings -A        only what went wrong, anywhere

Exit codes: 0 shown (also when nothing happened), 1 the server refused, 2 wrong usage.";

/// Arguments of `howdah events`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct EventsArgs {
    /// KIND NAME or KIND/NAME
    #[arg(value_name = "KIND/NAME", num_args = 0..=2)]
    object: Vec<String>,
    /// Events of all namespaces
    #[arg(short = 'A', long, conflicts_with = "object")]
    all_namespaces: bool,
    /// Only warnings
    #[arg(long)]
    warnings: bool,
    #[command(flatten)]
    output: DataOutput,
}

/// One event, with the times and counts that different writers put in different fields brought together.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Happening {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) last_seen: Option<Timestamp>,
    pub(crate) count: i32,
    pub(crate) kind: String,
    pub(crate) reason: String,
    pub(crate) namespace: String,
    pub(crate) object: String,
    pub(crate) message: String,
}

/// Which events are wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Subject {
    Everything,
    /// One object, by kind and name.
    Object {
        kind: String,
        name: String,
    },
    /// A cluster and all its parts.
    Cluster(String),
}

pub(super) async fn run(
    args: EventsArgs,
    server: &Server,
    terminal: &mut Terminal,
) -> Result<Exit, Error> {
    let subject = subject(&args.object, server).await?;
    let namespace = (!args.all_namespaces).then_some(server.namespace());
    let mut found = gather(server, namespace, &subject).await?;
    if args.warnings {
        found.retain(|happening| happening.kind == "Warning");
    }
    if found.is_empty() {
        terminal.note(&match namespace {
            Some(namespace) => format!("No events found in {namespace} namespace."),
            None => "No events found.".to_owned(),
        });
    }
    let now = Timestamp::now();
    output::data(terminal, args.output.output, &found, |found| {
        if found.is_empty() {
            return Vec::new();
        }
        table(found, args.all_namespaces, now).lines()
    })?;
    Ok(Exit::Success)
}

async fn subject(words: &[String], server: &Server) -> Result<Subject, Error> {
    let references = match words {
        [] => return Ok(Subject::Everything),
        words => reference::parse(words)?,
    };
    let [
        Reference {
            kind,
            name: Some(name),
        },
    ] = references.as_slice()
    else {
        return Err(Error::Usage(
            "name one object as KIND/NAME, or nothing for the whole namespace".to_owned(),
        ));
    };
    let kinds = server.kinds().await?;
    let kind = kinds.named(kind)?;
    Ok(if kind.group == GROUP && kind.kind == "SGCluster" {
        Subject::Cluster(name.clone())
    } else {
        Subject::Object {
            kind: kind.kind.clone(),
            name: name.clone(),
        }
    })
}

/// The events of a subject, oldest first.
pub(crate) async fn gather(
    server: &Server,
    namespace: Option<&str>,
    subject: &Subject,
) -> Result<Vec<Happening>, Error> {
    let path = match namespace {
        Some(namespace) => format!("/api/v1/namespaces/{}/events", encode(namespace)),
        None => "/api/v1/events".to_owned(),
    };
    let list: List<Event> = server.read(&path).await?;
    let mut events = list.items;
    events.retain(|event| subject.includes(event));
    // Times have whole seconds; within one, the order in which the server stored the events helps.
    events.sort_by_key(|event| (last_seen(event), revision(event)));
    Ok(events.into_iter().map(happening).collect())
}

fn revision(event: &Event) -> u64 {
    let version = event.metadata.resource_version.as_deref();
    version.and_then(|text| text.parse().ok()).unwrap_or(0)
}

/// Different writers put the time into different fields.
fn last_seen(event: &Event) -> Option<Timestamp> {
    let series = event.series.as_ref();
    series
        .and_then(|series| series.last_observed_time.as_ref().map(|time| time.0))
        .or(event.last_timestamp.as_ref().map(|time| time.0))
        .or(event.event_time.as_ref().map(|time| time.0))
        .or(event.first_timestamp.as_ref().map(|time| time.0))
        .or(event
            .metadata
            .creation_timestamp
            .as_ref()
            .map(|time| time.0))
}

impl Subject {
    fn includes(&self, event: &Event) -> bool {
        let kind = event.involved_object.kind.as_deref().unwrap_or_default();
        let name = event.involved_object.name.as_deref().unwrap_or_default();
        match self {
            Self::Everything => true,
            Self::Object { kind: k, name: n } => k == kind && n == name,
            Self::Cluster(cluster) => name == cluster || is_part(cluster, kind, name),
        }
    }
}

/// Whether an object is one that belongs to the cluster, by the rules of its name. Another cluster may
/// be called `simple-2`, so only the names that we give count.
fn is_part(cluster: &str, kind: &str, name: &str) -> bool {
    let Some(rest) = name
        .strip_prefix(cluster)
        .and_then(|rest| rest.strip_prefix('-'))
    else {
        return false;
    };
    let number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    match kind {
        "Pod" => number(rest),
        "PersistentVolumeClaim" => rest
            .strip_prefix("data-")
            .and_then(|rest| rest.strip_prefix(cluster))
            .and_then(|rest| rest.strip_prefix('-'))
            .is_some_and(number),
        _ => false,
    }
}

fn happening(event: Event) -> Happening {
    let last_seen = last_seen(&event);
    let series = event.series.as_ref();
    let count = series
        .and_then(|series| series.count)
        .or(event.count)
        .unwrap_or(1);
    let object = event.involved_object;
    Happening {
        last_seen,
        count,
        kind: event.type_.unwrap_or_default(),
        reason: event.reason.unwrap_or_default(),
        namespace: object.namespace.unwrap_or_default(),
        object: format!(
            "{}/{}",
            object.kind.unwrap_or_default().to_lowercase(),
            object.name.unwrap_or_default()
        ),
        message: event.message.unwrap_or_default(),
    }
}

/// The events as a table.
pub(crate) fn table(found: &[Happening], namespaces: bool, now: Timestamp) -> Table {
    let first = namespaces.then_some("NAMESPACE");
    let headings = ["LAST SEEN", "TYPE", "REASON", "OBJECT", "MESSAGE"];
    let mut table = Table::new(first.into_iter().chain(headings));
    for happening in found {
        let seen = happening
            .last_seen
            .map_or("<unknown>".to_owned(), |seen| since(seen, now));
        let seen = if happening.count > 1 {
            format!("{seen} (x{})", happening.count)
        } else {
            seen
        };
        let cells = [
            seen,
            happening.kind.clone(),
            happening.reason.clone(),
            happening.object.clone(),
            happening.message.clone(),
        ];
        let first = namespaces.then(|| happening.namespace.clone());
        table.row(first.into_iter().chain(cells));
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;
    use pretty_assertions::assert_eq;

    fn event(kind: &str, name: &str) -> Event {
        serde_json::from_value(serde_json::json!({
            "metadata": {"name": "e"},
            "involvedObject": {"kind": kind, "name": name, "namespace": "default"},
            "type": "Normal", "reason": "Started", "message": "started",
            "firstTimestamp": "2026-11-22T10:00:00Z", "lastTimestamp": "2026-11-22T10:05:00Z", "count": 3
        }))
        .unwrap()
    }

    #[test]
    fn a_cluster_includes_its_own_parts_only() {
        let subject = Subject::Cluster("simple".to_owned());
        assert!(subject.includes(&event("SGCluster", "simple")));
        assert!(subject.includes(&event("Service", "simple")));
        assert!(subject.includes(&event("Pod", "simple-0")));
        assert!(subject.includes(&event("PersistentVolumeClaim", "simple-data-simple-0")));
        assert!(!subject.includes(&event("SGCluster", "simple-2")));
        assert!(!subject.includes(&event("Pod", "simple-2-0")));
        assert!(!subject.includes(&event("Pod", "other-0")));
    }

    #[test]
    fn the_last_time_counts_and_repetitions_are_told() {
        let now: Timestamp = "2026-11-22T10:05:45Z".parse().unwrap();
        let table = table(&[happening(event("Pod", "a"))], false, now);
        assert_eq!(
            table.lines(),
            [
                "LAST SEEN   TYPE     REASON    OBJECT   MESSAGE",
                "45s (x3)    Normal   Started   pod/a    started"
            ]
        );
    }
}
