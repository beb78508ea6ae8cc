//! `howdah get --watch`: every change as it happens.

use futures::{StreamExt, pin_mut};
use kube::core::WatchEvent;
use serde_json::Value;

use super::objects::{drop_managed_fields, name_of};
use super::{Request, Target, selectors, understand};
use crate::error::Error;
use crate::exit::Exit;
use crate::output::{self, Format};
use crate::server::Server;
use crate::terminal::Terminal;

/// Shows the objects that there are, then each change, until interrupted.
pub(super) async fn follow(
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
    use super::super::tests::request;
    use super::*;
    use pretty_assertions::assert_eq;

    #[test]
    fn one_object_is_watched_by_its_name() {
        let one = request(Some("a"), Some("x"), "");
        assert_eq!(
            watch_path(&one, &one.targets[0]),
            "/apis/stackgres.io/v1/namespaces/x/sgclusters?watch=true&fieldSelector=metadata.name%3Da"
        );
    }
}
