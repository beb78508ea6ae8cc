//! The contents of volumes that the node writes.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::KeyToPath;
use kube::ResourceExt;

use super::fields;
use super::volumes::{FileSource, KeyedSource};
use super::{Objects, PodFacts, Problem};

/// Files by their path below the volume.
pub(crate) type Payload = BTreeMap<String, FileContent>;

/// One file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct FileContent {
    /// What is in it.
    pub(crate) bytes: Vec<u8>,
    /// Its permissions; nothing for people outside owner and group when it is a secret.
    pub(crate) mode: u32,
}

/// What does not come from the Pod or from objects it names.
#[derive(Clone, Debug, Default)]
pub(crate) struct Credentials {
    /// Tokens by audience.
    pub(crate) tokens: BTreeMap<Option<String>, String>,
    /// The certificates that vouch for the API server.
    pub(crate) ca_pem: String,
    /// Where the API server is.
    pub(crate) server: String,
}

/// Puts together the files of one volume. The problem's message does not name the volume yet.
pub(crate) fn payload(
    facts: &PodFacts<'_>,
    mode: u32,
    sources: &[FileSource],
    objects: &Objects,
    credentials: &Credentials,
) -> Result<Payload, Problem> {
    let mut files = Payload::new();
    for source in sources {
        match source {
            FileSource::ConfigMap(keyed) => {
                let data = objects.config_map(&keyed.name).map(|map| {
                    let text = map.data.iter().flatten();
                    let text = text.map(|(key, value)| (key.as_str(), value.as_bytes()));
                    let binary = map.binary_data.iter().flatten();
                    let binary = binary.map(|(key, value)| (key.as_str(), value.0.as_slice()));
                    text.chain(binary).collect()
                });
                add_keys(&mut files, "configmap", keyed, data, mode)?;
            }
            FileSource::Secret(keyed) => {
                let data = objects.secret(&keyed.name).map(|secret| {
                    let data = secret.data.iter().flatten();
                    data.map(|(key, value)| (key.as_str(), value.0.as_slice()))
                        .collect()
                });
                add_keys(&mut files, "secret", keyed, data, mode & !0o007)?;
            }
            FileSource::Downward(items) => {
                for item in items {
                    let text = downward(facts, item)?;
                    let mode = item_mode(item.mode).unwrap_or(mode);
                    add(&mut files, &item.path, text.into_bytes(), mode)?;
                }
            }
            FileSource::Token { audience, path, .. } => {
                let token = credentials
                    .tokens
                    .get(audience)
                    .ok_or_else(|| Problem::config("the token is not there yet"))?;
                add(&mut files, path, token.clone().into_bytes(), 0o600)?;
            }
            FileSource::CaCertificate { path } => {
                add(
                    &mut files,
                    path,
                    credentials.ca_pem.clone().into_bytes(),
                    0o644,
                )?;
            }
            FileSource::Kubeconfig { path } => {
                let text = kubeconfig(facts, credentials);
                add(&mut files, path, text.into_bytes(), 0o600)?;
            }
        }
    }
    Ok(files)
}

fn add(files: &mut Payload, path: &str, bytes: Vec<u8>, mode: u32) -> Result<(), Problem> {
    let is_plain = |part: &str| !part.is_empty() && part != "." && part != "..";
    if !path.split('/').all(is_plain) || path.starts_with("..") {
        return Err(Problem::config(format!(
            "the path {path:?} of a file must be relative and must not start with or contain '..'"
        )));
    }
    files.insert(path.to_owned(), FileContent { bytes, mode });
    Ok(())
}

fn item_mode(mode: Option<i32>) -> Option<u32> {
    mode.and_then(|mode| u32::try_from(mode).ok())
}

fn add_keys(
    files: &mut Payload,
    kind: &str,
    source: &KeyedSource,
    data: Option<BTreeMap<&str, &[u8]>>,
    mode: u32,
) -> Result<(), Problem> {
    let Some(data) = data else {
        if source.optional {
            return Ok(());
        }
        return Err(Problem::config(format!(
            "{kind} {:?} not found",
            source.name
        )));
    };
    let Some(items) = &source.items else {
        for (key, bytes) in data {
            add(files, key, bytes.to_vec(), mode)?;
        }
        return Ok(());
    };
    let world = if kind == "secret" { 0o007 } else { 0 };
    for KeyToPath {
        key,
        path,
        mode: own,
        ..
    } in items
    {
        match data.get(key.as_str()) {
            Some(bytes) => {
                let mode = item_mode(*own).map_or(mode, |own| own & !world);
                add(files, path, bytes.to_vec(), mode)?;
            }
            None if source.optional => {}
            None => {
                return Err(Problem::config(format!(
                    "references non-existent {kind} key: {key}"
                )));
            }
        }
    }
    Ok(())
}

fn downward(
    facts: &PodFacts<'_>,
    item: &k8s_openapi::api::core::v1::DownwardAPIVolumeFile,
) -> Result<String, Problem> {
    match (&item.field_ref, &item.resource_field_ref) {
        (Some(reference), _) => fields::field(facts, &reference.field_path),
        (None, Some(selector)) => fields::resource(facts, "", selector),
        (None, None) => Err(Problem::config(format!(
            "the file {:?} names no field",
            item.path
        ))),
    }
}

/// A kubeconfig with the token by reference, so that it need not change when the token does.
fn kubeconfig(facts: &PodFacts<'_>, credentials: &Credentials) -> String {
    let folder = facts
        .kubeconfig
        .as_deref()
        .and_then(camino::Utf8Path::parent)
        .unwrap_or(&facts.root);
    let config = serde_json::json!({
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "pocket", "cluster": {
            "server": credentials.server,
            "certificate-authority": folder.join("ca.crt"),
        }}],
        "users": [{"name": "pod", "user": {"tokenFile": folder.join("token")}}],
        "contexts": [{"name": "pod", "context": {
            "cluster": "pocket",
            "user": "pod",
            "namespace": facts.pod.namespace().unwrap_or_default(),
        }}],
        "current-context": "pod",
    });
    // JSON is YAML, and clients read either.
    config.to_string()
}
