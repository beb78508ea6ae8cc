//! Deleting objects: preconditions, grace periods, finalizers, propagation.

use axum::body::Body;
use axum::response::Response;
use http::{Request, StatusCode};
use serde_json::{Value, json};

use super::call::{Call, Current, parse};
use super::{admit, present, read, write};
use crate::api::object::{self, FOREGROUND, ORPHAN};
use crate::api::options::{self, Options};
use crate::api::status::{self, Cause, Failure};
use crate::api::{body, crd};
use crate::store::{Key, Write};

const TRIES: usize = 16;
/// Kinds that answer the deleted object instead of a bare success.
const RETURNED: [&str; 5] = [
    "pods",
    "services",
    "serviceaccounts",
    "persistentvolumeclaims",
    "persistentvolumes",
];

/// How an object is to be deleted.
#[derive(Clone, Debug, Default)]
struct How {
    grace: Option<i64>,
    propagation: Option<Propagation>,
    uid: Option<String>,
    revision: Option<String>,
    dry_run: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Propagation {
    Background,
    Foreground,
    Orphan,
}

/// What became of an object.
enum Outcome {
    /// It is gone; this was its last state.
    Gone(Value),
    /// It waits for its finalizers or its grace period.
    Waiting(Vec<u8>),
}

/// Answers a DELETE of one object.
pub(super) async fn delete(call: &Call<'_>, request: Request<Body>) -> Result<Response, Failure> {
    let how = How::parse(&call.options, request).await?;
    match remove(call, call.key(call.name()), &how).await? {
        Outcome::Gone(object) if RETURNED.contains(&&*call.resource.key) => {
            present::one(call, StatusCode::OK, object.to_string().as_bytes())
        }
        Outcome::Gone(object) => {
            let uid = object::meta(&object, "uid");
            let body = status::deleted(&call.resource, call.name(), uid);
            Ok(present::raw(call, StatusCode::OK, body.to_string()))
        }
        Outcome::Waiting(object) => present::one(call, StatusCode::OK, &object),
    }
}

/// Deletes the object of the URL as these options say.
pub(super) async fn with_options(call: &Call<'_>, options: &Value) -> Result<(), Failure> {
    let how = How::from_value(&call.options, options)?;
    remove(call, call.key(call.name()), &how).await?;
    Ok(())
}

/// Answers a DELETE of a collection.
pub(super) async fn collection(
    call: &Call<'_>,
    request: Request<Body>,
) -> Result<Response, Failure> {
    let how = How::parse(&call.options, request).await?;
    let snapshot = call
        .store()
        .list(&call.resource.key, call.route.namespace.as_deref());
    let found = read::selected(call, snapshot)?;
    for (key, _) in &found.items {
        match remove(call, key.clone(), &how).await {
            Err(failure) if failure.code == StatusCode::NOT_FOUND => {}
            done => drop(done?),
        }
    }
    let metadata = json!({"resourceVersion": found.revision.to_string()});
    read::render(call, metadata, &found.items)
}

impl How {
    async fn parse(options: &Options, request: Request<Body>) -> Result<Self, Failure> {
        let sent = body::read(request.into_body()).await?;
        let sent = if sent.is_empty() {
            Value::Null
        } else {
            body::yaml(&sent)?
        };
        Self::from_value(options, &sent)
    }

    fn from_value(options: &Options, sent: &Value) -> Result<Self, Failure> {
        let text = |path: &[&str]| {
            let text = object::text(sent, path);
            (!text.is_empty()).then(|| text.to_owned())
        };
        let word = text(&["propagationPolicy"]).unwrap_or_else(|| options.propagation.clone());
        let orphan = sent["orphanDependents"].as_bool().or(options.orphan);
        if orphan.is_some() && !word.is_empty() {
            let detail = "orphanDependents and deletionPropagation cannot be both set";
            let cause = Cause::invalid("propagationPolicy", &Value::from(word.as_str()), detail);
            options::refuse("DeleteOptions", vec![cause])?;
        }
        let dry_runs = object::list(sent, &["dryRun"]);
        options::refuse("DeleteOptions", options::dry_runs(dry_runs))?;
        let dry_run = dry_runs.contains(&Value::from("All"));
        Ok(Self {
            grace: sent["gracePeriodSeconds"].as_i64().or(options.grace_period),
            propagation: Propagation::parse(&word, orphan)?,
            uid: text(&["preconditions", "uid"]),
            revision: text(&["preconditions", "resourceVersion"]),
            dry_run: dry_run || options.dry_run,
        })
    }

    /// The `DeleteOptions` that say the same.
    fn options(&self) -> Value {
        let mut options = json!({"kind": "DeleteOptions", "apiVersion": "meta.k8s.io/v1"});
        if let Some(grace) = self.grace {
            options["gracePeriodSeconds"] = grace.into();
        }
        if let Some(propagation) = self.propagation {
            options["propagationPolicy"] = format!("{propagation:?}").into();
        }
        for (name, value) in [("uid", &self.uid), ("resourceVersion", &self.revision)] {
            if let Some(value) = value {
                options["preconditions"][name] = value.as_str().into();
            }
        }
        if self.dry_run {
            options["dryRun"] = json!(["All"]);
        }
        options
    }

    fn check(&self, call: &Call<'_>, name: &str, current: &Current) -> Result<(), Failure> {
        let uid = object::meta(&current.object, "uid");
        if let Some(wanted) = self.uid.as_deref().filter(|wanted| *wanted != uid) {
            let detail = format!(
                "the UID in the precondition ({wanted}) does not match the UID in record ({uid}). \
                 The object might have been deleted and then recreated"
            );
            return Err(Failure::precondition(&call.resource, name, &detail));
        }
        let revision = current.revision.to_string();
        if let Some(wanted) = self
            .revision
            .as_deref()
            .filter(|wanted| *wanted != revision)
        {
            let detail = format!(
                "the ResourceVersion in the precondition ({wanted}) does not match the \
                 ResourceVersion in record ({revision}). The object might have been modified"
            );
            return Err(Failure::precondition(&call.resource, name, &detail));
        }
        Ok(())
    }
}

impl Propagation {
    fn parse(word: &str, orphan: Option<bool>) -> Result<Option<Self>, Failure> {
        match (word, orphan) {
            ("Background", _) | ("", Some(false)) => Ok(Some(Self::Background)),
            ("Foreground", _) => Ok(Some(Self::Foreground)),
            ("Orphan", _) | ("", Some(true)) => Ok(Some(Self::Orphan)),
            ("", None) => Ok(None),
            (other, _) => {
                let allowed = ["Foreground", "Background", "Orphan", "nil"];
                let allowed: Vec<String> = allowed.iter().map(|one| format!("\"{one}\"")).collect();
                let cause = Cause::unsupported("propagationPolicy", &Value::from(other), &allowed);
                options::refuse("DeleteOptions", vec![cause])?;
                Ok(None)
            }
        }
    }
}

async fn remove(call: &Call<'_>, key: Key, how: &How) -> Result<Outcome, Failure> {
    let missing = || Failure::not_found(&call.resource, &key.name);
    for turn in 0..TRIES {
        let current = parse(&call.store().get(&key).ok_or_else(missing)?)?;
        how.check(call, &key.name, &current)?;
        if turn == 0 {
            admit::deletion(call, &current, how.options(), how.dry_run).await?;
        }
        let mut object = current.object.clone();
        let waits = mark(call, &mut object, how);
        let (revision, dry_run) = (current.revision, how.dry_run);
        if waits && object == current.object || dry_run {
            let text = object.to_string().into_bytes();
            return Ok(if waits {
                Outcome::Waiting(text)
            } else {
                Outcome::Gone(object)
            });
        }
        let write = match waits {
            true => Write::Update(key.clone(), revision, object.clone()),
            false => Write::Delete(key.clone(), revision, object.clone()),
        };
        match write::commit(call, write).await {
            Err(failure) if failure.reason == "Conflict" => {}
            Ok(stored) if waits => return Ok(Outcome::Waiting(stored.json.to_vec())),
            Ok(_) => return Ok(Outcome::Gone(object)),
            Err(failure) => return Err(failure),
        }
    }
    Err(Failure::conflict(&call.resource, &key.name))
}

/// Marks an object as being deleted; says whether it has to wait for something.
fn mark(call: &Call<'_>, object: &mut Value, how: &How) -> bool {
    propagate(object, how.propagation);
    if call.resource.is(crd::KEY) && !object::is_terminating(object) {
        object::add_finalizer(object, crd::CLEANUP);
        crd::terminating(object, &call.timestamp());
    }
    if call.resource.is("pods") && graceful(call, object, how.grace) {
        return true;
    }
    let held =
        !object::list(object, &["spec", "finalizers"]).is_empty() && call.resource.is("namespaces");
    if object::finalizers(object).is_empty() && !held {
        return false;
    }
    let now = call.timestamp();
    if held {
        object["status"]["phase"] = "Terminating".into();
    }
    let terminating = object::is_terminating(object);
    let metadata = object::metadata_mut(object);
    if !terminating {
        metadata.insert("deletionTimestamp".into(), now.into());
        let generation = metadata.get("generation").and_then(Value::as_i64);
        if let Some(generation) = generation.filter(|_| !call.resource.is(crd::KEY)) {
            metadata.insert("generation".into(), (generation + 1).into());
        }
    }
    if !held && !call.resource.is(crd::KEY) {
        metadata.insert("deletionGracePeriodSeconds".into(), 0.into());
    }
    true
}

fn propagate(object: &mut Value, propagation: Option<Propagation>) {
    match propagation {
        Some(Propagation::Foreground) => {
            object::remove_finalizer(object, ORPHAN);
            object::add_finalizer(object, FOREGROUND);
        }
        Some(Propagation::Orphan) => {
            object::remove_finalizer(object, FOREGROUND);
            object::add_finalizer(object, ORPHAN);
        }
        Some(Propagation::Background) => {
            object::remove_finalizer(object, FOREGROUND);
            object::remove_finalizer(object, ORPHAN);
        }
        None => {}
    }
}

/// Gives a running Pod time to stop; the node removes it when its processes are gone.
fn graceful(call: &Call<'_>, pod: &mut Value, asked: Option<i64>) -> bool {
    let own = object::at(pod, &["spec", "terminationGracePeriodSeconds"])
        .as_i64()
        .unwrap_or(30);
    let ended = matches!(
        object::text(pod, &["status", "phase"]),
        "Succeeded" | "Failed"
    );
    let placed = !object::text(pod, &["spec", "nodeName"]).is_empty();
    let terminating = object::is_terminating(pod);
    let before = object::at(pod, &["metadata", "deletionGracePeriodSeconds"]).as_i64();
    let grace = match asked {
        Some(seconds) if seconds < 0 => 1,
        Some(seconds) => seconds,
        None if terminating => before.unwrap_or(own),
        None => own,
    };
    if grace == 0 || (!terminating && (!placed || ended)) {
        return false;
    }
    // A second deletion can only shorten the time that is left.
    if terminating && before.is_some_and(|before| grace >= before) {
        return true;
    }
    let end = call.now + jiff::SignedDuration::from_secs(grace);
    let metadata = object::metadata_mut(pod);
    metadata.insert("deletionTimestamp".into(), object::timestamp(end).into());
    metadata.insert("deletionGracePeriodSeconds".into(), grace.into());
    if !terminating && let Some(generation) = metadata.get("generation").and_then(Value::as_i64) {
        metadata.insert("generation".into(), (generation + 1).into());
    }
    true
}
