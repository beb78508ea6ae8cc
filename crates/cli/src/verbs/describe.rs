//! `howdah describe`: everything that helps to understand one object, in one screen.

mod cluster;
mod generic;
mod pod;

use clap::Args;
use jiff::Timestamp;
use serde_json::Value;

use super::events::{self, Subject};
use super::get::drop_managed_fields;
use crate::discovery::Kind;
use crate::error::Error;
use crate::exit::Exit;
use crate::names::GROUP;
use crate::reference;
use crate::server::Server;
use crate::terminal::Terminal;

const EXAMPLES: &str = "\
Examples:
  howdah describe sgcluster simple    what is wanted, what runs, what happened
  howdah describe pod/simple-0        its containers and why they ended
  howdah describe service/simple

Exit codes: 0 shown, 1 an object does not exist or the server refused, 2 wrong usage.";

/// Arguments of `howdah describe`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct DescribeArgs {
    /// KIND NAME... or KIND/NAME...
    #[arg(required = true, value_name = "KIND/NAME")]
    objects: Vec<String>,
}

pub(super) async fn run(
    args: DescribeArgs,
    server: &Server,
    terminal: &mut Terminal,
) -> Result<Exit, Error> {
    let references = reference::parse(&args.objects)?;
    let kinds = server.kinds().await?;
    let mut exit = Exit::Success;
    for (position, reference) in references.iter().enumerate() {
        let kind = kinds.named(&reference.kind)?;
        let Some(name) = &reference.name else {
            return Err(Error::Usage(format!(
                "name the {} to describe: `howdah get {}` lists them",
                reference.kind, kind.plural
            )));
        };
        match one(kind, name, server).await {
            Ok(lines) => {
                if position > 0 {
                    terminal.line("")?;
                }
                lines.iter().try_for_each(|line| terminal.line(line))?;
            }
            Err(error @ Error::Server { .. }) => {
                terminal.note(&error.report());
                exit = Exit::Failure;
            }
            Err(error) => return Err(error),
        }
    }
    Ok(exit)
}

async fn one(kind: &Kind, name: &str, server: &Server) -> Result<Vec<String>, Error> {
    let mut object = server.get(&kind.object(server.namespace(), name)).await?;
    drop_managed_fields(&mut object);
    let now = Timestamp::now();
    let is_cluster = kind.group == GROUP && kind.kind == "SGCluster";
    let mut lines = generic::header(&object, kind, now);
    if is_cluster {
        lines.extend(cluster::lines(&object, name, server).await?);
    } else if kind.group.is_empty() && kind.kind == "Pod" {
        lines.extend(pod::lines(&object, now));
    } else {
        lines.extend(generic::body(&object, kind)?);
    }
    lines.extend(generic::conditions(&object, now));
    let subject = if is_cluster {
        Subject::Cluster(name.to_owned())
    } else {
        Subject::Object {
            kind: kind.kind.clone(),
            name: name.to_owned(),
        }
    };
    lines.extend(happened(&object, &subject, server, now).await?);
    Ok(lines)
}

async fn happened(
    object: &Value,
    subject: &Subject,
    server: &Server,
    now: Timestamp,
) -> Result<Vec<String>, Error> {
    let namespace = object
        .pointer("/metadata/namespace")
        .and_then(Value::as_str);
    let found = events::gather(server, namespace, subject).await?;
    if found.is_empty() {
        return Ok(vec![String::new(), "Events:  none".to_owned()]);
    }
    let table = events::table(&found, false, now);
    Ok(generic::section("Events", table.lines()))
}
