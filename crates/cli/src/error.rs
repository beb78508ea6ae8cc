//! What can go wrong in a verb, worded for the person who typed it.

use std::error::Error as StdError;

use camino::Utf8PathBuf;
use kube::core::Status;

use crate::chain::chain;
use crate::exit::Exit;
use crate::manifest;

/// Why a verb did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The command line makes no sense.
    #[error("{0}")]
    Usage(String),
    /// No kubeconfig was named and none exists.
    #[error(
        "there is no cluster to talk to, because {looked} does not exist: start one here with `howdah up`, or name a kubeconfig with --kubeconfig"
    )]
    NoKubeconfig {
        /// The last place that was looked at.
        looked: String,
    },
    /// A kubeconfig could not be read.
    #[error("read the kubeconfig {path}")]
    KubeconfigFile {
        /// The file.
        path: String,
        /// Why not.
        #[source]
        source: std::io::Error,
    },
    /// A kubeconfig could not be used.
    #[error("use the kubeconfig {path}")]
    Kubeconfig {
        /// The file, or the list of files.
        path: String,
        /// What is wrong with it.
        #[source]
        source: Box<kube::config::KubeconfigError>,
    },
    /// The address in the kubeconfig does not answer.
    // The cause stands before the advice, so it is part of the sentence and not a source.
    #[error(
        "the Kubernetes API at {address}, named by {origin}, cannot be reached ({cause}): {advice}"
    )]
    Unreachable {
        /// The API's address.
        address: String,
        /// Where the address comes from.
        origin: String,
        /// The reason given by the network.
        cause: String,
        /// What to do.
        advice: &'static str,
    },
    /// The API took the request and never answered.
    #[error("the Kubernetes API at {address} did not answer within {seconds} s")]
    Silent {
        /// The API's address.
        address: String,
        /// How long we waited.
        seconds: u64,
    },
    /// The API refused, and said why.
    #[error("{}", refusal(.status, .doing.as_deref()))]
    Server {
        /// The answer.
        status: Box<Status>,
        /// What was asked for, such as `creating "simple.yaml"`.
        doing: Option<String>,
    },
    /// A request failed in another way.
    #[error("talk to the Kubernetes API at {address}")]
    Request {
        /// The API's address.
        address: String,
        /// What happened.
        #[source]
        source: Box<kube::Error>,
    },
    /// The API answered with something that is not what it should be.
    #[error("read the answer of the Kubernetes API to {request}")]
    Answer {
        /// The request's method and path.
        request: String,
        /// What is wrong with the answer.
        #[source]
        source: serde_json::Error,
    },
    /// No such kind of object.
    #[error("the server doesn't have a resource type \"{0}\"")]
    UnknownKind(String),
    /// Manifests could not be read.
    #[error(transparent)]
    Manifest(#[from] manifest::Error),
    /// There is nothing of that name, under any kind that was tried.
    #[error("{0}")]
    NotFound(String),
    /// The cluster is in a state that does not allow what was asked.
    #[error("{0}")]
    NotNow(String),
    /// Waiting took too long.
    #[error("{0}")]
    Timeout(String),
    /// Results could not be written.
    #[error("write the output")]
    Output(#[source] std::io::Error),
    /// A local file or socket could not be used.
    #[error("{what}")]
    Local {
        /// What we tried.
        what: String,
        /// Why it did not work.
        #[source]
        source: std::io::Error,
    },
    /// The program to start is nowhere.
    #[error(
        "no {program} on PATH nor in {components}: install the Postgres client, or run `make components`"
    )]
    NoProgram {
        /// Its name.
        program: &'static str,
        /// The components folder.
        components: Utf8PathBuf,
    },
}

impl Error {
    /// The exit code that goes with this error.
    #[must_use]
    pub fn exit(&self) -> Exit {
        match self {
            Self::Usage(_) => Exit::Usage,
            Self::Timeout(_) => Exit::Timeout,
            _ => Exit::Failure,
        }
    }

    /// Whether the reader of our output went away, which is nothing to report.
    #[must_use]
    pub fn is_closed_pipe(&self) -> bool {
        matches!(self, Self::Output(error) if error.kind() == std::io::ErrorKind::BrokenPipe)
    }

    /// The full text for standard error: the server's own words as they are, others behind `error:`.
    #[must_use]
    pub fn report(&self) -> String {
        match self {
            Self::Server { .. } => self.to_string(),
            _ => format!("error: {}", chain(self as &(dyn StdError + 'static))),
        }
    }

    /// The HTTP status code of a refusal by the server.
    pub(crate) fn code(&self) -> Option<u16> {
        match self {
            Self::Server { status, .. } => Some(status.code),
            _ => None,
        }
    }

    pub(crate) fn is_missing(&self) -> bool {
        self.code() == Some(404)
    }

    /// Adds what was being done to a refusal; leaves other errors alone.
    pub(crate) fn while_doing(self, doing: impl Into<String>) -> Self {
        match self {
            Self::Server { status, .. } => Self::Server {
                status,
                doing: Some(doing.into()),
            },
            other => other,
        }
    }
}

/// A refusal in the words that kubectl uses, which people know how to search for.
fn refusal(status: &Status, doing: Option<&str>) -> String {
    if status.reason == "Invalid" {
        return invalid(status);
    }
    if status.reason == "Conflict" && is_apply_conflict(status) {
        return apply_conflict(status);
    }
    let subject = doing.map_or_else(String::new, |doing| format!("error when {doing}: "));
    let message = status.message.trim_end();
    if status.reason.is_empty() {
        format!("Error from server: {subject}{message}")
    } else {
        format!("Error from server ({}): {subject}{message}", status.reason)
    }
}

fn invalid(status: &Status) -> String {
    let Some(details) = &status.details else {
        return format!("The request is invalid: {}", status.message);
    };
    let prefix = format!("The {} \"{}\" is invalid", details.kind, details.name);
    let mut causes = details.causes.iter().map(|cause| {
        if cause.field.is_empty() {
            cause.message.clone()
        } else {
            format!("{}: {}", cause.field, cause.message)
        }
    });
    match details.causes.len() {
        0 => format!("{prefix}: {}", status.message),
        1 => format!("{prefix}: {}", causes.next().unwrap_or_default()),
        _ => causes.fold(format!("{prefix}: "), |text, cause| {
            format!("{text}\n* {cause}")
        }),
    }
}

fn is_apply_conflict(status: &Status) -> bool {
    status.details.as_ref().is_some_and(|details| {
        !details.causes.is_empty()
            && details
                .causes
                .iter()
                .all(|cause| cause.reason == "FieldManagerConflict")
    })
}

fn apply_conflict(status: &Status) -> String {
    let causes = status.details.iter().flat_map(|details| &details.causes);
    let fields = causes.fold(String::new(), |text, cause| {
        format!("{text}\n* {} ({})", cause.field, cause.message)
    });
    format!(
        "Error from server (Conflict): these fields belong to another field manager:{fields}\nRemove them from the manifest, give them the values that they have, or take them over with --force-conflicts."
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use pretty_assertions::assert_eq;

    fn server(status: serde_json::Value) -> Error {
        Error::Server {
            status: Box::new(serde_json::from_value(status).unwrap()),
            doing: None,
        }
    }

    #[test]
    fn one_invalid_field_is_one_line() {
        let error = server(serde_json::json!({
            "reason": "Invalid", "code": 422, "message": "long",
            "details": {"name": "simple", "group": "stackgres.io", "kind": "SGCluster", "causes": [
                {"reason": "FieldValueRequired", "message": "Required value", "field": "spec.pods.persistentVolume.size"}]}
        }));
        assert_eq!(
            error.report(),
            "The SGCluster \"simple\" is invalid: spec.pods.persistentVolume.size: Required value"
        );
        assert_eq!(error.exit(), Exit::Failure);
    }

    #[test]
    fn several_invalid_fields_are_a_list() {
        let error = server(serde_json::json!({
            "reason": "Invalid", "code": 422, "message": "long",
            "details": {"name": "w", "kind": "Widget", "causes": [
                {"message": "Required value", "field": "spec.a"},
                {"message": "Required value", "field": "spec.b"}]}
        }));
        assert_eq!(
            error.report(),
            "The Widget \"w\" is invalid: \n* spec.a: Required value\n* spec.b: Required value"
        );
    }

    #[test]
    fn other_refusals_carry_the_reason_and_what_was_done() {
        let error = server(serde_json::json!({
            "reason": "BadRequest", "code": 400,
            "message": "strict decoding error: unknown field \"spec.bogus\""
        }));
        assert_eq!(
            error.while_doing("creating \"simple.yaml\"").report(),
            "Error from server (BadRequest): error when creating \"simple.yaml\": strict decoding error: unknown field \"spec.bogus\""
        );
    }

    #[test]
    fn an_apply_conflict_says_how_to_go_on() {
        let error = server(serde_json::json!({
            "reason": "Conflict", "code": 409, "message": "Apply failed with 1 conflict",
            "details": {"causes": [{"reason": "FieldManagerConflict",
                "message": "conflict with \"kubectl\" using v1", "field": ".spec.instances"}]}
        }));
        assert_eq!(
            error.report(),
            "Error from server (Conflict): these fields belong to another field manager:\n* .spec.instances (conflict with \"kubectl\" using v1)\nRemove them from the manifest, give them the values that they have, or take them over with --force-conflicts."
        );
    }
}
