//! Field numbers of the kinds that can be read, as the Kubernetes API defines them.

/// The fields of a message: number, member name, type.
pub(super) type Message = &'static [(u64, &'static str, Field)];

/// What a field holds.
#[derive(Clone, Copy, Debug)]
pub(super) enum Field {
    Text,
    Texts,
    /// A number that means nothing when it is zero.
    Number,
    /// A number that means something even when it is zero.
    Optional,
    Flag,
    Sub(Message),
    Subs(Message),
    TextMap,
    /// Bytes in protobuf, base64 in JSON.
    ByteMap,
    IntOrText,
}

use Field::{ByteMap, Flag, IntOrText, Number, Optional, Sub, Subs, Text, TextMap, Texts};

/// The message of a kind.
pub(super) fn of_kind(kind: &str) -> Option<Message> {
    Some(match kind {
        "Namespace" => NAMESPACE,
        "ConfigMap" => CONFIG_MAP,
        "Secret" => SECRET,
        "ServiceAccount" => SERVICE_ACCOUNT,
        "Service" => SERVICE,
        "Role" | "ClusterRole" => ROLE,
        "RoleBinding" | "ClusterRoleBinding" => BINDING,
        "PodDisruptionBudget" => BUDGET,
        "Eviction" => EVICTION,
        "DeleteOptions" => DELETE_OPTIONS,
        "TokenRequest" => TOKEN_REQUEST,
        "SelfSubjectAccessReview" => ACCESS_REVIEW,
        "SubjectAccessReview" | "LocalSubjectAccessReview" => SUBJECT_ACCESS_REVIEW,
        "SelfSubjectRulesReview" => RULES_REVIEW,
        "TokenReview" => TOKEN_REVIEW,
        "SelfSubjectReview" => &[(1, "metadata", Sub(METADATA))],
        _ => return None,
    })
}

const METADATA: Message = &[
    (1, "name", Text),
    (2, "generateName", Text),
    (3, "namespace", Text),
    (5, "uid", Text),
    (6, "resourceVersion", Text),
    (11, "labels", TextMap),
    (12, "annotations", TextMap),
    (13, "ownerReferences", Subs(OWNER)),
    (14, "finalizers", Texts),
];

const OWNER: Message = &[
    (1, "kind", Text),
    (3, "name", Text),
    (4, "uid", Text),
    (5, "apiVersion", Text),
    (6, "controller", Flag),
    (7, "blockOwnerDeletion", Flag),
];

const NAMESPACE: Message = &[(1, "metadata", Sub(METADATA))];

const CONFIG_MAP: Message = &[
    (1, "metadata", Sub(METADATA)),
    (2, "data", TextMap),
    (3, "binaryData", ByteMap),
    (4, "immutable", Flag),
];

const SECRET: Message = &[
    (1, "metadata", Sub(METADATA)),
    (2, "data", ByteMap),
    (3, "type", Text),
    (4, "stringData", TextMap),
    (5, "immutable", Flag),
];

const SERVICE_ACCOUNT: Message = &[
    (1, "metadata", Sub(METADATA)),
    (2, "secrets", Subs(&[(3, "name", Text)])),
    (3, "imagePullSecrets", Subs(&[(1, "name", Text)])),
    (4, "automountServiceAccountToken", Flag),
];

const SERVICE: Message = &[
    (1, "metadata", Sub(METADATA)),
    (
        2,
        "spec",
        Sub(&[
            (1, "ports", Subs(SERVICE_PORT)),
            (2, "selector", TextMap),
            (3, "clusterIP", Text),
            (4, "type", Text),
            (7, "sessionAffinity", Text),
            (10, "externalName", Text),
            (13, "publishNotReadyAddresses", Flag),
        ]),
    ),
];

const SERVICE_PORT: Message = &[
    (1, "name", Text),
    (2, "protocol", Text),
    (3, "port", Number),
    (4, "targetPort", IntOrText),
    (5, "nodePort", Number),
    (6, "appProtocol", Text),
];

const ROLE: Message = &[
    (1, "metadata", Sub(METADATA)),
    (
        2,
        "rules",
        Subs(&[
            (1, "verbs", Texts),
            (2, "apiGroups", Texts),
            (3, "resources", Texts),
            (4, "resourceNames", Texts),
            (5, "nonResourceURLs", Texts),
        ]),
    ),
];

const BINDING: Message = &[
    (1, "metadata", Sub(METADATA)),
    (
        2,
        "subjects",
        Subs(&[
            (1, "kind", Text),
            (2, "apiGroup", Text),
            (3, "name", Text),
            (4, "namespace", Text),
        ]),
    ),
    (
        3,
        "roleRef",
        Sub(&[(1, "apiGroup", Text), (2, "kind", Text), (3, "name", Text)]),
    ),
];

const BUDGET: Message = &[
    (1, "metadata", Sub(METADATA)),
    (
        2,
        "spec",
        Sub(&[
            (1, "minAvailable", IntOrText),
            (2, "selector", Sub(SELECTOR)),
            (3, "maxUnavailable", IntOrText),
            (4, "unhealthyPodEvictionPolicy", Text),
        ]),
    ),
];

const SELECTOR: Message = &[
    (1, "matchLabels", TextMap),
    (
        2,
        "matchExpressions",
        Subs(&[
            (1, "key", Text),
            (2, "operator", Text),
            (3, "values", Texts),
        ]),
    ),
];

const EVICTION: Message = &[
    (1, "metadata", Sub(METADATA)),
    (2, "deleteOptions", Sub(DELETE_OPTIONS)),
];

const DELETE_OPTIONS: Message = &[
    (1, "gracePeriodSeconds", Optional),
    (
        2,
        "preconditions",
        Sub(&[(1, "uid", Text), (2, "resourceVersion", Text)]),
    ),
    (3, "orphanDependents", Flag),
    (4, "propagationPolicy", Text),
    (5, "dryRun", Texts),
];

const TOKEN_REQUEST: Message = &[
    (1, "metadata", Sub(METADATA)),
    (
        2,
        "spec",
        Sub(&[
            (1, "audiences", Texts),
            (
                3,
                "boundObjectRef",
                Sub(&[
                    (1, "kind", Text),
                    (2, "apiVersion", Text),
                    (3, "name", Text),
                    (4, "uid", Text),
                ]),
            ),
            (4, "expirationSeconds", Optional),
        ]),
    ),
];

const RESOURCE_ATTRIBUTES: Message = &[
    (1, "namespace", Text),
    (2, "verb", Text),
    (3, "group", Text),
    (4, "version", Text),
    (5, "resource", Text),
    (6, "subresource", Text),
    (7, "name", Text),
];

const PATH_ATTRIBUTES: Message = &[(1, "path", Text), (2, "verb", Text)];

const ACCESS_REVIEW: Message = &[
    (1, "metadata", Sub(METADATA)),
    (
        2,
        "spec",
        Sub(&[
            (1, "resourceAttributes", Sub(RESOURCE_ATTRIBUTES)),
            (2, "nonResourceAttributes", Sub(PATH_ATTRIBUTES)),
        ]),
    ),
];

const SUBJECT_ACCESS_REVIEW: Message = &[
    (1, "metadata", Sub(METADATA)),
    (
        2,
        "spec",
        Sub(&[
            (1, "resourceAttributes", Sub(RESOURCE_ATTRIBUTES)),
            (2, "nonResourceAttributes", Sub(PATH_ATTRIBUTES)),
            (3, "user", Text),
            (4, "groups", Texts),
            (6, "uid", Text),
        ]),
    ),
];

const RULES_REVIEW: Message = &[
    (1, "metadata", Sub(METADATA)),
    (2, "spec", Sub(&[(1, "namespace", Text)])),
];

const TOKEN_REVIEW: Message = &[
    (1, "metadata", Sub(METADATA)),
    (
        2,
        "spec",
        Sub(&[(1, "token", Text), (2, "audiences", Texts)]),
    ),
];
