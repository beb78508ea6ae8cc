//! An `AdmissionReview`, from its bytes to the bytes of the answer.
//!
//! The contract is that of the Kubernetes documentation for `admission.k8s.io/v1`. Nothing in a review is
//! trusted to be of the right form.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use howdah_plan::admission::Kind;
use howdah_plan::invalid::{Invalid, Reason};
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::size::{MOST_VALUES, values};

const API_VERSION: &str = "admission.k8s.io/v1";
const KIND: &str = "AdmissionReview";

/// The most findings that an answer lists, and the longest of them in characters.
const MOST_FINDINGS: usize = 50;
const LONGEST: usize = 1000;

/// The longest uid that is sent back; those of API servers have 36 bytes.
const LONGEST_UID: usize = 128;

/// A review cannot be answered as such.
#[derive(Debug, thiserror::Error)]
pub(super) enum Error {
    #[error("this is no AdmissionReview: {0}")]
    Unreadable(#[from] serde_json::Error),
    #[error("only reviews of {API_VERSION} are answered")]
    Version,
    #[error("the uid of the request is missing, or too long")]
    Uid,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Review<'a> {
    #[serde(default)]
    api_version: String,
    #[serde(default)]
    kind: String,
    #[serde(borrow)]
    request: Option<RawRequest<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawRequest<'a> {
    #[serde(default)]
    uid: String,
    #[serde(default)]
    kind: KindOfObject,
    #[serde(default)]
    operation: String,
    #[serde(default)]
    name: String,
    #[serde(default)]
    namespace: String,
    #[serde(default)]
    user_info: User,
    #[serde(borrow)]
    object: Option<&'a RawValue>,
    #[serde(borrow)]
    old_object: Option<&'a RawValue>,
}

#[derive(Deserialize, Default)]
struct User {
    #[serde(default)]
    username: String,
}

#[derive(Deserialize, Default)]
struct KindOfObject {
    #[serde(default)]
    group: String,
    #[serde(default)]
    kind: String,
}

/// What is asked about. Whether it is a dry run makes no difference: an answer changes nothing.
#[derive(Debug)]
pub(super) struct Request {
    pub(super) uid: String,
    pub(super) name: String,
    pub(super) namespace: String,
    /// Who writes.
    pub(super) user: String,
    pub(super) operation: Operation,
    /// What is asked, or why it cannot be answered.
    pub(super) question: Result<Question, Refusal>,
}

/// What a request does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Operation {
    /// It creates or changes an object.
    Write,
    /// It removes an object.
    Delete,
    /// Whatever there may be else.
    Other,
}

/// An object of one of our kinds.
#[derive(Debug)]
pub(super) struct Question {
    pub(super) kind: Kind,
    /// Null when the object goes.
    pub(super) object: Value,
    pub(super) old: Option<Value>,
}

/// A review's request; the answer to one that has at least a uid is an `AdmissionReview`, too.
pub(super) fn read(body: &[u8]) -> Result<Request, Error> {
    let review: Review<'_> = serde_json::from_slice(body)?;
    if (review.api_version.as_str(), review.kind.as_str()) != (API_VERSION, KIND) {
        return Err(Error::Version);
    }
    let request = review.request.ok_or(Error::Uid)?;
    if request.uid.is_empty() || request.uid.len() > LONGEST_UID {
        return Err(Error::Uid);
    }
    let question = question(&request);
    Ok(Request {
        uid: request.uid,
        name: request.name,
        namespace: request.namespace,
        user: request.user_info.username,
        operation: match request.operation.as_str() {
            "CREATE" | "UPDATE" => Operation::Write,
            "DELETE" => Operation::Delete,
            _ => Operation::Other,
        },
        question,
    })
}

fn question(request: &RawRequest<'_>) -> Result<Question, Refusal> {
    let asked = &request.kind;
    let kind = Kind::ALL
        .into_iter()
        .find(|kind| kind.as_str() == asked.kind);
    let kind = kind.filter(|_| asked.group == howdah_api::GROUP);
    let kind = kind.ok_or_else(|| {
        let what = format!("\"{}\" of \"{}\"", cut(&asked.kind), cut(&asked.group));
        Refusal::bad(format!("nothing is known here of the kind {what}"))
    })?;
    let old = request.old_object.map(object).transpose()?;
    Ok(Question {
        kind,
        object: request.object.map_or(Ok(Value::Null), object)?,
        old: old.filter(|old| !old.is_null()),
    })
}

fn object(text: &RawValue) -> Result<Value, Refusal> {
    if values(text.get()) > MOST_VALUES {
        let message = format!("the object has more than {MOST_VALUES} values");
        return Err(Refusal::bad(message));
    }
    let read = serde_json::from_str(text.get());
    read.map_err(|error| Refusal::bad(format!("the object cannot be read: {error}")))
}

/// Why something is refused.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Refusal(Value);

impl Refusal {
    fn bad(message: String) -> Self {
        Self(json!({"code": 400, "reason": "BadRequest", "message": message}))
    }

    /// In the words of the findings, one after the other.
    pub(super) fn of(kind: Kind, name: &str, problems: &[Invalid]) -> Self {
        let listed = &problems[..problems.len().min(MOST_FINDINGS)];
        let mut message: Vec<_> = listed.iter().map(|one| cut(&one.to_string())).collect();
        if problems.len() > listed.len() {
            message.push(format!("and {} more", problems.len() - listed.len()));
        }
        let message = message.join("; ");
        let reserved = |problem: &Invalid| problem.reason == Reason::Reserved;
        if problems.iter().all(reserved) {
            return Self(json!({"code": 403, "reason": "Forbidden", "message": message}));
        }
        let cause = |problem: &Invalid| {
            let message = cut(&problem.message);
            json!({"reason": "FieldValueInvalid", "message": message, "field": cut(&problem.field)})
        };
        let causes: Vec<_> = listed.iter().map(cause).collect();
        Self(json!({
            "code": 422,
            "reason": "Invalid",
            "message": message,
            "details": {
                "name": name, "group": howdah_api::GROUP, "kind": kind.as_str(), "causes": causes,
            },
        }))
    }
}

/// What is answered.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Answer {
    /// As it is; with what its writer should know.
    Allowed(Vec<String>),
    /// With these operations of a JSON Patch.
    Changed(Vec<Value>),
    /// Not at all.
    Refused(Refusal),
}

/// The answer as a review.
pub(super) fn write(uid: &str, answer: &Answer) -> Vec<u8> {
    let mut response = json!({"uid": uid, "allowed": !matches!(answer, Answer::Refused(_))});
    match answer {
        Answer::Allowed(warnings) if !warnings.is_empty() => {
            let warnings = warnings.iter().take(MOST_FINDINGS);
            response["warnings"] = warnings.map(|warning| cut(warning)).collect();
        }
        Answer::Changed(patch) if !patch.is_empty() => {
            response["patchType"] = "JSONPatch".into();
            let patch = Value::Array(patch.clone()).to_string();
            response["patch"] = STANDARD.encode(patch).into();
        }
        Answer::Refused(refusal) => response["status"] = refusal.0.clone(),
        Answer::Allowed(_) | Answer::Changed(_) => {}
    }
    let review = json!({"apiVersion": API_VERSION, "kind": KIND, "response": response});
    review.to_string().into_bytes()
}

fn cut(text: &str) -> String {
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests;
