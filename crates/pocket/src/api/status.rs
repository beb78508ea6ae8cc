//! Failures as Kubernetes words them: the `Status` object and its causes.
//!
//! Wording and codes come from the recorded answers of a real API server.

use std::collections::HashSet;

use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use serde_json::{Map, Value, json};

use super::resource::Resource;
use crate::{schema, store};

/// A request that was refused: becomes a `Status` object with its HTTP code.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Failure {
    pub(crate) code: StatusCode,
    pub(crate) reason: &'static str,
    pub(crate) message: String,
    /// `None` leaves `details` out.
    pub(crate) details: Option<Map<String, Value>>,
    /// Trying again with the newest object cannot help.
    last_word: bool,
    /// The whole `Status`, where somebody else has worded it.
    verbatim: Option<Box<Value>>,
}

/// One thing wrong with one field.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Cause {
    pub(crate) reason: &'static str,
    pub(crate) message: String,
    pub(crate) field: String,
}

impl Cause {
    pub(crate) fn required(field: impl Into<String>, detail: &str) -> Self {
        let message = if detail.is_empty() {
            "Required value".to_owned()
        } else {
            format!("Required value: {detail}")
        };
        Self {
            reason: "FieldValueRequired",
            message,
            field: field.into(),
        }
    }

    pub(crate) fn invalid(field: impl Into<String>, value: &Value, detail: &str) -> Self {
        let message = format!("Invalid value: {}: {detail}", shown(value));
        Self {
            reason: "FieldValueInvalid",
            message,
            field: field.into(),
        }
    }

    pub(crate) fn unsupported(field: impl Into<String>, value: &Value, allowed: &[String]) -> Self {
        let message = format!(
            "Unsupported value: {}: supported values: {}",
            shown(value),
            allowed.join(", ")
        );
        Self {
            reason: "FieldValueNotSupported",
            message,
            field: field.into(),
        }
    }

    pub(crate) fn forbidden(field: impl Into<String>, detail: &str) -> Self {
        let message = format!("Forbidden: {detail}");
        Self {
            reason: "FieldValueForbidden",
            message,
            field: field.into(),
        }
    }
}

impl From<schema::Cause> for Cause {
    fn from(cause: schema::Cause) -> Self {
        Self {
            reason: cause.reason.name(),
            message: cause.message,
            field: cause.field,
        }
    }
}

/// A value as Kubernetes prints it in a message.
pub(crate) fn shown(value: &Value) -> String {
    value.to_string()
}

impl Failure {
    pub(crate) fn new(code: StatusCode, reason: &'static str, message: impl Into<String>) -> Self {
        Self {
            code,
            reason,
            message: message.into(),
            details: None,
            last_word: false,
            verbatim: None,
        }
    }

    /// A refusal that somebody else has worded, as a whole `Status`.
    pub(crate) fn verbatim(code: StatusCode, message: impl Into<String>, status: Value) -> Self {
        Self {
            verbatim: Some(Box::new(status)),
            ..Self::new(code, "", message)
        }
    }

    /// Marks a conflict that is not about another writer coming in between.
    pub(crate) fn finally(mut self) -> Self {
        self.last_word = true;
        self
    }

    pub(crate) fn is_final(&self) -> bool {
        self.last_word
    }

    fn on(mut self, group: &str, kind: &str, name: &str) -> Self {
        let mut details = Map::new();
        for (key, value) in [("name", name), ("group", group), ("kind", kind)] {
            if !value.is_empty() {
                details.insert(key.to_owned(), Value::from(value));
            }
        }
        self.details = Some(details);
        self
    }

    fn about(self, resource: &Resource, name: &str) -> Self {
        self.on(&resource.group, &resource.plural, name)
    }

    pub(crate) fn bad_request(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "BadRequest", message)
    }

    pub(crate) fn internal(message: impl Into<String>) -> Self {
        let message = format!("Internal error occurred: {}", message.into());
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "InternalError", message)
    }

    pub(crate) fn not_found(resource: &Resource, name: &str) -> Self {
        let message = format!("{} \"{name}\" not found", resource.key);
        Self::new(StatusCode::NOT_FOUND, "NotFound", message).about(resource, name)
    }

    /// A path that looks like an API path but names nothing.
    pub(crate) fn no_such_resource() -> Self {
        let message = "the server could not find the requested resource";
        let mut failure = Self::new(StatusCode::NOT_FOUND, "NotFound", message);
        failure.details = Some(Map::new());
        failure
    }

    pub(crate) fn already_exists(resource: &Resource, name: &str) -> Self {
        let message = format!("{} \"{name}\" already exists", resource.key);
        Self::new(StatusCode::CONFLICT, "AlreadyExists", message).about(resource, name)
    }

    pub(crate) fn conflict(resource: &Resource, name: &str) -> Self {
        let message = format!(
            "Operation cannot be fulfilled on {} \"{name}\": the object has been modified; \
             please apply your changes to the latest version and try again",
            resource.key
        );
        Self::new(StatusCode::CONFLICT, "Conflict", message).about(resource, name)
    }

    /// A delete precondition that does not hold; Kubernetes names the kind here, not the plural.
    pub(crate) fn precondition(resource: &Resource, name: &str, detail: &str) -> Self {
        let kind = resource.qualified_kind();
        let message = format!("Operation cannot be fulfilled on {kind} \"{name}\": {detail}");
        Self::new(StatusCode::CONFLICT, "Conflict", message).on(
            &resource.group,
            &resource.kind,
            name,
        )
    }

    pub(crate) fn invalid(resource: &Resource, name: &str, causes: Vec<Cause>) -> Self {
        Self::invalid_kind(&resource.group, &resource.kind, name, causes)
    }

    pub(crate) fn invalid_kind(group: &str, kind: &str, name: &str, causes: Vec<Cause>) -> Self {
        let subject = if group.is_empty() {
            kind.to_owned()
        } else {
            format!("{kind}.{group}")
        };
        let mut lines: Vec<String> = Vec::with_capacity(causes.len());
        let mut told = HashSet::new();
        for cause in &causes {
            let line = format!("{}: {}", cause.field, cause.message);
            if told.insert(line.clone()) {
                lines.push(line);
            }
        }
        let list = match lines.as_slice() {
            [one] => one.clone(),
            many => format!("[{}]", many.join(", ")),
        };
        let message = format!("{subject} \"{name}\" is invalid: {list}");
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, "Invalid", message)
            .on(group, kind, name)
            .with_causes(causes)
    }

    pub(crate) fn with_causes(mut self, causes: Vec<Cause>) -> Self {
        let list = causes.into_iter().map(|cause| {
            let mut told = json!({"reason": cause.reason, "message": cause.message});
            if !cause.field.is_empty() {
                told["field"] = cause.field.into();
            }
            told
        });
        let details = self.details.get_or_insert_default();
        details.insert("causes".into(), list.collect());
        self
    }

    pub(crate) fn forbidden(resource: &str, group: &str, name: &str, detail: &str) -> Self {
        let subject = if group.is_empty() {
            resource.to_owned()
        } else {
            format!("{resource}.{group}")
        };
        let named = if name.is_empty() {
            subject
        } else {
            format!("{subject} \"{name}\"")
        };
        let message = format!("{named} is forbidden: {detail}");
        Self::new(StatusCode::FORBIDDEN, "Forbidden", message).on(group, resource, name)
    }

    /// A refusal of a path that is no resource's.
    pub(crate) fn forbidden_path(user: &str, path: &str) -> Self {
        let message = format!("forbidden: User \"{user}\" cannot get path \"{path}\"");
        let mut failure = Self::new(StatusCode::FORBIDDEN, "Forbidden", message);
        failure.details = Some(Map::new());
        failure
    }

    pub(crate) fn unauthorized() -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "Unauthorized", "Unauthorized")
    }

    pub(crate) fn method_not_allowed() -> Self {
        let message = "the server does not allow this method on the requested resource";
        let mut failure = Self::new(StatusCode::METHOD_NOT_ALLOWED, "MethodNotAllowed", message);
        failure.details = Some(Map::new());
        failure
    }

    pub(crate) fn unsupported_media(accepted: &str) -> Self {
        let message = format!(
            "the body of the request was in an unknown format - accepted media types include: {accepted}"
        );
        Self::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "UnsupportedMediaType",
            message,
        )
    }

    pub(crate) fn not_acceptable() -> Self {
        let message = "406: Not Acceptable\n\nAvailable representations: application/json";
        let code = StatusCode::NOT_ACCEPTABLE;
        Self::new(code, "NotAcceptable", message).on("", "", "")
    }

    pub(crate) fn too_large(limit: usize) -> Self {
        let message = format!("Request entity too large: limit is {limit}");
        Self::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            "RequestEntityTooLarge",
            message,
        )
    }

    pub(crate) fn expired(message: impl Into<String>) -> Self {
        Self::new(StatusCode::GONE, "Expired", message)
    }

    pub(crate) fn body(&self) -> Value {
        if let Some(status) = &self.verbatim {
            return (**status).clone();
        }
        let mut body = json!({
            "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
            "message": self.message, "code": self.code.as_u16(),
        });
        if !self.reason.is_empty() {
            body["reason"] = self.reason.into();
        }
        if let Some(details) = &self.details {
            body["details"] = Value::Object(details.clone());
        }
        body
    }

    /// Words a refusal of the store for one object.
    pub(crate) fn from_store(error: &store::Error, resource: &Resource, name: &str) -> Self {
        match error {
            store::Error::AlreadyExists => Self::already_exists(resource, name),
            store::Error::NotFound => Self::not_found(resource, name),
            store::Error::Conflict => Self::conflict(resource, name),
            store::Error::Expired { .. } => Self::expired(error.to_string()),
            store::Error::Future { requested, current } => {
                let message =
                    format!("Timeout: Too large resource version: {requested}, current: {current}");
                let failure = Self::new(StatusCode::GATEWAY_TIMEOUT, "Timeout", message);
                let mut failure = failure.with_causes(vec![Cause {
                    reason: "ResourceVersionTooLarge",
                    message: "Too large resource version".into(),
                    field: String::new(),
                }]);
                let details = failure.details.get_or_insert_default();
                details.insert("retryAfterSeconds".into(), 1.into());
                failure
            }
            store::Error::Full | store::Error::Quota { .. } => {
                let code = StatusCode::INSUFFICIENT_STORAGE;
                Self::new(code, "InsufficientStorage", error.to_string())
            }
            store::Error::Newer { .. } | store::Error::Foreign | store::Error::Unavailable(_) => {
                Self::internal(error.to_string())
            }
        }
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        json_response(self.code, &self.body())
    }
}

/// A JSON answer.
pub(crate) fn json_response(code: StatusCode, body: &Value) -> Response {
    let text = body.to_string();
    let mut response = (code, text).into_response();
    let json = HeaderValue::from_static("application/json");
    response.headers_mut().insert(header::CONTENT_TYPE, json);
    response
}

/// The `Status` that a finished deletion answers.
pub(crate) fn deleted(resource: &Resource, name: &str, uid: &str) -> Value {
    let mut details = json!({"name": name, "kind": resource.plural, "uid": uid});
    if !resource.group.is_empty() {
        details["group"] = Value::from(resource.group.as_str());
    }
    json!({
        "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success",
        "details": details,
    })
}
