//! What is wrong with a cluster, in words for the person who wrote the manifest.

use std::fmt;

/// Why a cluster cannot be reconciled; becomes the reason of the Warning Event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reason {
    /// A reference, a version or a value does not fit.
    ClusterConfigFailed,
    /// The manifest asks for another major version than the data has.
    ClusterMajorUpgrade,
    /// A name is the operator's own; only admission asks.
    Reserved,
}

impl Reason {
    /// The reason as it stands in events and conditions.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ClusterConfigFailed => "ClusterConfigFailed",
            Self::ClusterMajorUpgrade => "ClusterMajorUpgrade",
            Self::Reserved => "Reserved",
        }
    }
}

/// One finding of `validate`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invalid {
    /// The class of the finding.
    pub reason: Reason,
    /// Path of the field, from the SGCluster unless it starts with another kind; empty if it is none in particular.
    pub field: String,
    /// What is wrong and what to do about it.
    pub message: String,
}

impl Invalid {
    /// The finding where nothing beside it shows the field: in conditions and Events.
    pub fn sentence(&self) -> String {
        if self.message.contains(&self.field) {
            self.message.clone()
        } else {
            self.to_string()
        }
    }

    /// A finding about a reference, a version or a value.
    pub fn config(field: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            reason: Reason::ClusterConfigFailed,
            field: field.into(),
            message: message.into(),
        }
    }

    /// A finding about a name that nobody but the operator may use.
    pub fn reserved(field: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            reason: Reason::Reserved,
            ..Self::config(field, message)
        }
    }

    /// A finding about a change of the major version.
    pub fn major_upgrade(field: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            reason: Reason::ClusterMajorUpgrade,
            ..Self::config(field, message)
        }
    }
}

impl fmt::Display for Invalid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.field, self.message)
    }
}
