//! `howdah get -o json|yaml|name`: objects as they are.

use serde_json::{Value, json};

use super::{Request, Target};
use crate::error::Error;
use crate::exit::Exit;
use crate::output::{self, Format};
use crate::server::Server;
use crate::terminal::Terminal;

pub(super) async fn show(
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
pub(crate) fn drop_managed_fields(object: &mut Value) {
    if let Some(Value::Object(metadata)) = object.get_mut("metadata") {
        metadata.remove("managedFields");
    }
}

pub(super) fn name_of(object: &Value) -> &str {
    let name = object.pointer("/metadata/name").and_then(Value::as_str);
    name.unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::discovery::tests::kind;
    use pretty_assertions::assert_eq;

    #[test]
    fn items_of_a_list_become_complete_objects() {
        let target = Target {
            kind: kind("stackgres.io", "v1", "SGCluster", "sgclusters", "sgclu"),
            name: None,
        };
        let body = json!({"items": [{"metadata": {"name": "a", "managedFields": [1]}}]});
        assert_eq!(
            unpack(body, &target),
            [(
                "sgcluster.stackgres.io".to_owned(),
                json!({"apiVersion": "stackgres.io/v1", "kind": "SGCluster", "metadata": {"name": "a"}})
            )]
        );
    }
}
