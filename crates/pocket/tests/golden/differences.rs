//! Where pocket answers otherwise than the recorded server, and why.

/// Steps that differ, with the reason.
pub(crate) const KNOWN: &[(&str, &str)] = &[
    (
        "discovery /apis/apps/v1",
        "pocket has no kinds of this group",
    ),
    (
        "discovery /apis/batch/v1",
        "pocket has no kinds of this group",
    ),
    (
        "pod immutable field",
        "the original appends a diff of its internal structures",
    ),
    (
        "watch pods",
        "nothing plays the kubelet in this replay; the node has its own tests",
    ),
    (
        "pod get running",
        "nothing plays the kubelet in this replay; the node has its own tests",
    ),
    (
        "pod list table",
        "nothing plays the kubelet in this replay; the node has its own tests",
    ),
    (
        "pod status patch",
        "nothing plays the kubelet in this replay; the node has its own tests",
    ),
    (
        "pod delete grace 1",
        "nothing plays the kubelet in this replay; the node has its own tests",
    ),
    (
        "lease create",
        "the recorder wrote down the state after the next step",
    ),
];
