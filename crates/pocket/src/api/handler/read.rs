//! Reading one object and lists of them.

mod pieces;
mod selection;

use axum::response::Response;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::StatusCode;
use serde_json::{Value, json};

use self::pieces::Pieces;
pub(super) use self::selection::Selection;
use super::call::Call;
use super::present;
use crate::api::request::Accept;
use crate::api::status::Failure;
use crate::api::table::{Table, partial_metadata_list};
use crate::store::{Key, Snapshot, Stored};

/// Answers one object.
pub(super) fn get(call: &Call<'_>) -> Result<Response, Failure> {
    if let Some(asked) = revision(&call.options.resource_version)? {
        not_older(call, asked)?;
    }
    present::one(call, StatusCode::OK, &call.stored()?.json)
}

/// The objects a list is about, before paging.
pub(super) fn selected(call: &Call<'_>, snapshot: Snapshot) -> Result<Snapshot, Failure> {
    let selection = Selection::parse(call)?;
    let mut items = snapshot.items;
    if !selection.is_empty() {
        let by_name = selection.fields.name();
        items.retain(|(key, stored)| {
            by_name.is_none_or(|name| *key.name == *name)
                && selection.matches(&call.resource, &stored.json)
        });
    }
    Ok(Snapshot {
        revision: snapshot.revision,
        items,
    })
}

/// A revision that has not been reached yet cannot be answered.
pub(super) fn not_older(call: &Call<'_>, asked: u64) -> Result<(), Failure> {
    let current = call.store().revision();
    if asked <= current {
        return Ok(());
    }
    let error = crate::store::Error::Future {
        requested: asked,
        current,
    };
    Err(Failure::from_store(&error, &call.resource, ""))
}

/// Answers a list.
pub(super) fn list(call: &Call<'_>) -> Result<Response, Failure> {
    let from = Continue::decode(&call.options.continue_token)?;
    let snapshot = selected(call, snapshot(call, from.as_ref())?)?;
    let revision = snapshot.revision;
    let mut items = snapshot.items;
    if let Some(from) = &from {
        items.retain(|(key, _)| from.is_before(call, key));
    }
    let mut metadata = json!({"resourceVersion": revision.to_string()});
    if let Some(limit) = call.options.limit.filter(|limit| items.len() > *limit) {
        let remaining = items.len() - limit;
        items.truncate(limit);
        if let Some((key, _)) = items.last() {
            metadata["continue"] = Continue::after(call, revision, key).encode().into();
        }
        // Counting what a selector leaves out would be a lie, so the original does not count then.
        let selecting =
            !call.options.label_selector.is_empty() || !call.options.field_selector.is_empty();
        if !selecting {
            metadata["remainingItemCount"] = remaining.into();
        }
    }
    render(call, metadata, &items)
}

fn snapshot(call: &Call<'_>, from: Option<&Continue>) -> Result<Snapshot, Failure> {
    let namespace = call.route.namespace.as_deref();
    let resource = &call.resource.key;
    let refused = |error| Failure::from_store(&error, &call.resource, "");
    if let Some(from) = from {
        // An inconsistent list goes on with what there is now.
        let Some(at) = from.revision else {
            return Ok(call.store().list(resource, namespace));
        };
        let past = call.store().list_at(resource, namespace, at);
        return past.map_err(|error| match error {
            crate::store::Error::Expired { .. } => from.too_old(),
            other => refused(other),
        });
    }
    let asked = revision(&call.options.resource_version)?;
    let exact = match call.options.version_match.as_str() {
        "Exact" => true,
        // Without a word about it, pages are taken from exactly this revision.
        "" => call.options.limit.is_some(),
        _ => false,
    };
    match asked {
        Some(asked) if exact => call
            .store()
            .list_at(resource, namespace, asked)
            .map_err(refused),
        Some(asked) => {
            not_older(call, asked)?;
            Ok(call.store().list(resource, namespace))
        }
        None => Ok(call.store().list(resource, namespace)),
    }
}

/// A `resourceVersion` parameter: empty and `0` mean any.
pub(super) fn revision(text: &str) -> Result<Option<u64>, Failure> {
    if text.is_empty() || text == "0" {
        return Ok(None);
    }
    let bad = || {
        Failure::bad_request(format!(
            "invalid resource version: strconv.ParseUint: parsing {text:?}: invalid syntax"
        ))
    };
    text.parse().map(Some).map_err(|_| bad())
}

/// Writes a list in the form the client asked for.
pub(super) fn render(
    call: &Call<'_>,
    metadata: Value,
    items: &[(Key, Stored)],
) -> Result<Response, Failure> {
    let resource = &call.resource;
    if call.accept == Accept::Json {
        let head = json!({
            "apiVersion": resource.api_version(), "kind": resource.list_kind, "metadata": metadata,
        });
        let mut start = head.to_string().into_bytes();
        start.pop();
        start.extend_from_slice(b",\"items\":[");
        let items = items.iter().map(|(_, stored)| stored.json.clone());
        let body = Pieces::new(resource, start, items.collect()).into_body();
        return Ok(present::raw(call, StatusCode::OK, body));
    }
    let objects: Vec<Value> = items
        .iter()
        .map(|(_, stored)| present::value(resource, &stored.json))
        .collect::<Result<_, _>>()?;
    let body = if call.accept == Accept::Table {
        let table = Table::of(resource, call.options.get("includeObject"))?;
        table.render(&objects, metadata, call.now, true)
    } else {
        partial_metadata_list(&objects, &metadata)
    };
    Ok(present::raw(call, StatusCode::OK, body.to_string()))
}

/// Where the next page of a list starts: the original's token.
struct Continue {
    /// `None` for a list that goes on without being consistent.
    revision: Option<u64>,
    start: String,
}

impl Continue {
    fn after(call: &Call<'_>, revision: u64, key: &Key) -> Self {
        Self {
            revision: Some(revision),
            start: format!("{}\0", Self::place(call, key)),
        }
    }

    /// The path of an object relative to what the list covers.
    fn place(call: &Call<'_>, key: &Key) -> String {
        if call.route.namespace.is_some() || key.namespace.is_empty() {
            format!("/{}", key.name)
        } else {
            format!("/{}/{}", key.namespace, key.name)
        }
    }

    fn is_before(&self, call: &Call<'_>, key: &Key) -> bool {
        Self::place(call, key) >= self.start
    }

    fn encode(&self) -> String {
        let revision = self.revision.map_or(Value::from(-1), Value::from);
        let token = json!({"v": "meta.k8s.io/v1", "rv": revision, "start": self.start});
        URL_SAFE_NO_PAD.encode(token.to_string())
    }

    /// The refusal of a token that is too old, with one by which the list can go on all the same.
    fn too_old(&self) -> Failure {
        let message = "The provided continue parameter is too old to display a consistent list \
            result. You can start a new list without the continue parameter, or use the continue \
            token in this response to retrieve the remainder of the results. Continuing with the \
            provided token results in an inconsistent list - objects that were created, modified, \
            or deleted between the time the first chunk was returned and now may show up in the \
            list.";
        let rest = Self {
            revision: None,
            start: self.start.clone(),
        };
        let mut status = Failure::expired(message).body();
        status["metadata"]["continue"] = rest.encode().into();
        Failure::verbatim(StatusCode::GONE, message, status)
    }

    fn decode(token: &str) -> Result<Option<Self>, Failure> {
        if token.is_empty() {
            return Ok(None);
        }
        let parsed = || {
            let text = URL_SAFE_NO_PAD.decode(token).ok()?;
            let token: Value = serde_json::from_slice(&text).ok()?;
            let start = token["start"].as_str()?.to_owned();
            let revision = match token["rv"].as_i64()? {
                -1 => None,
                revision => Some(u64::try_from(revision).ok()?),
            };
            Some(Self { revision, start })
        };
        let bad = || Failure::bad_request("continue key is not valid: the token cannot be read");
        parsed().map(Some).ok_or_else(bad)
    }
}

#[cfg(test)]
mod tests;
