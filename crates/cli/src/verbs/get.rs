//! `howdah get`: objects as the server's own tables, or as they are.

use clap::Args;
use futures::{StreamExt, pin_mut};
use kube::core::WatchEvent;
use serde_json::{Value, json};

use crate::discovery::Kind;
use crate::error::Error;
use crate::exit::Exit;
use crate::output::{self, Format, ObjectOutput};
use crate::reference::{self, Reference};
use crate::server::Server;
use crate::table::{ServerTable, View};
use crate::terminal::Terminal;
use crate::text::encode;

const EXAMPLES: &str = "\
Examples:
  howdah get sgclusters                  all clusters of the namespace (sgclu for short)
  howdah get pods,services -l stackgres.io/cluster-name=simple
  howdah get sgcluster/simple -o yaml    one object as it is stored
  howdah get pods -A -o wide             all namespaces, more columns
  howdah get pods -w                     the list, then every change

Exit codes: 0 shown (also when there is nothing to show), 1 an object does not exist or the
server refused, 2 wrong usage.";

/// Arguments of `howdah get`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct GetArgs {
    /// KIND, KIND NAME... or KIND/NAME...; several kinds with commas between
    #[arg(required = true, value_name = "KIND[/NAME]")]
    objects: Vec<String>,
    /// Objects of all namespaces
    #[arg(short = 'A', long)]
    all_namespaces: bool,
    /// Only objects with these labels, such as app=x,role!=replica
    #[arg(short = 'l', long, value_name = "LABELS")]
    selector: Option<String>,
    /// Only objects with these field values, such as metadata.name=x
    #[arg(long, value_name = "FIELDS")]
    field_selector: Option<String>,
    /// Go on and show every change
    #[arg(short, long)]
    watch: bool,
    /// Leave out the headings
    #[arg(long)]
    no_headers: bool,
    #[command(flatten)]
    output: ObjectOutput,
}

/// What to show, with the kinds found.
struct Request {
    targets: Vec<Target>,
    namespace: Option<String>,
    selectors: String,
    format: Format,
    headings: bool,
}

struct Target {
    kind: Kind,
    name: Option<String>,
}

pub(super) async fn run(
    args: GetArgs,
    server: &Server,
    terminal: &mut Terminal,
) -> Result<Exit, Error> {
    let watch = args.watch;
    let request = resolve(args, server).await?;
    if watch {
        return follow(&request, server, terminal).await;
    }
    match request.format {
        Format::Table | Format::Wide => tables(&request, server, terminal).await,
        Format::Name | Format::Json | Format::Yaml => objects(&request, server, terminal).await,
    }
}

async fn resolve(args: GetArgs, server: &Server) -> Result<Request, Error> {
    let references = reference::parse(&args.objects)?;
    let selective = args.selector.is_some() || args.field_selector.is_some();
    check(&references, args.all_namespaces, selective, args.watch)?;
    let kinds = server.kinds().await?;
    let targets = references
        .into_iter()
        .map(|reference| {
            let kind = kinds.named(&reference.kind)?.clone();
            Ok(Target {
                kind,
                name: reference.name,
            })
        })
        .collect::<Result<_, Error>>()?;
    Ok(Request {
        targets,
        namespace: (!args.all_namespaces).then(|| server.namespace().to_owned()),
        selectors: selectors(args.selector.as_deref(), args.field_selector.as_deref()),
        format: args.output.output,
        headings: !args.no_headers,
    })
}

fn check(
    references: &[Reference],
    all_namespaces: bool,
    selective: bool,
    watch: bool,
) -> Result<(), Error> {
    let named = references.iter().any(|reference| reference.name.is_some());
    let problem = if named && all_namespaces {
        "a name cannot be looked up across all namespaces: leave out -A, or the name"
    } else if named && selective {
        "names and selectors exclude each other: leave out one of them"
    } else if watch && references.len() > 1 {
        "only one kind or object can be watched at a time"
    } else {
        return Ok(());
    };
    Err(Error::Usage(problem.to_owned()))
}

fn selectors(labels: Option<&str>, fields: Option<&str>) -> String {
    let pairs = [("labelSelector", labels), ("fieldSelector", fields)];
    let parts = pairs
        .iter()
        .filter_map(|(name, value)| Some(format!("{name}={}", encode((*value)?))));
    parts.collect::<Vec<_>>().join("&")
}

impl Request {
    fn path(&self, target: &Target) -> String {
        match (&target.name, &self.namespace) {
            (Some(name), namespace) => target
                .kind
                .object(namespace.as_deref().unwrap_or_default(), name),
            (None, namespace) => {
                let path = target.kind.collection(namespace.as_deref());
                if self.selectors.is_empty() {
                    path
                } else {
                    format!("{path}?{}", self.selectors)
                }
            }
        }
    }

    fn view<'a>(&self, kind: &Kind, prefix: &'a str) -> View<'a> {
        View {
            wide: self.format == Format::Wide,
            namespaces: self.namespace.is_none() && kind.namespaced,
            prefix,
        }
    }
}

async fn tables(
    request: &Request,
    server: &Server,
    terminal: &mut Terminal,
) -> Result<Exit, Error> {
    let mut exit = Exit::Success;
    let mut shown = 0;
    for target in &request.targets {
        let path = request.path(target);
        let table = match server.table(&path).await {
            Ok(body) => understand(body, &path)?,
            Err(error) if error.is_missing() => {
                terminal.note(&error.report());
                exit = Exit::Failure;
                continue;
            }
            Err(error) => return Err(error),
        };
        if table.is_empty() {
            continue;
        }
        let prefix = if request.targets.len() > 1 {
            format!("{}/", target.kind.label())
        } else {
            String::new()
        };
        let table = table.show(request.view(&target.kind, &prefix));
        // Names given one by one make one table with one line of headings.
        let headings = request.headings && (shown == 0 || target.name.is_none());
        if shown > 0 && headings {
            terminal.line("")?;
        }
        let lines = if headings {
            table.lines()
        } else {
            table.body()
        };
        for line in lines {
            terminal.line(&line)?;
        }
        shown += 1;
    }
    if shown == 0 && exit == Exit::Success {
        terminal.note(&nothing(request));
    }
    Ok(exit)
}

fn nothing(request: &Request) -> String {
    let namespaced = request.targets.iter().any(|target| target.kind.namespaced);
    match &request.namespace {
        Some(namespace) if namespaced => format!("No resources found in {namespace} namespace."),
        _ => "No resources found".to_owned(),
    }
}

fn understand(body: Value, path: &str) -> Result<ServerTable, Error> {
    serde_json::from_value(body).map_err(|source| Error::Answer {
        request: format!("GET {path}"),
        source,
    })
}

async fn objects(
    request: &Request,
    server: &Server,
    terminal: &mut Terminal,
) -> Result<Exit, Error> {
    let mut exit = Exit::Success;
    let mut items = Vec::new();
    for target in &request.targets {
        let body = match server.get(&request.path(target)).await {
            Ok(body) => body,
            Err(error) if error.is_missing() => {
                terminal.note(&error.report());
                exit = Exit::Failure;
                continue;
            }
            Err(error) => return Err(error),
        };
        items.extend(unpack(body, target));
    }
    if request.format == Format::Name {
        for (kind, item) in &items {
            terminal.line(&format!("{kind}/{}", name_of(item)))?;
        }
        return Ok(exit);
    }
    let single = request.targets.len() == 1 && request.targets[0].name.is_some();
    let items: Vec<Value> = items.into_iter().map(|(_, item)| item).collect();
    let data = match items.as_slice() {
        [] if single => return Ok(exit),
        [item] if single => item.clone(),
        _ => {
            json!({"apiVersion": "v1", "items": items, "kind": "List", "metadata": {"resourceVersion": ""}})
        }
    };
    if request.format == Format::Json {
        output::json(terminal, &data)?;
    } else {
        output::yaml(terminal, &data)?;
    }
    Ok(exit)
}

/// The objects of an answer, each with the label of its kind, and complete: items of a list come without
/// kind and apiVersion.
fn unpack(mut body: Value, target: &Target) -> Vec<(String, Value)> {
    let label = target.kind.label();
    if target.name.is_some() {
        drop_managed_fields(&mut body);
        return vec![(label, body)];
    }
    let Some(Value::Array(items)) = body.get_mut("items").map(Value::take) else {
        return Vec::new();
    };
    let complete = |mut item: Value| {
        item["apiVersion"] = json!(target.kind.api_version());
        item["kind"] = json!(target.kind.kind);
        drop_managed_fields(&mut item);
        (label.clone(), item)
    };
    items.into_iter().map(complete).collect()
}

/// Removes the record of who set which field, which nobody wants to read.
pub(super) fn drop_managed_fields(object: &mut Value) {
    if let Some(Value::Object(metadata)) = object.get_mut("metadata") {
        metadata.remove("managedFields");
    }
}

fn name_of(object: &Value) -> &str {
    let name = object.pointer("/metadata/name").and_then(Value::as_str);
    name.unwrap_or_default()
}

/// Shows the objects that there are, then each change, until interrupted.
async fn follow(
    request: &Request,
    server: &Server,
    terminal: &mut Terminal,
) -> Result<Exit, Error> {
    let target = &request.targets[0];
    let mut headings = request.headings;
    loop {
        let path = watch_path(request, target);
        let events = server.watch(&path).await?;
        pin_mut!(events);
        while let Some(event) = events.next().await {
            let object = match event? {
                WatchEvent::Added(object) | WatchEvent::Modified(object) => object,
                WatchEvent::Deleted(object) => {
                    terminal.note(&format!(
                        "{}/{} deleted",
                        target.kind.label(),
                        name_of(&object)
                    ));
                    continue;
                }
                WatchEvent::Bookmark(_) => continue,
                WatchEvent::Error(status) => {
                    return Err(Error::Server {
                        status: Box::new(*status),
                        doing: Some(format!("watching {}", target.kind.plural)),
                    });
                }
            };
            changed(request, target, object, &mut headings, server, terminal).await?;
        }
    }
}

fn watch_path(request: &Request, target: &Target) -> String {
    let collection = target.kind.collection(request.namespace.as_deref());
    let selectors = match &target.name {
        Some(name) => selectors(None, Some(&format!("metadata.name={name}"))),
        None => request.selectors.clone(),
    };
    if selectors.is_empty() {
        format!("{collection}?watch=true")
    } else {
        format!("{collection}?watch=true&{selectors}")
    }
}

async fn changed(
    request: &Request,
    target: &Target,
    mut object: Value,
    headings: &mut bool,
    server: &Server,
    terminal: &mut Terminal,
) -> Result<(), Error> {
    drop_managed_fields(&mut object);
    match request.format {
        Format::Json => output::json(terminal, &object),
        Format::Yaml => {
            terminal.line("---")?;
            output::yaml(terminal, &object)
        }
        Format::Name => terminal.line(&format!("{}/{}", target.kind.label(), name_of(&object))),
        Format::Table | Format::Wide => {
            let namespace = object
                .pointer("/metadata/namespace")
                .and_then(Value::as_str);
            let path = target
                .kind
                .object(namespace.unwrap_or_default(), name_of(&object));
            let body = match server.table(&path).await {
                Err(error) if error.is_missing() => return Ok(()),
                body => body?,
            };
            let table = understand(body, &path)?.show(request.view(&target.kind, ""));
            let lines = if std::mem::take(headings) {
                table.lines()
            } else {
                table.body()
            };
            lines.iter().try_for_each(|line| terminal.line(line))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::discovery::tests::kind;
    use pretty_assertions::assert_eq;

    fn request(name: Option<&str>, namespace: Option<&str>, selectors: &str) -> Request {
        Request {
            targets: vec![Target {
                kind: kind("stackgres.io", "v1", "SGCluster", "sgclusters", "sgclu"),
                name: name.map(ToOwned::to_owned),
            }],
            namespace: namespace.map(ToOwned::to_owned),
            selectors: selectors.to_owned(),
            format: Format::Table,
            headings: true,
        }
    }

    #[test]
    fn paths_carry_namespace_name_and_selectors() {
        let path = |request: &Request| request.path(&request.targets[0]);
        assert_eq!(
            path(&request(Some("a"), Some("x"), "")),
            "/apis/stackgres.io/v1/namespaces/x/sgclusters/a"
        );
        let chosen = selectors(Some("app=a,role!=b"), None);
        assert_eq!(
            path(&request(None, None, &chosen)),
            "/apis/stackgres.io/v1/sgclusters?labelSelector=app%3Da%2Crole%21%3Db"
        );
        let one = request(Some("a"), Some("x"), "");
        assert_eq!(
            watch_path(&one, &one.targets[0]),
            "/apis/stackgres.io/v1/namespaces/x/sgclusters?watch=true&fieldSelector=metadata.name%3Da"
        );
    }

    #[test]
    fn contradicting_arguments_are_refused() {
        let named = reference::parse(&["pod/a".to_owned()]).unwrap();
        assert!(check(&named, true, false, false).is_err());
        assert!(check(&named, false, true, false).is_err());
        let two = reference::parse(&["pods,svc".to_owned()]).unwrap();
        assert!(check(&two, false, false, true).is_err());
        assert!(check(&two, true, true, false).is_ok());
    }

    #[test]
    fn items_of_a_list_become_complete_objects() {
        let request = request(None, Some("x"), "");
        let body = json!({"items": [{"metadata": {"name": "a", "managedFields": [1]}}]});
        assert_eq!(
            unpack(body, &request.targets[0]),
            [(
                "sgcluster.stackgres.io".to_owned(),
                json!({"apiVersion": "stackgres.io/v1", "kind": "SGCluster", "metadata": {"name": "a"}})
            )]
        );
    }

    #[test]
    fn an_empty_result_names_the_namespace() {
        assert_eq!(
            nothing(&request(None, Some("x"), "")),
            "No resources found in x namespace."
        );
        assert_eq!(nothing(&request(None, None, "")), "No resources found");
    }
}
