//! Who owns whom: the metadata of all objects, in memory.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;
use kube::api::{ApiResource, ObjectMeta};

/// `metadata.uid`.
pub(super) type Uid = Arc<str>;

/// The finalizer of an owner that waits for its dependents.
pub(super) const FOREGROUND: &str = "foregroundDeletion";
/// The finalizer of an owner that leaves its dependents behind.
pub(super) const ORPHAN: &str = "orphan";

/// An object, as far as collecting needs it.
#[derive(Debug, Clone)]
pub(super) struct Node {
    pub(super) uid: Uid,
    pub(super) kind: Arc<ApiResource>,
    pub(super) namespace: Option<String>,
    pub(super) name: String,
    pub(super) owners: Vec<Owner>,
    pub(super) deleting: bool,
    pub(super) finalizers: Vec<String>,
}

/// A reference to an owner.
#[derive(Debug, Clone)]
pub(super) struct Owner {
    pub(super) uid: Uid,
    pub(super) api_version: String,
    pub(super) kind: String,
    pub(super) name: String,
    pub(super) blocks_deletion: bool,
}

impl Node {
    /// The node of an object; none if it has no name or uid yet.
    pub(super) fn of(kind: &Arc<ApiResource>, metadata: ObjectMeta) -> Option<Self> {
        Some(Self {
            uid: metadata.uid?.into(),
            kind: kind.clone(),
            namespace: metadata.namespace,
            name: metadata.name?,
            owners: metadata
                .owner_references
                .into_iter()
                .flatten()
                .map(Owner::from)
                .collect(),
            deleting: metadata.deletion_timestamp.is_some(),
            finalizers: metadata.finalizers.unwrap_or_default(),
        })
    }

    /// True if the object waits in deletion with that finalizer.
    pub(super) fn waits_with(&self, finalizer: &str) -> bool {
        self.deleting && self.finalizers.iter().any(|name| name == finalizer)
    }
}

impl From<OwnerReference> for Owner {
    fn from(reference: OwnerReference) -> Self {
        Self {
            uid: reference.uid.into(),
            api_version: reference.api_version,
            kind: reference.kind,
            name: reference.name,
            blocks_deletion: reference.block_owner_deletion.unwrap_or(false),
        }
    }
}

/// All known objects.
#[derive(Debug, Default)]
pub(super) struct Graph {
    nodes: BTreeMap<Uid, Node>,
    dependents: BTreeMap<Uid, BTreeSet<Uid>>,
}

impl Graph {
    pub(super) fn insert(&mut self, node: Node) {
        self.remove(&node.uid);
        for owner in &node.owners {
            self.dependents
                .entry(owner.uid.clone())
                .or_default()
                .insert(node.uid.clone());
        }
        self.nodes.insert(node.uid.clone(), node);
    }

    /// Forgets an object. What it owns stays known as its dependents.
    pub(super) fn remove(&mut self, uid: &Uid) -> Option<Node> {
        let node = self.nodes.remove(uid)?;
        for owner in &node.owners {
            if let Some(dependents) = self.dependents.get_mut(&owner.uid) {
                dependents.remove(uid);
                if dependents.is_empty() {
                    self.dependents.remove(&owner.uid);
                }
            }
        }
        Some(node)
    }

    pub(super) fn get(&self, uid: &Uid) -> Option<&Node> {
        self.nodes.get(uid)
    }

    pub(super) fn contains(&self, uid: &Uid) -> bool {
        self.nodes.contains_key(uid)
    }

    pub(super) fn uids(&self) -> impl Iterator<Item = Uid> {
        self.nodes.keys().cloned()
    }

    pub(super) fn dependents(&self, uid: &Uid) -> Vec<Uid> {
        self.dependents
            .get(uid)
            .into_iter()
            .flatten()
            .cloned()
            .collect()
    }

    pub(super) fn dependent_nodes(&self, uid: &Uid) -> Vec<&Node> {
        self.dependents
            .get(uid)
            .into_iter()
            .flatten()
            .filter_map(|uid| self.nodes.get(uid))
            .collect()
    }

    /// True if that object is being deleted in the foreground.
    pub(super) fn waits_for_dependents(&self, uid: &Uid) -> bool {
        self.nodes
            .get(uid)
            .is_some_and(|node| node.waits_with(FOREGROUND))
    }

    /// The known objects of a kind that are not among `present`.
    pub(super) fn of_kind_except(&self, kind: &ApiResource, present: &BTreeSet<Uid>) -> Vec<Uid> {
        let of_kind = self.nodes.values().filter(|node| *node.kind == *kind);
        of_kind
            .map(|node| node.uid.clone())
            .filter(|uid| !present.contains(uid))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use k8s_openapi::api::core::v1::ConfigMap;

    use super::*;

    fn node(uid: &str, owner: Option<&str>) -> Node {
        let owners = owner.map(|uid| OwnerReference {
            uid: uid.to_owned(),
            ..Default::default()
        });
        Node::of(
            &Arc::new(ApiResource::erase::<ConfigMap>(&())),
            ObjectMeta {
                name: Some(uid.to_owned()),
                uid: Some(uid.to_owned()),
                owner_references: owners.map(|owner| vec![owner]),
                ..Default::default()
            },
        )
        .unwrap()
    }

    #[test]
    fn dependents_follow_their_references() {
        let mut graph = Graph::default();
        graph.insert(node("child", Some("owner")));
        assert_eq!(
            graph.dependents(&"owner".into()),
            ["child".into()],
            "known before the owner"
        );
        graph.insert(node("owner", None));
        graph.remove(&"owner".into());
        assert_eq!(
            graph.dependents(&"owner".into()),
            ["child".into()],
            "and after it"
        );
        graph.insert(node("child", None));
        assert!(graph.dependents(&"owner".into()).is_empty());
    }

    #[test]
    fn what_a_new_list_lacks_is_found() {
        let mut graph = Graph::default();
        graph.insert(node("a", None));
        graph.insert(node("b", None));
        let kind = ApiResource::erase::<ConfigMap>(&());
        assert_eq!(
            graph.of_kind_except(&kind, &["a".into()].into()),
            ["b".into()]
        );
    }
}
