//! The kinds that a server has, found by what people call them.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{APIGroupList, APIResourceList};
use kube::core::discovery::v2::{ACCEPT_AGGREGATED_DISCOVERY_V2, APIGroupDiscoveryList};
use serde_json::Value;

use crate::error::Error;
use crate::server::Server;
use crate::text::encode;

/// One kind of object in one version, as the server offers it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Kind {
    pub(crate) group: String,
    pub(crate) version: String,
    pub(crate) kind: String,
    pub(crate) plural: String,
    pub(crate) singular: String,
    pub(crate) short_names: Vec<String>,
    pub(crate) namespaced: bool,
}

impl Kind {
    /// `v1` or `stackgres.io/v1`.
    pub(crate) fn api_version(&self) -> String {
        if self.group.is_empty() {
            self.version.clone()
        } else {
            format!("{}/{}", self.group, self.version)
        }
    }

    /// The path of all objects, in one namespace or (with `None`) in all.
    pub(crate) fn collection(&self, namespace: Option<&str>) -> String {
        let root = if self.group.is_empty() {
            "/api"
        } else {
            "/apis"
        };
        let version = self.api_version();
        match namespace {
            Some(namespace) if self.namespaced => {
                let namespace = encode(namespace);
                format!("{root}/{version}/namespaces/{namespace}/{}", self.plural)
            }
            _ => format!("{root}/{version}/{}", self.plural),
        }
    }

    /// The path of one object; the namespace does not count for cluster-wide kinds.
    pub(crate) fn object(&self, namespace: &str, name: &str) -> String {
        format!("{}/{}", self.collection(Some(namespace)), encode(name))
    }

    /// `pod` or `sgcluster.stackgres.io`: how kubectl names the kind in results.
    pub(crate) fn label(&self) -> String {
        let kind = self.kind.to_lowercase();
        if self.group.is_empty() {
            kind
        } else {
            format!("{kind}.{}", self.group)
        }
    }

    fn is_called(&self, word: &str) -> bool {
        self.plural == word
            || self.singular == word
            || self.kind.to_lowercase() == word
            || self.short_names.iter().any(|short| short == word)
    }
}

/// All kinds of a server; the preferred version of a group comes first.
#[derive(Debug, Clone, Default)]
pub(crate) struct Kinds(Vec<Kind>);

impl Kinds {
    /// Two requests on any server since Kubernetes 1.30, one per group version on older ones.
    pub(crate) async fn discover(server: &Server) -> Result<Self, Error> {
        let mut kinds = Vec::new();
        for root in ["/api", "/apis"] {
            let body = server.get_as(root, ACCEPT_AGGREGATED_DISCOVERY_V2).await?;
            match aggregated(&body) {
                Some(found) => kinds.extend(found),
                None => kinds.extend(one_by_one(server, root, body).await?),
            }
        }
        Ok(Self(kinds))
    }

    /// The kind that somebody calls `word`: plural, singular, short name or kind, optionally with
    /// `.group` or `.version.group` behind it.
    pub(crate) fn named(&self, word: &str) -> Result<&Kind, Error> {
        let word = word.to_lowercase();
        let exact = self.0.iter().find(|kind| kind.is_called(&word));
        let qualified = || {
            let (name, rest) = word.split_once('.')?;
            self.0.iter().find(|kind| {
                kind.is_called(name)
                    && (rest == kind.group || rest == format!("{}.{}", kind.version, kind.group))
            })
        };
        exact
            .or_else(qualified)
            .ok_or(Error::UnknownKind(word.clone()))
    }

    /// The kind that a manifest means.
    pub(crate) fn of_manifest(&self, api_version: &str, kind: &str) -> Option<&Kind> {
        self.0
            .iter()
            .find(|offered| offered.kind == kind && offered.api_version() == api_version)
    }
}

fn aggregated(body: &Value) -> Option<Vec<Kind>> {
    if body["kind"] != "APIGroupDiscoveryList" {
        return None;
    }
    let list: APIGroupDiscoveryList = serde_json::from_value(body.clone()).ok()?;
    let mut kinds = Vec::new();
    for group in list.items {
        let name = group
            .metadata
            .and_then(|meta| meta.name)
            .unwrap_or_default();
        for version in group.versions {
            let number = version.version.unwrap_or_default();
            for resource in version.resources {
                kinds.push(Kind {
                    group: name.clone(),
                    version: number.clone(),
                    kind: resource
                        .response_kind
                        .and_then(|answer| answer.kind)
                        .unwrap_or_default(),
                    plural: resource.resource.unwrap_or_default(),
                    singular: resource.singular_resource.unwrap_or_default(),
                    short_names: resource.short_names,
                    namespaced: resource.scope.as_deref() == Some("Namespaced"),
                });
            }
        }
    }
    Some(kinds)
}

async fn one_by_one(server: &Server, root: &str, body: Value) -> Result<Vec<Kind>, Error> {
    let answer = |source| Error::Answer {
        request: format!("GET {root}"),
        source,
    };
    let versions: Vec<(String, String)> = if root == "/api" {
        vec![(String::new(), "v1".to_owned())]
    } else {
        let groups: APIGroupList = serde_json::from_value(body).map_err(answer)?;
        let mut versions = Vec::new();
        for group in groups.groups {
            for version in group.versions {
                versions.push((group.name.clone(), version.version));
            }
        }
        versions
    };
    let mut kinds = Vec::new();
    for (group, version) in versions {
        let path = if group.is_empty() {
            format!("/api/{version}")
        } else {
            format!("/apis/{group}/{version}")
        };
        let list: APIResourceList = server.read(&path).await?;
        kinds.extend(listed(&group, &version, list));
    }
    Ok(kinds)
}

fn listed(group: &str, version: &str, list: APIResourceList) -> impl Iterator<Item = Kind> {
    list.resources
        .into_iter()
        .filter(|resource| !resource.name.contains('/'))
        .map(move |resource| Kind {
            group: group.to_owned(),
            version: version.to_owned(),
            kind: resource.kind,
            plural: resource.name,
            singular: resource.singular_name,
            short_names: resource.short_names.unwrap_or_default(),
            namespaced: resource.namespaced,
        })
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use pretty_assertions::assert_eq;

    pub(crate) fn kind(group: &str, version: &str, kind: &str, plural: &str, short: &str) -> Kind {
        Kind {
            group: group.to_owned(),
            version: version.to_owned(),
            kind: kind.to_owned(),
            plural: plural.to_owned(),
            singular: kind.to_lowercase(),
            short_names: vec![short.to_owned()],
            namespaced: true,
        }
    }

    pub(crate) fn kinds() -> Kinds {
        Kinds(vec![
            kind("", "v1", "Pod", "pods", "po"),
            kind("", "v1", "Event", "events", "ev"),
            kind("events.k8s.io", "v1", "Event", "events", "ev"),
            kind("stackgres.io", "v1", "SGCluster", "sgclusters", "sgclu"),
            kind(
                "stackgres.io",
                "v1beta1",
                "SGObjectStorage",
                "sgobjectstorages",
                "sgobjs",
            ),
        ])
    }

    #[test]
    fn a_kind_is_found_by_any_of_its_names() {
        let kinds = kinds();
        for word in [
            "sgclusters",
            "sgcluster",
            "SGCluster",
            "sgclu",
            "sgclusters.stackgres.io",
            "sgcluster.v1.stackgres.io",
        ] {
            assert_eq!(kinds.named(word).unwrap().kind, "SGCluster", "{word}");
        }
        assert_eq!(kinds.named("events").unwrap().group, "");
        assert_eq!(
            kinds.named("events.events.k8s.io").unwrap().group,
            "events.k8s.io"
        );
        assert_eq!(
            kinds.named("sgfoo").unwrap_err().report(),
            "error: the server doesn't have a resource type \"sgfoo\""
        );
    }

    #[test]
    fn paths_and_labels_are_those_of_the_api() {
        let kinds = kinds();
        let pod = kinds.named("po").unwrap();
        assert_eq!(
            pod.object("default", "a"),
            "/api/v1/namespaces/default/pods/a"
        );
        assert_eq!(pod.collection(None), "/api/v1/pods");
        assert_eq!(pod.label(), "pod");
        let cluster = kinds.named("sgclu").unwrap();
        assert_eq!(
            cluster.object("x", "a"),
            "/apis/stackgres.io/v1/namespaces/x/sgclusters/a"
        );
        assert_eq!(cluster.label(), "sgcluster.stackgres.io");
    }

    #[test]
    fn aggregated_discovery_is_understood() {
        let body = serde_json::json!({"kind": "APIGroupDiscoveryList", "items": [{
            "metadata": {"name": "stackgres.io"},
            "versions": [{"version": "v1", "resources": [{
                "resource": "sgclusters", "responseKind": {"group": "", "version": "", "kind": "SGCluster"},
                "scope": "Namespaced", "singularResource": "sgcluster", "shortNames": ["sgclu"],
                "verbs": ["get"]}]}]}]});
        assert_eq!(
            aggregated(&body).unwrap(),
            [kind(
                "stackgres.io",
                "v1",
                "SGCluster",
                "sgclusters",
                "sgclu"
            )]
        );
        assert_eq!(
            aggregated(&serde_json::json!({"kind": "APIVersions"})),
            None
        );
    }
}
