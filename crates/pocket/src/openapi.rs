//! The OpenAPI documents: what `kubectl explain`, `kubectl apply` and validating clients read.
//!
//! [`group_version`] describes one group and version, [`index`] lists them; both depend only on the [`Kind`]s they are given, and so does
//! [`hash`], so that the index costs nothing until somebody asks for a document. Version 2 exists for clients that fall back to
//! it: see [`swagger`].
//!
//! The documents do not offer strategic merge patches: the schemas of built-in kinds carry no merge keys here, and a client that computed such a
//! patch from them would replace lists that merge. Without the offer `kubectl` uses the merge keys it has built in.

mod built_in;
mod components;
mod paths;
mod refs;
mod swagger;

#[cfg(test)]
mod tests;

use std::fmt::Write as _;

use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha512};

pub(crate) use swagger::{SWAGGER_PROTOBUF, swagger};

/// A kind that the server serves.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Kind<'a> {
    /// The API group; empty for the core group.
    pub(crate) group: &'a str,
    /// The version in the group.
    pub(crate) version: &'a str,
    /// The kind itself.
    pub(crate) kind: &'a str,
    /// The kind of its lists.
    pub(crate) list_kind: &'a str,
    /// The resource in paths.
    pub(crate) plural: &'a str,
    /// Whether objects live in namespaces.
    pub(crate) namespaced: bool,
    /// Whether there is a `status` subresource.
    pub(crate) status: bool,
    /// Whether there is a `scale` subresource.
    pub(crate) scale: bool,
    /// Where its schema comes from.
    pub(crate) schema: KindSchema<'a>,
}

/// Where the schema of a kind comes from.
#[derive(Clone, Copy, Debug)]
pub(crate) enum KindSchema<'a> {
    /// Kubernetes defines it.
    BuiltIn,
    /// The `openAPIV3Schema` of a definition.
    Custom(&'a Value),
}

/// Where the document of a group and version is, below `/openapi/v3/`.
pub(crate) fn path_of(group: &str, version: &str) -> String {
    match group {
        "" => format!("api/{version}"),
        group => format!("apis/{group}/{version}"),
    }
}

/// The `/openapi/v3` document, from the path and the hash of every document.
pub(crate) fn index<'a>(documents: impl IntoIterator<Item = (&'a str, &'a str)>) -> Value {
    let paths: Map<String, Value> = documents
        .into_iter()
        .map(|(path, hash)| {
            (
                path.to_owned(),
                json!({"serverRelativeURL": format!("/openapi/v3/{path}?hash={hash}")}),
            )
        })
        .collect();
    json!({"paths": paths})
}

/// Changes whenever the document of these kinds would; also its entity tag.
pub(crate) fn hash(kinds: &[Kind<'_>]) -> String {
    let mut digest = Sha512::new();
    digest.update(env!("CARGO_PKG_VERSION"));
    for kind in kinds {
        let Kind {
            group,
            version,
            kind,
            list_kind,
            plural,
            namespaced,
            status,
            scale,
            schema,
        } = kind;
        let names = [*group, *version, *kind, *list_kind, *plural];
        digest.update(json!([names, namespaced, status, scale]).to_string());
        if let KindSchema::Custom(schema) = schema {
            digest.update(schema.to_string());
        }
    }
    digest
        .finalize()
        .iter()
        .fold(String::with_capacity(128), |mut text, byte| {
            write!(text, "{byte:02X}").expect("writing to a String cannot fail");
            text
        })
}

/// The document of one group and version: its kinds' schemas and what can be done with them.
pub(crate) fn group_version(kinds: &[Kind<'_>]) -> Value {
    let mut paths = Map::new();
    for kind in kinds {
        paths::add(&mut paths, kind);
    }
    json!({
        "openapi": "3.0.0",
        "info": {"title": "Kubernetes", "version": "unversioned"},
        "paths": paths,
        "components": {"schemas": components::schemas(kinds)},
    })
}
