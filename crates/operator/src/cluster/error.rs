//! What can go wrong in a pass, and what that means for the next one.

use kube::Error as KubeError;

/// How a failed pass is repeated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Class {
    /// The server refuses what was planned; people have to change something.
    Invalid,
    /// Somebody else wrote first; look again at once.
    Conflict,
    /// It may work later.
    Transient,
}

/// A pass that could not be finished.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("read {what}")]
    Read {
        what: String,
        #[source]
        source: KubeError,
    },
    #[error("write {what}")]
    Write {
        what: String,
        #[source]
        source: KubeError,
    },
    #[error("delete {what}")]
    Delete {
        what: String,
        #[source]
        source: KubeError,
    },
    #[error("generate a password")]
    Password(#[source] crate::passwords::Error),
    #[error("make the certificate of the instances")]
    Certificate(#[source] crate::certificates::Error),
    #[error("make the certificate that clients see")]
    ServerCertificate(#[source] crate::certificates::Error),
}

impl Error {
    pub(crate) fn read(what: impl Into<String>) -> impl FnOnce(KubeError) -> Self {
        let what = what.into();
        move |source| Self::Read { what, source }
    }

    pub(crate) fn write(what: impl Into<String>) -> impl FnOnce(KubeError) -> Self {
        let what = what.into();
        move |source| Self::Write { what, source }
    }

    pub(crate) fn delete(what: impl Into<String>) -> impl FnOnce(KubeError) -> Self {
        let what = what.into();
        move |source| Self::Delete { what, source }
    }

    /// How the pass is repeated.
    pub(crate) fn class(&self) -> Class {
        match self.refusal().map(|status| status.code) {
            Some(409) => Class::Conflict,
            Some(400 | 403 | 422) => Class::Invalid,
            _ => Class::Transient,
        }
    }

    /// A fixed word for logs and metrics.
    pub(crate) fn category(&self) -> &'static str {
        match self {
            Self::Read { .. } => "read",
            Self::Write { .. } => "write",
            Self::Delete { .. } => "delete",
            Self::Password(_) => "password",
            Self::Certificate(_) | Self::ServerCertificate(_) => "certificate",
        }
    }

    /// What the server said, in words for people.
    pub(crate) fn refusal_message(&self) -> Option<String> {
        if let Self::ServerCertificate(given @ crate::certificates::Error::Given) = self {
            return Some(given.to_string());
        }
        let status = self.refusal()?;
        Some(format!("the server refused to {self}: {}", status.message))
    }

    fn refusal(&self) -> Option<&kube::core::Status> {
        match self {
            Self::Read { source, .. }
            | Self::Write { source, .. }
            | Self::Delete { source, .. } => match source {
                KubeError::Api(status) => Some(status),
                _ => None,
            },
            Self::Password(_) | Self::Certificate(_) | Self::ServerCertificate(_) => None,
        }
    }
}

/// An error and everything that caused it, in one line.
pub(crate) struct Chain<'a>(pub(crate) &'a (dyn std::error::Error + 'static));

impl std::fmt::Display for Chain<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.0)?;
        let mut cause = self.0.source();
        while let Some(error) = cause {
            write!(f, ": {error}")?;
            cause = error.source();
        }
        Ok(())
    }
}
