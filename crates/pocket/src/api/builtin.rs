//! The table of built-in kinds: names, verbs, subresources and how their parts are merged.

use serde_json::Value;

use super::resource::{Body, Resource};

/// What may be done with a kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verbs {
    /// Everything.
    All,
    /// Everything but deleting a collection.
    NoCollection,
    /// Only asked, never stored.
    CreateOnly,
}

/// A merge rule for one path; elements of lists add nothing to the path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rule {
    Keyed(&'static [&'static str]),
    /// Keyed, but each element is one piece.
    KeyedWhole(&'static [&'static str]),
    Set,
    AtomicMap,
}

/// A subresource as discovery lists it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Sub {
    pub(crate) name: &'static str,
    pub(crate) kind: &'static str,
    /// Group and version of the subresource's kind, when not the parent's.
    pub(crate) of: Option<(&'static str, &'static str)>,
    pub(crate) verbs: &'static [&'static str],
}

/// One built-in kind.
#[derive(Debug)]
pub(crate) struct Builtin {
    pub(crate) group: &'static str,
    pub(crate) version: &'static str,
    pub(crate) plural: &'static str,
    pub(crate) singular: &'static str,
    pub(crate) kind: &'static str,
    pub(crate) namespaced: bool,
    pub(crate) short: &'static [&'static str],
    pub(crate) categories: &'static [&'static str],
    pub(crate) verbs: Verbs,
    pub(crate) subs: &'static [Sub],
    pub(crate) generation: bool,
    pub(crate) rules: &'static [(&'static str, Rule)],
    /// Members that exist, empty, in every object of this kind.
    pub(crate) bare: &'static [&'static str],
    /// Paths that field selectors may name.
    pub(crate) selectable: &'static [&'static str],
    /// Renamed members: here and in storage. Only where one stored kind has two faces.
    pub(crate) renames: &'static [(&'static str, &'static str)],
}

const READ_WRITE: &[&str] = &["get", "patch", "update"];
const ALL_METHODS: &[&str] = &["create", "delete", "get", "patch", "update"];

/// Merge rules of `metadata`, the same for every kind.
pub(crate) const METADATA: &[(&str, Rule)] = &[
    ("metadata.ownerReferences", Rule::KeyedWhole(&["uid"])),
    ("metadata.finalizers", Rule::Set),
];

const CONDITIONS: (&str, Rule) = ("status.conditions", Rule::Keyed(&["type"]));

const fn sub(name: &'static str, kind: &'static str, verbs: &'static [&'static str]) -> Sub {
    Sub {
        name,
        kind,
        of: None,
        verbs,
    }
}

const fn status(kind: &'static str) -> Sub {
    sub("status", kind, READ_WRITE)
}

const BASE: Builtin = Builtin {
    group: "",
    version: "v1",
    plural: "",
    singular: "",
    kind: "",
    namespaced: true,
    short: &[],
    categories: &[],
    verbs: Verbs::All,
    subs: &[],
    generation: false,
    rules: &[],
    bare: &["spec", "status"],
    selectable: &[],
    renames: &[],
};

const POD_RULES: &[(&str, Rule)] = &[
    CONDITIONS,
    ("status.podIPs", Rule::Keyed(&["ip"])),
    ("spec.nodeSelector", Rule::AtomicMap),
    ("spec.volumes", Rule::Keyed(&["name"])),
    ("spec.imagePullSecrets", Rule::Keyed(&["name"])),
    ("spec.hostAliases", Rule::Keyed(&["ip"])),
    (
        "spec.topologySpreadConstraints",
        Rule::Keyed(&["topologyKey", "whenUnsatisfiable"]),
    ),
    ("spec.containers", Rule::Keyed(&["name"])),
    ("spec.containers.env", Rule::Keyed(&["name"])),
    ("spec.containers.env.valueFrom.fieldRef", Rule::AtomicMap),
    (
        "spec.containers.env.valueFrom.secretKeyRef",
        Rule::AtomicMap,
    ),
    (
        "spec.containers.env.valueFrom.configMapKeyRef",
        Rule::AtomicMap,
    ),
    (
        "spec.containers.env.valueFrom.resourceFieldRef",
        Rule::AtomicMap,
    ),
    (
        "spec.containers.ports",
        Rule::Keyed(&["containerPort", "protocol"]),
    ),
    ("spec.containers.volumeMounts", Rule::Keyed(&["mountPath"])),
    (
        "spec.containers.volumeDevices",
        Rule::Keyed(&["devicePath"]),
    ),
    ("spec.initContainers", Rule::Keyed(&["name"])),
    ("spec.initContainers.env", Rule::Keyed(&["name"])),
    (
        "spec.initContainers.env.valueFrom.fieldRef",
        Rule::AtomicMap,
    ),
    (
        "spec.initContainers.env.valueFrom.secretKeyRef",
        Rule::AtomicMap,
    ),
    (
        "spec.initContainers.env.valueFrom.configMapKeyRef",
        Rule::AtomicMap,
    ),
    (
        "spec.initContainers.env.valueFrom.resourceFieldRef",
        Rule::AtomicMap,
    ),
    (
        "spec.initContainers.ports",
        Rule::Keyed(&["containerPort", "protocol"]),
    ),
    (
        "spec.initContainers.volumeMounts",
        Rule::Keyed(&["mountPath"]),
    ),
    ("spec.ephemeralContainers", Rule::Keyed(&["name"])),
];

/// Every built-in kind, in the order in which discovery lists them.
pub(crate) const ALL: &[Builtin] = &[
    Builtin {
        plural: "configmaps",
        singular: "configmap",
        kind: "ConfigMap",
        short: &["cm"],
        ..BASE
    },
    Builtin {
        plural: "endpoints",
        singular: "endpoints",
        kind: "Endpoints",
        short: &["ep"],
        ..BASE
    },
    Builtin {
        plural: "events",
        singular: "event",
        kind: "Event",
        short: &["ev"],
        rules: EVENT_RULES,
        bare: EVENT_BARE,
        selectable: &[
            "involvedObject.kind",
            "involvedObject.namespace",
            "involvedObject.name",
            "involvedObject.uid",
            "involvedObject.apiVersion",
            "involvedObject.resourceVersion",
            "involvedObject.fieldPath",
            "reason",
            "reportingComponent",
            "source",
            "type",
        ],
        ..BASE
    },
    Builtin {
        plural: "namespaces",
        singular: "namespace",
        kind: "Namespace",
        namespaced: false,
        short: &["ns"],
        verbs: Verbs::NoCollection,
        subs: &[
            sub("finalize", "Namespace", &["update"]),
            status("Namespace"),
        ],
        rules: &[CONDITIONS],
        selectable: &["status.phase"],
        ..BASE
    },
    Builtin {
        plural: "nodes",
        singular: "node",
        kind: "Node",
        namespaced: false,
        short: &["no"],
        subs: &[
            sub("proxy", "NodeProxyOptions", ALL_METHODS),
            status("Node"),
        ],
        rules: &[
            CONDITIONS,
            ("status.addresses", Rule::Keyed(&["type"])),
            ("spec.podCIDRs", Rule::Set),
        ],
        bare: &[
            "spec",
            "status",
            "status.nodeInfo",
            "status.daemonEndpoints",
        ],
        selectable: &["spec.unschedulable"],
        ..BASE
    },
    Builtin {
        plural: "persistentvolumeclaims",
        singular: "persistentvolumeclaim",
        kind: "PersistentVolumeClaim",
        short: &["pvc"],
        subs: &[status("PersistentVolumeClaim")],
        rules: &[CONDITIONS, ("spec.selector", Rule::AtomicMap)],
        bare: &["spec", "spec.resources", "status"],
        ..BASE
    },
    Builtin {
        plural: "persistentvolumes",
        singular: "persistentvolume",
        kind: "PersistentVolume",
        namespaced: false,
        short: &["pv"],
        subs: &[status("PersistentVolume")],
        ..BASE
    },
    Builtin {
        plural: "pods",
        singular: "pod",
        kind: "Pod",
        short: &["po"],
        categories: &["all"],
        subs: &[
            sub("attach", "PodAttachOptions", &["create", "get"]),
            sub("binding", "Binding", &["create"]),
            Sub {
                of: Some(("policy", "v1")),
                ..sub("eviction", "Eviction", &["create"])
            },
            sub("exec", "PodExecOptions", &["create", "get"]),
            sub("log", "Pod", &["get"]),
            sub("portforward", "PodPortForwardOptions", &["create", "get"]),
            sub("proxy", "PodProxyOptions", ALL_METHODS),
            status("Pod"),
        ],
        generation: true,
        rules: POD_RULES,
        bare: &["spec", "spec.containers", "status"],
        selectable: &[
            "spec.nodeName",
            "spec.restartPolicy",
            "spec.schedulerName",
            "spec.serviceAccountName",
            "spec.hostNetwork",
            "status.phase",
            "status.podIP",
            "status.nominatedNodeName",
        ],
        ..BASE
    },
    Builtin {
        plural: "secrets",
        singular: "secret",
        kind: "Secret",
        selectable: &["type"],
        ..BASE
    },
    Builtin {
        plural: "serviceaccounts",
        singular: "serviceaccount",
        kind: "ServiceAccount",
        short: &["sa"],
        subs: &[Sub {
            of: Some(("authentication.k8s.io", "v1")),
            ..sub("token", "TokenRequest", &["create"])
        }],
        rules: &[("secrets", Rule::Keyed(&["name"]))],
        ..BASE
    },
    Builtin {
        plural: "services",
        singular: "service",
        kind: "Service",
        short: &["svc"],
        categories: &["all"],
        subs: &[
            sub("proxy", "ServiceProxyOptions", ALL_METHODS),
            status("Service"),
        ],
        rules: &[
            CONDITIONS,
            ("spec.ports", Rule::Keyed(&["port", "protocol"])),
            ("spec.selector", Rule::AtomicMap),
        ],
        bare: &["spec", "status", "status.loadBalancer"],
        selectable: &["spec.clusterIP", "spec.type"],
        ..BASE
    },
    Builtin {
        group: "events.k8s.io",
        plural: "events",
        singular: "event",
        kind: "Event",
        short: &["ev"],
        rules: EVENT_RULES,
        bare: EVENT_BARE,
        selectable: &[
            "regarding.kind",
            "regarding.namespace",
            "regarding.name",
            "regarding.uid",
            "reason",
            "reportingController",
            "type",
        ],
        renames: &[
            ("regarding", "involvedObject"),
            ("note", "message"),
            ("reportingController", "reportingComponent"),
            ("deprecatedSource", "source"),
            ("deprecatedFirstTimestamp", "firstTimestamp"),
            ("deprecatedLastTimestamp", "lastTimestamp"),
            ("deprecatedCount", "count"),
        ],
        ..BASE
    },
    Builtin {
        group: "authentication.k8s.io",
        plural: "selfsubjectreviews",
        singular: "selfsubjectreview",
        kind: "SelfSubjectReview",
        namespaced: false,
        verbs: Verbs::CreateOnly,
        ..BASE
    },
    Builtin {
        group: "authentication.k8s.io",
        plural: "tokenreviews",
        singular: "tokenreview",
        kind: "TokenReview",
        namespaced: false,
        verbs: Verbs::CreateOnly,
        ..BASE
    },
    Builtin {
        group: "authorization.k8s.io",
        plural: "localsubjectaccessreviews",
        singular: "localsubjectaccessreview",
        kind: "LocalSubjectAccessReview",
        verbs: Verbs::CreateOnly,
        ..BASE
    },
    Builtin {
        group: "authorization.k8s.io",
        plural: "selfsubjectaccessreviews",
        singular: "selfsubjectaccessreview",
        kind: "SelfSubjectAccessReview",
        namespaced: false,
        verbs: Verbs::CreateOnly,
        ..BASE
    },
    Builtin {
        group: "authorization.k8s.io",
        plural: "selfsubjectrulesreviews",
        singular: "selfsubjectrulesreview",
        kind: "SelfSubjectRulesReview",
        namespaced: false,
        verbs: Verbs::CreateOnly,
        ..BASE
    },
    Builtin {
        group: "authorization.k8s.io",
        plural: "subjectaccessreviews",
        singular: "subjectaccessreview",
        kind: "SubjectAccessReview",
        namespaced: false,
        verbs: Verbs::CreateOnly,
        ..BASE
    },
    Builtin {
        group: "networking.k8s.io",
        plural: "networkpolicies",
        singular: "networkpolicy",
        kind: "NetworkPolicy",
        short: &["netpol"],
        generation: true,
        rules: &[("spec.podSelector", Rule::AtomicMap)],
        ..BASE
    },
    Builtin {
        group: "policy",
        plural: "poddisruptionbudgets",
        singular: "poddisruptionbudget",
        kind: "PodDisruptionBudget",
        short: &["pdb"],
        subs: &[status("PodDisruptionBudget")],
        generation: true,
        rules: &[CONDITIONS, ("spec.selector", Rule::AtomicMap)],
        ..BASE
    },
    Builtin {
        group: "rbac.authorization.k8s.io",
        plural: "clusterrolebindings",
        singular: "clusterrolebinding",
        kind: "ClusterRoleBinding",
        namespaced: false,
        rules: &[("roleRef", Rule::AtomicMap)],
        bare: &["roleRef"],
        ..BASE
    },
    Builtin {
        group: "rbac.authorization.k8s.io",
        plural: "clusterroles",
        singular: "clusterrole",
        kind: "ClusterRole",
        namespaced: false,
        ..BASE
    },
    Builtin {
        group: "rbac.authorization.k8s.io",
        plural: "rolebindings",
        singular: "rolebinding",
        kind: "RoleBinding",
        rules: &[("roleRef", Rule::AtomicMap)],
        bare: &["roleRef"],
        ..BASE
    },
    Builtin {
        group: "rbac.authorization.k8s.io",
        plural: "roles",
        singular: "role",
        kind: "Role",
        ..BASE
    },
    Builtin {
        group: "storage.k8s.io",
        plural: "storageclasses",
        singular: "storageclass",
        kind: "StorageClass",
        namespaced: false,
        short: &["sc"],
        ..BASE
    },
    Builtin {
        group: "admissionregistration.k8s.io",
        plural: "mutatingwebhookconfigurations",
        singular: "mutatingwebhookconfiguration",
        kind: "MutatingWebhookConfiguration",
        namespaced: false,
        categories: &["api-extensions"],
        generation: true,
        rules: WEBHOOK_RULES,
        bare: &[],
        ..BASE
    },
    Builtin {
        group: "admissionregistration.k8s.io",
        plural: "validatingwebhookconfigurations",
        singular: "validatingwebhookconfiguration",
        kind: "ValidatingWebhookConfiguration",
        namespaced: false,
        categories: &["api-extensions"],
        generation: true,
        rules: WEBHOOK_RULES,
        bare: &[],
        ..BASE
    },
    Builtin {
        group: "apiextensions.k8s.io",
        plural: "customresourcedefinitions",
        singular: "customresourcedefinition",
        kind: "CustomResourceDefinition",
        namespaced: false,
        short: &["crd", "crds"],
        categories: &["api-extensions"],
        subs: &[status("CustomResourceDefinition")],
        generation: true,
        rules: &[CONDITIONS],
        bare: &[
            "spec",
            "spec.names",
            "spec.versions",
            "status",
            "status.acceptedNames",
            "status.conditions",
        ],
        ..BASE
    },
    Builtin {
        group: "coordination.k8s.io",
        plural: "leases",
        singular: "lease",
        kind: "Lease",
        ..BASE
    },
    Builtin {
        group: "discovery.k8s.io",
        plural: "endpointslices",
        singular: "endpointslice",
        kind: "EndpointSlice",
        generation: true,
        bare: &["endpoints", "ports"],
        ..BASE
    },
];

/// In the stored form, which is where ownership is recorded.
const EVENT_BARE: &[&str] = &[
    "involvedObject",
    "source",
    "firstTimestamp",
    "lastTimestamp",
    "eventTime",
    "reportingComponent",
    "reportingInstance",
];

const EVENT_RULES: &[(&str, Rule)] = &[
    ("involvedObject", Rule::AtomicMap),
    ("regarding", Rule::AtomicMap),
    ("related", Rule::AtomicMap),
];

const WEBHOOK_RULES: &[(&str, Rule)] = &[
    ("webhooks", Rule::Keyed(&["name"])),
    ("webhooks.matchConditions", Rule::Keyed(&["name"])),
    ("webhooks.namespaceSelector", Rule::AtomicMap),
    ("webhooks.objectSelector", Rule::AtomicMap),
];

impl Builtin {
    /// The descriptor that the rest of the server works with.
    pub(crate) fn resource(&'static self) -> Resource {
        let owned = |list: &[&str]| list.iter().map(|one| (*one).to_owned()).collect();
        let group = self.stored_group();
        let key = if group.is_empty() {
            self.plural.to_owned()
        } else {
            format!("{}.{group}", self.plural)
        };
        Resource {
            key: key.into(),
            group: self.group.to_owned(),
            version: self.version.to_owned(),
            plural: self.plural.to_owned(),
            singular: self.singular.to_owned(),
            kind: self.kind.to_owned(),
            list_kind: format!("{}List", self.kind),
            short_names: owned(self.short),
            categories: owned(self.categories),
            namespaced: self.namespaced,
            status: self.subs.iter().any(|sub| sub.name == "status"),
            scale: None,
            body: Body::Builtin(self),
        }
    }

    /// The group under which objects are stored: both faces of Event are one kind.
    pub(crate) fn stored_group(&self) -> &'static str {
        if self.renames.is_empty() {
            self.group
        } else {
            ""
        }
    }

    /// Turns an object of this face into its stored form.
    pub(crate) fn to_stored(&self, object: &mut Value) {
        rename(
            object,
            self.renames.iter().map(|(here, stored)| (*here, *stored)),
        );
    }

    /// Turns a stored object into this face.
    pub(crate) fn show(&self, object: &mut Value) {
        rename(
            object,
            self.renames.iter().map(|(here, stored)| (*stored, *here)),
        );
    }
}

fn rename<'a>(object: &mut Value, pairs: impl Iterator<Item = (&'a str, &'a str)>) {
    let Some(members) = object.as_object_mut() else {
        return;
    };
    for (from, to) in pairs {
        if let Some(value) = members.remove(from) {
            members.insert(to.to_owned(), value);
        }
    }
}
