//! `howdah apply`: server-side apply of manifests.

use camino::Utf8PathBuf;
use clap::{Args, ValueEnum};
use serde_json::{Value, json};

use crate::discovery::{Kind, Kinds};
use crate::error::Error;
use crate::exit::Exit;
use crate::manifest::{self, Manifest};
use crate::output::{self, Format, ObjectOutput};
use crate::server::{Answer, Server};
use crate::terminal::Terminal;

/// The owner of the fields that people set with this program.
const FIELD_MANAGER: &str = "howdah";

const EXAMPLES: &str = "\
Examples:
  howdah apply -f simple.yaml            one file, any number of objects in it
  howdah apply -f base/ -f extra.yaml    a folder, then a file
  cat simple.yaml | howdah apply -f -    standard input
  howdah apply -f simple.yaml --dry-run  what would happen, without doing it

Exit codes: 0 all applied, 1 at least one refused (the others are applied), 2 wrong usage.";

/// Arguments of `howdah apply`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct ApplyArgs {
    /// A file, a folder, or - for standard input; can be repeated
    #[arg(
        short,
        long,
        visible_alias = "file",
        required = true,
        value_name = "FILE"
    )]
    filename: Vec<Utf8PathBuf>,
    /// Also read the folders below
    #[arg(short = 'R', long)]
    recursive: bool,
    /// Let the server check everything and change nothing
    #[arg(long, value_name = "MODE", num_args = 0..=1, default_value = "none", default_missing_value = "server", hide_default_value = true, require_equals = true)]
    dry_run: DryRun,
    /// Take over fields that belong to another field manager
    #[arg(long)]
    force_conflicts: bool,
    #[command(flatten)]
    output: ObjectOutput,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum DryRun {
    None,
    Server,
}

struct Settings {
    dry_run: bool,
    force: bool,
}

struct Applied {
    object: Value,
    result: &'static str,
    warnings: Vec<String>,
}

pub(super) async fn run(
    args: ApplyArgs,
    server: &Server,
    terminal: &mut Terminal,
) -> Result<Exit, Error> {
    let manifests = manifest::read(&args.filename, args.recursive)?;
    let settings = Settings {
        dry_run: args.dry_run == DryRun::Server,
        force: args.force_conflicts,
    };
    let mut kinds = server.kinds().await?;
    let mut exit = Exit::Success;
    for manifest in manifests {
        match one(server, &mut kinds, &manifest, &settings).await {
            Ok((kind, applied)) => {
                show(
                    terminal,
                    &kind,
                    &manifest.name,
                    applied,
                    &settings,
                    args.output.output,
                )?;
            }
            // The next object is worth trying, but only while the server is there.
            Err(error @ (Error::Server { .. } | Error::NotFound(_) | Error::Usage(_))) => {
                terminal.note(&error.report());
                exit = Exit::Failure;
            }
            Err(error) => return Err(error),
        }
    }
    Ok(exit)
}

fn show(
    terminal: &mut Terminal,
    kind: &Kind,
    name: &str,
    applied: Applied,
    settings: &Settings,
    format: Format,
) -> Result<(), Error> {
    for warning in &applied.warnings {
        terminal.note(&format!("Warning: {warning}"));
    }
    let suffix = if settings.dry_run {
        " (server dry run)"
    } else {
        ""
    };
    let label = kind.label();
    match format {
        Format::Json => output::json(terminal, &applied.object),
        Format::Yaml => {
            terminal.line("---")?;
            output::yaml(terminal, &applied.object)
        }
        Format::Name => terminal.line(&format!("{label}/{name}")),
        Format::Table | Format::Wide => {
            terminal.line(&format!("{label}/{name} {}{suffix}", applied.result))
        }
    }
}

async fn one(
    server: &Server,
    kinds: &mut Kinds,
    manifest: &Manifest,
    settings: &Settings,
) -> Result<(Kind, Applied), Error> {
    let kind = kind_of(server, kinds, manifest).await?;
    let namespace = namespace_of(&kind, manifest, server)?;
    let mut body = manifest.body.clone();
    if kind.namespaced {
        body["metadata"]["namespace"] = json!(namespace);
    }
    let path = kind.object(&namespace, &manifest.name);
    let before: Option<Value> = server.find(&path).await?;
    let applied = match server
        .apply(&format!("{path}?{}", query(settings)), &body)
        .await
    {
        Ok(answer) => applied(before.as_ref(), answer),
        Err(error) => {
            let error = better(server, error, &kind, &namespace, before.as_ref(), &body).await;
            let doing = if before.is_some() {
                "patching"
            } else {
                "creating"
            };
            return Err(error.while_doing(format!("{doing} \"{}\"", manifest.source)));
        }
    };
    Ok((kind, applied))
}

fn applied(before: Option<&Value>, answer: Answer) -> Applied {
    let mut object = answer.body;
    let version = |object: &Value| object.pointer("/metadata/resourceVersion").cloned();
    let result = match before {
        None => "created",
        Some(before) if version(before) == version(&object) => "unchanged",
        Some(_) => "configured",
    };
    super::get::drop_managed_fields(&mut object);
    Applied {
        object,
        result,
        warnings: answer.warnings,
    }
}

fn query(settings: &Settings) -> String {
    let mut query = format!("fieldManager={FIELD_MANAGER}&fieldValidation=Strict");
    if settings.force {
        query.push_str("&force=true");
    }
    if settings.dry_run {
        query.push_str("&dryRun=All");
    }
    query
}

/// Asks once more for the kinds when one is missing: an earlier manifest may have been its CRD.
async fn kind_of(server: &Server, kinds: &mut Kinds, manifest: &Manifest) -> Result<Kind, Error> {
    let find = |kinds: &Kinds| {
        kinds
            .of_manifest(&manifest.api_version, &manifest.kind)
            .cloned()
    };
    if let Some(kind) = find(kinds) {
        return Ok(kind);
    }
    *kinds = server.kinds().await?;
    find(kinds).ok_or_else(|| {
        Error::NotFound(format!(
            "no matches for kind \"{}\" in version \"{}\", which {} names: check the spelling, or install its CRD first",
            manifest.kind, manifest.api_version, manifest.source
        ))
    })
}

fn namespace_of(kind: &Kind, manifest: &Manifest, server: &Server) -> Result<String, Error> {
    choose_namespace(
        kind.namespaced,
        manifest.namespace.as_deref(),
        server.given_namespace(),
        server.namespace(),
    )
}

/// The manifest's namespace, unless it contradicts the command line.
pub(super) fn choose_namespace(
    namespaced: bool,
    written: Option<&str>,
    given: Option<&str>,
    default: &str,
) -> Result<String, Error> {
    match (written, given) {
        (Some(written), Some(given)) if namespaced && written != given => {
            Err(Error::Usage(format!(
                "the namespace from the provided object \"{written}\" does not match the namespace \"{given}\". You must pass '--namespace={written}' to perform this operation."
            )))
        }
        (Some(written), _) => Ok(written.to_owned()),
        (None, _) => Ok(default.to_owned()),
    }
}

/// Server-side apply words problems of type in terms of its own machinery. The same manifest as an
/// ordinary dry-run request gets the message of the schema, which is the one that people need.
async fn better(
    server: &Server,
    error: Error,
    kind: &Kind,
    namespace: &str,
    before: Option<&Value>,
    body: &Value,
) -> Error {
    if !matches!(error.code(), Some(400 | 500)) {
        return error;
    }
    let query = format!("fieldManager={FIELD_MANAGER}&fieldValidation=Strict&dryRun=All");
    let second = match before {
        None => {
            let path = kind.collection(Some(namespace));
            server.post(&format!("{path}?{query}"), body).await
        }
        Some(before) => {
            let name = body.pointer("/metadata/name").and_then(Value::as_str);
            let path = kind.object(namespace, name.unwrap_or_default());
            let mut whole = before.clone();
            merge(&mut whole, body);
            server.put(&format!("{path}?{query}"), &whole).await
        }
    };
    match second {
        Err(second @ Error::Server { .. }) => second,
        _ => error,
    }
}

/// Lays the manifest over the object.
fn merge(object: &mut Value, manifest: &Value) {
    match (object, manifest) {
        (Value::Object(object), Value::Object(manifest)) => {
            for (key, value) in manifest {
                merge(object.entry(key.clone()).or_insert(Value::Null), value);
            }
        }
        (object, value) => *object = value.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use pretty_assertions::assert_eq;

    #[test]
    fn a_manifest_without_namespace_goes_where_the_command_line_says() {
        let choose = |written, given| choose_namespace(true, written, given, "default");
        assert_eq!(choose(None, None).unwrap(), "default");
        assert_eq!(choose(Some("a"), None).unwrap(), "a");
        assert_eq!(choose(Some("a"), Some("a")).unwrap(), "a");
        assert_eq!(
            choose(Some("a"), Some("b")).unwrap_err().report(),
            "error: the namespace from the provided object \"a\" does not match the namespace \"b\". You must pass '--namespace=a' to perform this operation."
        );
    }

    #[test]
    fn the_result_follows_the_resource_version() {
        let at =
            |version: &str| json!({"metadata": {"resourceVersion": version, "managedFields": []}});
        let result = |before: Option<Value>| {
            let answer = Answer {
                body: at("7"),
                warnings: Vec::new(),
            };
            applied(before.as_ref(), answer).result
        };
        assert_eq!(result(None), "created");
        assert_eq!(result(Some(at("7"))), "unchanged");
        assert_eq!(result(Some(at("6"))), "configured");
    }

    #[test]
    fn merging_sets_what_is_written_and_keeps_the_rest() {
        let mut object = json!({"a": {"b": 1, "c": [1]}, "d": 2});
        merge(&mut object, &json!({"a": {"c": [2], "e": {"f": 3}}}));
        assert_eq!(
            object,
            json!({"a": {"b": 1, "c": [2], "e": {"f": 3}}, "d": 2})
        );
    }
}
