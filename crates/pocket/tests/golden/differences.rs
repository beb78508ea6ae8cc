//! Where pocket answers otherwise than the recorded server, and why.
//!
//! The same table stands in the documentation of the crate.

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
        "the original appends a diff of its internal structures, which pocket does not have",
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
];
