//! The environment of a container.
//!
//! Three layers, each over the one before: what an image would bring (`PATH`, `HOME`, the bundle's variables ...),
//! what the container asks for, and the two variables that say where on this machine the Pod lives.

use std::collections::BTreeMap;

use howdah_types::catalogue::{Component, ComponentName};
use k8s_openapi::api::core::v1::{Container, EnvFromSource, EnvVar};

use super::expand::expand;
use super::fields;
use super::{Objects, PodFacts, Problem};

/// The prefix of all paths of the Pod; the empty text in a real container.
pub(crate) const ROOT: &str = "HOWDAH_ROOT";
/// The address to listen on; empty, for all, in a real container.
pub(crate) const BIND_ADDRESS: &str = "HOWDAH_BIND_ADDRESS";

/// Where Envoy looks for modules; ours is beside our program.
const ENVOY_MODULES: &str = "ENVOY_DYNAMIC_MODULES_SEARCH_PATH";

type Variables = BTreeMap<String, String>;

pub(super) fn environment(
    facts: &PodFacts<'_>,
    container: &Container,
    component: &Component,
    objects: &Objects,
) -> Result<Variables, Problem> {
    let mut asked = forced(facts);
    for source in container.env_from.iter().flatten() {
        from_source(source, objects, &mut asked)?;
    }
    let forced = forced(facts);
    for variable in container.env.iter().flatten() {
        let value = match forced.get(&variable.name) {
            Some(value) => Some(value.clone()),
            None => value(facts, container, variable, objects, &asked)?,
        };
        if let Some(value) = value {
            asked.insert(variable.name.clone(), value);
        }
    }
    asked.extend(forced);
    let mut all = image_layer(facts, component);
    all.extend(asked);
    Ok(all)
}

fn forced(facts: &PodFacts<'_>) -> Variables {
    BTreeMap::from([
        (ROOT.to_owned(), facts.root.to_string()),
        (BIND_ADDRESS.to_owned(), facts.ip.to_string()),
    ])
}

fn image_layer(facts: &PodFacts<'_>, component: &Component) -> Variables {
    let folder = facts.node.components_dir.as_str();
    let mut path = vec![facts.node.program_dir.to_string()];
    path.extend(component.program_dirs(folder));
    path.extend(["/usr/local/bin", "/usr/bin", "/bin"].map(str::to_owned));
    let mut variables = BTreeMap::from([
        ("PATH".to_owned(), path.join(":")),
        ("HOME".to_owned(), facts.root.join("home").to_string()),
        ("TMPDIR".to_owned(), facts.root.join("tmp").to_string()),
        (
            "HOSTNAME".to_owned(),
            facts.pod.metadata.name.clone().unwrap_or_default(),
        ),
    ]);
    if let Some(file) = &facts.kubeconfig {
        variables.insert("KUBECONFIG".to_owned(), file.to_string());
    }
    if component.component == ComponentName::Envoy {
        let modules = facts.node.program_dir.to_string();
        variables.insert(ENVOY_MODULES.to_owned(), modules);
    }
    let bundle = component.env_vars(folder);
    variables.extend(bundle.map(|(name, value)| (name.to_owned(), value)));
    variables
}

fn from_source(
    source: &EnvFromSource,
    objects: &Objects,
    into: &mut Variables,
) -> Result<(), Problem> {
    let prefix = source.prefix.as_deref().unwrap_or_default();
    if let Some(reference) = &source.config_map_ref {
        match objects.config_map(&reference.name) {
            Some(map) => {
                let data = map.data.iter().flatten();
                into.extend(data.map(|(key, value)| (format!("{prefix}{key}"), value.clone())));
            }
            None if reference.optional == Some(true) => {}
            None => return Err(missing("configmap", &reference.name)),
        }
    }
    if let Some(reference) = &source.secret_ref {
        match objects.secret(&reference.name) {
            Some(secret) => {
                for (key, value) in secret.data.iter().flatten() {
                    let value = String::from_utf8_lossy(&value.0).into_owned();
                    into.insert(format!("{prefix}{key}"), value);
                }
            }
            None if reference.optional == Some(true) => {}
            None => return Err(missing("secret", &reference.name)),
        }
    }
    Ok(())
}

/// The value of one entry; `None` when it is optional and not there.
fn value(
    facts: &PodFacts<'_>,
    container: &Container,
    variable: &EnvVar,
    objects: &Objects,
    known: &Variables,
) -> Result<Option<String>, Problem> {
    let Some(source) = &variable.value_from else {
        let text = variable.value.as_deref().unwrap_or_default();
        return Ok(Some(expand(text, known)));
    };
    if let Some(reference) = &source.field_ref {
        return fields::field(facts, &reference.field_path).map(Some);
    }
    if let Some(selector) = &source.resource_field_ref {
        return fields::resource(facts, &container.name, selector).map(Some);
    }
    if let Some(selector) = &source.config_map_key_ref {
        let map = objects.config_map(&selector.name);
        let found = map.map(|map| map.data.as_ref().and_then(|data| data.get(&selector.key)));
        let reference = KeyReference {
            kind: "configmap",
            name: &selector.name,
            key: &selector.key,
            optional: selector.optional,
        };
        return reference.resolve(facts, found.map(|value| value.cloned()));
    }
    if let Some(selector) = &source.secret_key_ref {
        let secret = objects.secret(&selector.name);
        let found = secret.map(|secret| {
            secret
                .data
                .as_ref()
                .and_then(|data| data.get(&selector.key))
        });
        let reference = KeyReference {
            kind: "secret",
            name: &selector.name,
            key: &selector.key,
            optional: selector.optional,
        };
        let text = found.map(|value| value.map(|v| String::from_utf8_lossy(&v.0).into_owned()));
        return reference.resolve(facts, text);
    }
    Err(Problem::config(format!(
        "the source of the environment variable {} is not supported",
        variable.name
    )))
}

struct KeyReference<'a> {
    kind: &'static str,
    name: &'a str,
    key: &'a str,
    optional: Option<bool>,
}

impl KeyReference<'_> {
    /// `found` is `None` without the object and `Some(None)` without the key.
    fn resolve(
        &self,
        facts: &PodFacts<'_>,
        found: Option<Option<String>>,
    ) -> Result<Option<String>, Problem> {
        match found {
            Some(Some(value)) => Ok(Some(value)),
            _ if self.optional == Some(true) => Ok(None),
            None => Err(missing(self.kind, self.name)),
            Some(None) => {
                let kind = if self.kind == "secret" {
                    "Secret"
                } else {
                    "ConfigMap"
                };
                let namespace = facts.pod.metadata.namespace.as_deref().unwrap_or_default();
                Err(Problem::config(format!(
                    "couldn't find key {} in {kind} {namespace}/{}",
                    self.key, self.name
                )))
            }
        }
    }
}

fn missing(kind: &str, name: &str) -> Problem {
    Problem::config(format!("{kind} {name:?} not found"))
}
