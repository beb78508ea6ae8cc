//! `howdah get`: objects as the server's own tables, or as they are.

mod objects;
mod watch;

use clap::Args;
use serde_json::Value;

use crate::discovery::Kind;
use crate::error::Error;
use crate::exit::Exit;
use crate::output::{Format, ObjectOutput};
use crate::reference::{self, Reference};
use crate::server::Server;
use crate::table::{ServerTable, View};
use crate::terminal::Terminal;
use crate::text::encode;

pub(super) use objects::drop_managed_fields;

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
        return watch::follow(&request, server, terminal).await;
    }
    match request.format {
        Format::Table | Format::Wide => tables(&request, server, terminal).await,
        Format::Name | Format::Json | Format::Yaml => {
            objects::show(&request, server, terminal).await
        }
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

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::discovery::tests::kind;
    use pretty_assertions::assert_eq;

    pub(in crate::verbs::get) fn request(
        name: Option<&str>,
        namespace: Option<&str>,
        selectors: &str,
    ) -> Request {
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
    fn an_empty_result_names_the_namespace() {
        assert_eq!(
            nothing(&request(None, Some("x"), "")),
            "No resources found in x namespace."
        );
        assert_eq!(nothing(&request(None, None, "")), "No resources found");
    }
}
